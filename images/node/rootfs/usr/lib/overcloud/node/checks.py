"""Whether a service is up. Sockets of this process, not programs: each start of one is dear on an emulated processor."""

import os
import socket
import subprocess

TIMEOUT_SECONDS = 15
ESTABLISHED = "01"


def is_up(folder, check):
    """check: as components/standalone/health.ts describes it."""
    try:
        if check is None:
            return _pid(folder) > 0
        if "listens" in check:
            _connect(check["listens"]).close()
            return True
        if "http" in check:
            return _answers(**check["http"])
        if "connectedTo" in check:
            return _connected(_pid(folder), check["connectedTo"])
        return _succeeds(check["command"])
    except (OSError, ValueError, subprocess.SubprocessError):
        return False


def _pid(folder):
    answer = subprocess.run(["s6-svstat", "-o", "pid", folder], stdout=subprocess.PIPE, text=True, check=True)
    return int(answer.stdout)


def _connect(port):
    return socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)


def _answers(port, path, cacert=None):
    with _channel(port, cacert) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        status = connection.recv(64).split(b" ")
    return len(status) > 1 and int(status[1]) < 400


def _channel(port, cacert):
    connection = _connect(port)
    if cacert is None:
        return connection
    # Loading it takes a node without KVM a while.
    import ssl

    return ssl.create_default_context(cafile=cacert).wrap_socket(connection, server_hostname="127.0.0.1")


def _connected(pid, port):
    """Whether the process itself has a connection to this port, whichever services else do."""
    inodes = set()
    for name in ("tcp", "tcp6"):
        with open(f"/proc/net/{name}", encoding="ascii") as file:
            for fields in map(str.split, file.readlines()[1:]):
                if fields[3] == ESTABLISHED and int(fields[2].split(":")[1], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
    folder = f"/proc/{pid}/fd"
    return any(os.readlink(f"{folder}/{entry}") in inodes for entry in os.listdir(folder))


def _succeeds(command):
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.run(command, timeout=TIMEOUT_SECONDS, check=False, **quiet).returncode == 0
