"""The node's name and its only network card."""

import os
import subprocess
import time

from console import Failed

# Its driver may still be looking for it.
ATTEMPTS = 40
PAUSE_SECONDS = 0.25


def configure(node):
    name, settings = node["hostname"], node["network"]
    address = settings["address"]
    with open("/proc/sys/kernel/hostname", "w", encoding="ascii") as file:
        file.write(name)
    hosts = {"localhost": "127.0.0.1", name: address, **node.get("hosts", {})}
    _write("/etc/hosts", "".join(f"{where} {who}\n" for who, where in hosts.items()))
    _write("/etc/hostname", f"{name}\n")
    card = _card(settings["mac"])
    batch = (
        "link set lo up",
        f"link set {card} up",
        f"address replace {address}/{settings['prefix']} dev {card}",
        f"route replace default via {settings['gateway']}",
    )
    subprocess.run(["ip", "-batch", "-"], input="\n".join(batch), text=True, check=True)


def _card(mac):
    for _ in range(ATTEMPTS):
        for card in os.listdir("/sys/class/net"):
            with open(f"/sys/class/net/{card}/address", encoding="ascii") as file:
                if file.read().strip() == mac:
                    return card
        time.sleep(PAUSE_SECONDS)
    raise Failed(f"no network card has the address {mac}")


def _write(path, content):
    with open(path, "w", encoding="ascii") as file:
        file.write(content)
