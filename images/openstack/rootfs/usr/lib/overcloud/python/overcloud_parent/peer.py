"""Becomes a process of another container: what that container's own processes have, and nothing else."""

import ctypes
import os
import sys

NAMESPACES = os.CLONE_NEWNS | os.CLONE_NEWNET | os.CLONE_NEWIPC | os.CLONE_NEWUTS | os.CLONE_NEWCGROUP
# Where the machine's control groups are to be found.
CONTROL_GROUPS = "/host/cgroup"

PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
CAPABILITY_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def parse_cgroups(text, root=CONTROL_GROUPS):
    """Folders of a process's control groups, from its /proc/PID/cgroup: one per controller, or one in all."""
    folders = []
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        # "name=systemd" is a hierarchy without a controller; version 2 has neither name nor controller here.
        mount = controllers.removeprefix("name=")
        folders.append("/".join(part for part in (root, mount, path.strip("/")) if part))
    return folders


def parse_environment(data):
    """Variables from /proc/PID/environ."""
    return dict(entry.split("=", 1) for entry in os.fsdecode(data).split("\0") if "=" in entry)


def parse_status(text):
    """Capability sets by name, and whether new privileges are ruled out, from /proc/PID/status."""
    fields = dict(line.split(":", 1) for line in text.splitlines())
    sets = {name: int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd")}
    return sets, fields.get("NoNewPrivs", "0").strip() == "1"


def become(pid, handle):
    """
    Makes this process, a fork in the process namespace of `pid`, one of the container of `pid`: a process whose
    environment and output it takes over as well. `handle` is a pidfd of it.
    """
    with open(f"/proc/{pid}/environ", "rb") as file:
        environment = parse_environment(file.read())
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        capabilities, no_new_privileges = parse_status(file.read())
    # Where errors go: a shell's standard output may still be the socket that it has just asked on.
    output = os.open(f"/proc/{pid}/fd/2", os.O_WRONLY | os.O_APPEND)
    _join_cgroups(pid)
    # Fails when the process is gone meanwhile, so what was read above was its own.
    os.setns(handle, NAMESPACES)
    os.setsid()
    os.chdir("/")
    os.umask(0o022)
    for descriptor, target in ((os.open("/dev/null", os.O_RDONLY), 0), (output, 1), (output, 2)):
        os.dup2(descriptor, target)
    os.close(output)
    _limit(capabilities, no_new_privileges)
    os.environ.clear()
    os.environ.update(environment)


def _join_cgroups(pid):
    with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
        folders = parse_cgroups(file.read())
    for folder in folders:
        # Version 2 is listed even where it is mounted nowhere.
        if not os.path.isdir(folder):
            continue
        try:
            with open(f"{folder}/cgroup.procs", "w", encoding="ascii") as file:
                file.write("0")
        except OSError as error:
            print(f"stays out of {folder}: {error}", file=sys.stderr, flush=True)


def _limit(capabilities, no_new_privileges):
    libc = ctypes.CDLL(None, use_errno=True)

    def check(result):
        if result != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
        last = int(file.read())
    for capability in range(last + 1):
        if not capabilities["CapBnd"] >> capability & 1:
            check(libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0))
    words = (_Sets * 2)()
    for position, word in enumerate(words):
        for field, name in (("effective", "CapEff"), ("permitted", "CapPrm"), ("inheritable", "CapInh")):
            setattr(word, field, capabilities[name] >> 32 * position & 0xFFFFFFFF)
    check(libc.capset(ctypes.byref(_Header(CAPABILITY_VERSION_3, 0)), words))
    if no_new_privileges:
        check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
