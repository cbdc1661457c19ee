"""The data volume: formatted when it is blank, filled from the image, and never written over."""

import os
import shutil
import subprocess

from console import Failed

DEVICE = "/dev/vdb"
MOUNT = "/var/lib/overcloud"
LABEL = "overcloud-data"
# e2fsck's answer when it found nothing that it could not repair.
REPAIRED = 2
HOST_KEY = f"{MOUNT}/ssh/ssh_host_ed25519_key"


def mount(paths):
    if not os.path.exists(DEVICE):
        raise Failed(f"there is no data volume {DEVICE}")
    _format_if_blank()
    checked = subprocess.run(["e2fsck", "-p", DEVICE], stdout=subprocess.DEVNULL, check=False)
    if checked.returncode > REPAIRED:
        raise Failed(f"the data volume is damaged: e2fsck answers {checked.returncode}")
    os.makedirs(MOUNT, exist_ok=True)
    subprocess.run(["mount", "-o", "noatime", DEVICE, MOUNT], check=True)
    # The volume may have grown since.
    subprocess.run(["resize2fs", DEVICE], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    for path in sorted(set(paths)):
        _bind(path)
    _make_host_key()


def _format_if_blank():
    probe = subprocess.run(
        ["blkid", "-p", "-o", "value", "-s", "LABEL", DEVICE], stdout=subprocess.PIPE, text=True, check=False
    )
    if probe.returncode == 2:
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-L", LABEL, DEVICE], check=True)
    elif probe.stdout.strip() != LABEL:
        raise Failed(f"{DEVICE} holds something else than a node's data; it is left alone")


def _bind(path):
    """Puts a folder of the volume in the place of the image's, which fills it when it is new."""
    kept = f"{MOUNT}/data/{path.strip('/').replace('/', '-')}"
    if not os.path.isdir(kept):
        part = f"{kept}.part"
        shutil.rmtree(part, ignore_errors=True)
        os.makedirs(f"{MOUNT}/data", exist_ok=True)
        subprocess.run(["cp", "-a", path, part], check=True)
        # Whole or not at all, also when the power goes.
        os.sync()
        os.rename(part, kept)
    subprocess.run(["mount", "--bind", kept, path], check=True)


def _make_host_key():
    """The node's ssh host key outlives its disk."""
    if not os.path.exists(HOST_KEY):
        os.makedirs(os.path.dirname(HOST_KEY), mode=0o700, exist_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", HOST_KEY], check=True)
