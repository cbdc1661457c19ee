"""The disk with what differs between nodes, and what of it becomes a file."""

import json
import os
import subprocess
import time

from console import Failed

LABEL = b"OVERCLOUD"
# Where ISO 9660 has its primary descriptor, and in it magic and label.
DESCRIPTOR = 16 * 2048
MOUNT = "/run/overcloud/seed"
# The paths of the files that the last boot wrote.
WRITTEN = "/etc/overcloud/seed.json"
# The bus may still be looking for its drives.
ATTEMPTS = 60
PAUSE_SECONDS = 0.5


def read():
    """Both documents of the seed."""
    device = _find()
    os.makedirs(MOUNT, mode=0o700)
    subprocess.run(["mount", "-t", "iso9660", "-o", "ro", device, MOUNT], check=True)
    try:
        return [_load(name) for name in ("node.json", "files.json")]
    finally:
        subprocess.run(["umount", MOUNT], check=True)
        os.rmdir(MOUNT)


def _load(name):
    try:
        with open(f"{MOUNT}/{name}", encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise Failed(f"the seed's {name} can't be read: {error}") from error


def _find():
    for _ in range(ATTEMPTS):
        for name in os.listdir("/sys/class/block"):
            if _label(f"/dev/{name}") == LABEL:
                return f"/dev/{name}"
        time.sleep(PAUSE_SECONDS)
    raise Failed("no disk has the label OVERCLOUD")


def _label(device):
    try:
        with open(device, "rb") as file:
            file.seek(DESCRIPTOR)
            descriptor = file.read(72)
    except OSError:
        return None  # An empty drive.
    return descriptor[40:72].rstrip() if descriptor[1:6] == b"CD001" else None


def write_files(files):
    """As they are copied into containers: root's, for root alone. Each service's start script hands over its own.

    What an earlier seed wrote and this one does not goes.
    """
    for path in _written() - files.keys():
        if os.path.exists(path):
            os.remove(path)
    _write(WRITTEN, json.dumps(sorted(files)))
    for path, content in files.items():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _write(path, content)


def _written():
    try:
        with open(WRITTEN, encoding="utf-8") as file:
            return set(json.load(file))
    except FileNotFoundError:
        return set()


def write_login(public_key):
    os.makedirs("/root/.ssh", mode=0o700, exist_ok=True)
    _write("/root/.ssh/authorized_keys", f"{public_key}\n")


def _write(path, content):
    # A new file in place of the old one, which may be another user's by now.
    with open(f"{path}.new", "w", encoding="utf-8", opener=_private) as file:
        file.write(content)
    os.rename(f"{path}.new", path)


def _private(path, flags):
    return os.open(path, flags, mode=0o600)
