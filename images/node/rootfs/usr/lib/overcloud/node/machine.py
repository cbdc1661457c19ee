"""What the kernel offers: file systems and drivers."""

import os
import subprocess

# mount point, type, options
FILE_SYSTEMS = (
    ("/proc", "proc", "nosuid,nodev,noexec"),
    ("/sys", "sysfs", "nosuid,nodev,noexec"),
    ("/dev", "devtmpfs", "nosuid,mode=0755"),
    ("/run", "tmpfs", "nosuid,nodev,mode=0755"),
    ("/dev/pts", "devpts", "nosuid,noexec,gid=5,mode=620,ptmxmode=666"),
    ("/dev/shm", "tmpfs", "nosuid,nodev,mode=1777"),
    ("/tmp", "tmpfs", "nosuid,nodev,mode=1777"),
)
# What the services expect below /run, which is empty at each boot.
FOLDERS = ("lock", "overcloud", "ovn", "openvswitch", "sshd")
# Whatever kind of machine QEMU plays: cards, drives with the seed, power button. A driver that a kernel has built in, or
# not at all, is no failure here: what is missing then says so itself.
DRIVERS = ("virtio_net", "e1000", "sr_mod", "isofs", "ata_piix", "ahci", "virtio_scsi", "button", "virtio_rng")


def mount_kernel_file_systems():
    for point, kind, options in FILE_SYSTEMS:
        os.makedirs(point, exist_ok=True)
        # The initial RAM disk hands over some of them, with options of its own: /run without programs, for instance.
        if os.path.ismount(point):
            options = f"remount,exec,{options}" if point == "/run" else f"remount,{options}"
        subprocess.run(["mount", "-t", kind, "-o", options, kind, point], check=True)
    for folder in FOLDERS:
        os.makedirs(f"/run/{folder}", exist_ok=True)
    os.chmod("/run/lock", 0o1777)


def load_modules():
    subprocess.run(["modprobe", "-a", "-q", *DRIVERS], check=False)


def copies_by_one_instruction():
    """Whether the kernel takes the processor's own instruction for fast."""
    with open("/proc/cpuinfo", encoding="ascii") as file:
        return " erms " in next((line for line in file if line.startswith("flags")), "")
