"""Boots servers until they are ACTIVE and measures every phase, or removes what it booted."""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.overcloud.cloud import CONNECTION_ARGUMENTS, Cloud, CloudError, now
from ansible.module_utils.overcloud.measure import counted, failure, in_words, percentiles, shortened
from ansible.module_utils.overcloud.watch import PortWatch, ServerWatch, delete_servers, status_of
from ansible.module_utils.overcloud.work import run_bounded

DOCUMENTATION = """
module: boot_servers
short_description: boots servers and measures how long every phase takes
options:
  clouds_file: {type: path, required: true, description: A clouds.yaml.}
  cloud: {type: str, required: true, description: Name of the cloud in it.}
  call_seconds: {type: float, default: 60, description: Seconds that one API call may take.}
  state: {type: str, choices: [present, absent], default: present, description: Whether the servers are to be there.}
  group: {type: str, default: boot, description: Names the servers GROUP-0000 and so on; groups are apart.}
  count: {type: int, required: true, description: Servers that are to be there.}
  concurrency: {type: int, default: 10, description: Servers that are under way at once.}
  image: {type: str, required: true, description: Name or id.}
  flavor: {type: str, required: true, description: Name or id.}
  network: {type: str, required: true, description: Name or id.}
  placing: {type: str, choices: [scheduler, even], default: scheduler, description: Who chooses computes.}
  poll_seconds: {type: float, default: 0.5, description: Seconds between looks, which is how exact times are.}
  timeout_seconds: {type: float, default: 900, description: Seconds for all of it.}
author: the overcloud project
"""

MARK = "boot_servers"

# In the order in which a server goes through them.
PHASES = ["scheduled", "networking", "spawning", "active"]


def phase_of(server):
    """The last phase that a server has reached; None before a compute has it."""
    if server["status"] == "ACTIVE":
        return "active"
    if server.get("OS-EXT-STS:task_state") in ("networking", "spawning"):
        return server["OS-EXT-STS:task_state"]
    if server.get("OS-EXT-STS:task_state") == "block_device_mapping":
        return "networking"
    return "scheduled" if server.get("OS-EXT-SRV-ATTR:host") else None


def reached(server):
    """All phases that a server has behind it: some are shorter than the time between two looks."""
    phase = phase_of(server)
    return PHASES[: PHASES.index(phase) + 1] if phase else []


