"""Service directories for s6, of the node's own helpers and of what the seed lists."""

import json
import os
import shutil

SCAN = "/run/service"
NODE = "/run/overcloud/node.json"
LOGS = "/var/log/overcloud"
# As the containers' logs: three files of ten megabytes.
LOG = f"#!/bin/sh\nexec s6-log T n2 s10000000 {LOGS}/%s\n"
RUN = "#!/bin/sh\nexec 2>&1\nexec s6-envdir env /usr/lib/overcloud/bin/%s\n"
SUPERVISED = "/usr/lib/overcloud/node/supervised"


def describe(node):
    os.makedirs(LOGS, exist_ok=True)
    for helper in os.listdir(SUPERVISED):
        shutil.copytree(f"{SUPERVISED}/{helper}", f"{SCAN}/{helper}")
    for service in node["services"]:
        _describe(service)
    # The services with data end after the others; what is ended, and in which order, is read from here.
    with open(NODE, "w", encoding="utf-8") as file:
        json.dump({"services": node["services"], "data": node["data"]}, file)
    names = [service["name"] for service in node["services"]]
    _write("/run/overcloud/stop-first", "".join(f"{name}\n" for name in names if name not in node["data"]))
    _write("/run/overcloud/stop-last", "".join(f"{name}\n" for name in names if name in node["data"]))


def _describe(service):
    name, folder = service["name"], f"{SCAN}/{service['name']}"
    os.makedirs(f"{folder}/env")
    os.makedirs(f"{folder}/log")
    for key, value in service.get("environment", {}).items():
        _write(f"{folder}/env/{key}", value)
    _write(f"{folder}/run", RUN % name, executable=True)
    _write(f"{folder}/log/run", LOG % name, executable=True)
    shutil.copy("/usr/lib/overcloud/node/finish", f"{folder}/finish")
    # Started when what it waits for is up.
    _write(f"{folder}/down", "")
    _write(f"{folder}/timeout-kill", str(service.get("graceSeconds", 10) * 1000))


def _write(path, content, executable=False):
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)
    if executable:
        os.chmod(path, 0o755)