class Boot:
    """One run of it."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.deadline = now() + parameters["timeout_seconds"]
        self.cloud = Cloud(parameters)
        self.metadata = {"overcloud": MARK, "overcloud-group": parameters["group"]}
        self.watch = ServerWatch(self.cloud, parameters["poll_seconds"])
        self.ports = PortWatch(self.cloud, parameters["poll_seconds"])
        self.watch.start()
        self.ports.start()

    def existing(self):
        return self.cloud.servers("&name=^{0}-".format(self.parameters["group"]), self.metadata)

    def absent(self):
        servers = self.existing()
        times, failed = self.delete(servers)
        results = {"deleted": len(times), "left": len(self.existing()), "delete": percentiles(times)}
        summary = "{0} of {1} servers deleted: {2}".format(len(times), len(servers), in_words(results["delete"]))
        return results, failed, summary, bool(servers)

    def delete(self, servers):
        times, failed = delete_servers(
            self.cloud, self.watch, servers, self.parameters["concurrency"], self.deadline
        )
        return times, [failure(name, "could not be deleted: {0}".format(error)) for name, error in failed]

    def present(self):
        parameters = self.parameters
        existing = self.existing()
        broken = [server for server in existing if server["status"] == "ERROR"]
        _, failures = self.delete(broken)
        kept = {server["name"] for server in existing if server not in broken}
        names = ["{0}-{1:04d}".format(parameters["group"], place) for place in range(parameters["count"])]
        missing = [name for name in names if name not in kept]
        placed = self.places(missing)
        template = self.template() if missing else {}
        started = now()
        ended = run_bounded(missing, parameters["concurrency"], lambda name: self.boot(name, placed, template), self.deadline)
        seconds = now() - started

        booted = [answer for _, answer, error in ended if error is None]
        failures += [failure(name, error) for name, _, error in ended if error is not None]
        hosts = counted(
            server["OS-EXT-SRV-ATTR:host"] for server in self.existing() if server["status"] == "ACTIVE"
        )
        results = {
            "requested": parameters["count"],
            "existing": len(kept & set(names)),
            "replaced": len(broken),
            "created": len(booted),
            "failed": len(ended) - len(booted),
            "phases": {
                phase: percentiles(each[phase] for each in booted if phase in each)
                for phase in ["accepted", *PHASES, "portActive"]
            },
            "serversPerMinute": round(len(booted) / seconds * 60, 1) if booted else None,
            "spread": hosts,
            "resolutionSeconds": parameters["poll_seconds"],
        }
        summary = "{0} servers there before, {1} booted, {2} failed, on {3} computes; until ACTIVE: {4}".format(
            results["existing"], len(booted), results["failed"], len(hosts), in_words(results["phases"]["active"])
        )
        return results, failures, summary, bool(missing or broken)

    def template(self):
        parameters = self.parameters
        return {
            "imageRef": self.cloud.id_of("image", "/images?name=" + parameters["image"], "images", parameters["image"]),
            "flavorRef": self.cloud.id_of("compute", "/flavors", "flavors", parameters["flavor"]),
            "networks": [
                {"uuid": self.cloud.id_of("network", "/networks?name=" + parameters["network"], "networks", parameters["network"])}
            ],
            "metadata": self.metadata,
        }

    def places(self, names):
        """Host of each server, where the scheduler is not asked."""
        if self.parameters["placing"] == "scheduler" or not names:
            return {}
        hosts = sorted(
            (host for host, service in self.cloud.computes().items()
             if service["state"] == "up" and service["status"] == "enabled"),
            key=lambda host: (len(host), host),
        )
        if not hosts:
            raise CloudError("no compute of the cloud {0} is up and enabled".format(self.cloud.name), "parameter")
        return {name: hosts[place % len(hosts)] for place, name in enumerate(names)}

    def boot(self, name, placed, template):
        """Boots one server; answers the seconds after which it had reached each phase."""
        seen = {}
        started = now()
        body = dict(template, name=name, **({"host": placed[name]} if name in placed else {}))
        identity = self.cloud.post("compute", "/servers", {"server": body})["server"]["id"]
        seen["accepted"] = now() - started

        def see(server, _):
            for phase in reached(server):
                seen.setdefault(phase, now() - started)
            return server["status"] in ("ACTIVE", "ERROR", "DELETED")

        def see_ports(ports, _):
            if not ports or any(port["status"] != "ACTIVE" for port in ports):
                return False
            seen.setdefault("portActive", now() - started)
            return True

        server = self.watch.follow(identity, see)
        ports = self.ports.follow(identity, see_ports)
        try:
            server.done.wait(max(0, self.deadline - now()))
            if not server.last or server.last["status"] != "ACTIVE":
                raise CloudError("not ACTIVE: {0}".format(self.reason(identity, server)), "server")
            # A server that has its port wired is ACTIVE after it; more than a look or two is not needed.
            if not ports.done.wait(max(1, min(30, self.deadline - now()))):
                raise CloudError("ACTIVE, but its port is not", "port")
        finally:
            self.watch.forget(identity)
            self.ports.forget(identity)
        return seen

    def reason(self, identity, server):
        """Why a server is not ACTIVE; only the server by itself tells of its fault."""
        try:
            return status_of(self.cloud.get("compute", "/servers/" + identity)["server"])
        except CloudError:
            return status_of(server.last)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            CONNECTION_ARGUMENTS,
            state={"type": "str", "choices": ["present", "absent"], "default": "present"},
            group={"type": "str", "default": "boot"},
            count={"type": "int", "required": True},
            concurrency={"type": "int", "default": 10},
            image={"type": "str", "required": True},
            flavor={"type": "str", "required": True},
            network={"type": "str", "required": True},
            placing={"type": "str", "choices": ["scheduler", "even"], "default": "scheduler"},
            poll_seconds={"type": "float", "default": 0.5},
            timeout_seconds={"type": "float", "default": 900},
        )
    )
    try:
        boot = Boot(module.params)
        results, failures, summary, changed = boot.present() if module.params["state"] == "present" else boot.absent()
    except CloudError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, measured=results, failures=shortened(failures), summary=summary)


if __name__ == "__main__":
    main()
