"""Creates and deletes servers, ports and networks at a steady rate, and measures every call and every wait."""

import threading

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.overcloud.cloud import CONNECTION_ARGUMENTS, Cloud, CloudError, now
from ansible.module_utils.overcloud.measure import counted, failure, percentiles, shortened
from ansible.module_utils.overcloud.watch import ServerWatch, delete_servers, status_of
from ansible.module_utils.overcloud.work import Pace, run_bounded

DOCUMENTATION = """
module: churn
short_description: creates and deletes servers, ports and networks at a steady rate and leaves nothing
options:
  clouds_file: {type: path, required: true, description: A clouds.yaml.}
  cloud: {type: str, required: true, description: Name of the cloud in it.}
  call_seconds: {type: float, default: 60, description: Seconds that one API call may take.}
  state: {type: str, choices: [present, absent], default: present, description: "absent only removes what is left."}
  group: {type: str, default: churn, description: Begins the name of all that it makes.}
  kinds: {type: list, elements: str, required: true, description: "What is made, in turn: server, port, network."}
  rate_per_minute: {type: float, default: 30, description: Things that are begun in a minute.}
  seconds: {type: float, default: 60, description: For how long things are begun.}
  lifetime_seconds: {type: float, default: 5, description: How long each is there before it is deleted.}
  concurrency: {type: int, default: 20, description: Things that are under way at once.}
  image: {type: str, required: true, description: Name or id.}
  flavor: {type: str, required: true, description: Name or id.}
  network: {type: str, required: true, description: Name or id.}
  poll_seconds: {type: float, default: 0.5, description: Seconds between looks, which is how exact waits are.}
  timeout_seconds: {type: float, default: 900, description: Seconds for all of it.}
author: the overcloud project
"""

MARK = "churn"
DESCRIPTION = "made by the playbook churn"

# Seconds that are kept back for cleaning up.
CLEANING_SHARE = 0.2


class Churn:
    """One run of it."""

    def __init__(self, parameters):
        self.parameters = parameters
        began = now()
        self.last = began + parameters["timeout_seconds"]
        self.deadline = self.last - parameters["timeout_seconds"] * CLEANING_SHARE
        self.cloud = Cloud(parameters)
        self.watch = ServerWatch(self.cloud, parameters["poll_seconds"])
        self.watch.start()
        self.pause = threading.Event()
        self.lock = threading.Lock()
        self.times = {}
        self.errors = {}
        self.failures = []
        self.metadata = {"overcloud": MARK, "overcloud-group": parameters["group"]}

    def run(self):
        parameters = self.parameters
        leftovers = self.clean()
        template = self.template()
        pace = Pace(parameters["rate_per_minute"], parameters["seconds"])
        late = []
        begun_at = []

        def turn(place):
            self.pause.wait(max(0, pace.due(place) - now()))
            late.append(max(0, now() - pace.due(place)))
            begun_at.append(now())
            kind = parameters["kinds"][place % len(parameters["kinds"])]
            name = "{0}-{1}-{2:05d}".format(parameters["group"], kind, place)
            getattr(self, kind)(name, template)

        started = now()
        ended = run_bounded(range(pace.count), parameters["concurrency"], turn, self.deadline)
        left = self.clean(self.last)
        remaining = self.left()

        operations = {
            name: dict(
                percentiles(self.times.get(name, [])),
                errors=len(self.errors.get(name, [])),
                errorKinds=counted(self.errors.get(name, [])),
            )
            for name in sorted({*self.times, *self.errors})
        }
        calls = sum(each["count"] + each["errors"] for each in operations.values())
        errors = sum(each["errors"] for each in operations.values())
        begun = len(late)
        results = {
            "begun": begun,
            "planned": pace.count,
            "succeeded": sum(1 for each in ended if each[2] is None),
            "operations": operations,
            "errors": errors,
            "errorPercent": round(errors / calls * 100, 2) if calls else 0.0,
            "startedLate": percentiles(late),
            "ratePerMinute": round(begun / (max(begun_at) - started + pace.interval) * 60, 1) if begun else None,
            "removedBefore": leftovers,
            "removedAfter": left,
            "left": remaining,
            "resolutionSeconds": parameters["poll_seconds"],
        }
        self.failures += [
            failure("cleaning up", "{0} {1} are left".format(count, kind)) for kind, count in remaining.items() if count
        ]
        summary = "{0} of {1} things came and went, {2} of {3} operations failed ({4} %); left: {5}".format(
            results["succeeded"], pace.count, errors, calls, results["errorPercent"], sum(remaining.values())
        )
        return results, self.failures, summary, True

    def absent(self):
        removed = self.clean()
        remaining = self.left()
        self.failures += [
            failure("cleaning up", "{0} {1} are left".format(count, kind)) for kind, count in remaining.items() if count
        ]
        summary = "removed {servers} servers, {ports} ports, {networks} networks".format(**removed)
        return {"removed": removed, "left": remaining}, self.failures, summary, any(removed.values())

    # -- what comes and goes -------------------------------------------------

    def server(self, name, template):
        """A server with the port that nova makes for it."""
        body = {"server": dict(template["server"], name=name)}
        identity = None
        started = now()
        try:
            identity = self.timed(
                "serverCreateCall", name, lambda: self.cloud.post("compute", "/servers", body)
            )["server"]["id"]
            self.timed("serverActive", name, lambda: self.until_active(identity), started)
            self.pause.wait(self.parameters["lifetime_seconds"])
        finally:
            if identity:
                self.remove_server(name, identity)

    def until_active(self, identity):
        waited = self.watch.follow(identity, lambda seen, _: seen["status"] in ("ACTIVE", "ERROR", "DELETED"))
        try:
            waited.done.wait(max(0, self.deadline - now()))
        finally:
            self.watch.forget(identity)
        if not waited.last or waited.last["status"] != "ACTIVE":
            kind = "ERROR" if waited.last and waited.last["status"] == "ERROR" else "timeout"
            raise CloudError("not ACTIVE: {0}".format(status_of(waited.last)), kind)

    def remove_server(self, name, identity):
        started = now()
        gone = self.watch.follow(identity, lambda seen, _: seen["status"] in ("DELETED", "SOFT_DELETED"))
        try:
            self.timed("serverDeleteCall", name, lambda: self.cloud.delete("compute", "/servers/" + identity))
            self.timed("serverGone", name, lambda: self.until_gone(gone), started)
        finally:
            self.watch.forget(identity)

    def until_gone(self, gone):
        if not gone.done.wait(max(0, self.deadline - now())):
            raise CloudError("not gone: {0}".format(status_of(gone.last)), "timeout")

    def port(self, name, template):
        body = {"port": {"name": name, "description": DESCRIPTION, "network_id": template["network"]}}
        self.come_and_go("port", "/ports", name, body)

    def network(self, name, template):
        """A network with a subnet, which goes with it."""
        body = {"network": {"name": name, "description": DESCRIPTION}}

        def with_subnet(identity):
            subnet = {"name": name, "network_id": identity, "ip_version": 4, "cidr": "192.0.2.0/24", "enable_dhcp": False}
            self.timed("subnetCreate", name, lambda: self.cloud.post("network", "/subnets", {"subnet": subnet}))

        self.come_and_go("network", "/networks", name, body, with_subnet)

    def come_and_go(self, kind, path, name, body, between=None):
        identity = self.timed(kind + "Create", name, lambda: self.cloud.post("network", path, body))[kind]["id"]
        try:
            if between:
                between(identity)
            self.pause.wait(self.parameters["lifetime_seconds"])
        finally:
            self.timed(kind + "Delete", name, lambda: self.cloud.delete("network", "{0}/{1}".format(path, identity)))

    def timed(self, operation, name, work, started=None):
        """Does the work and notes how long it took, or that it failed, under the operation's name."""
        began = now() if started is None else started
        try:
            answer = work()
        except CloudError as error:
            with self.lock:
                self.errors.setdefault(operation, []).append(error.kind)
                self.failures.append(failure("{0} {1}".format(operation, name), error))
            raise
        with self.lock:
            self.times.setdefault(operation, []).append(now() - began)
        return answer

    def template(self):
        parameters = self.parameters
        network = self.cloud.id_of("network", "/networks?name=" + parameters["network"], "networks", parameters["network"])
        if "server" not in parameters["kinds"]:
            return {"network": network}
        image = self.cloud.id_of("image", "/images?name=" + parameters["image"], "images", parameters["image"])
        flavor = self.cloud.id_of("compute", "/flavors", "flavors", parameters["flavor"])
        server = {"imageRef": image, "flavorRef": flavor, "networks": [{"uuid": network}], "metadata": self.metadata}
        return {"network": network, "server": server}

    # -- nothing is left -----------------------------------------------------

    def left_servers(self):
        found = self.cloud.servers("&name=^{0}-".format(self.parameters["group"]), self.metadata)
        # For a moment, nova lists a server that is deleted already.
        return [server for server in found if server["status"] != "DELETED"]

    def left_on_network(self, kind):
        start = "{0}-{1}-".format(self.parameters["group"], kind.rstrip("s"))
        found = self.cloud.get("network", "/{0}?description={1}".format(kind, DESCRIPTION.replace(" ", "%20")))[kind]
        return [each for each in found if each["name"].startswith(start)]

    def left(self):
        return {
            "servers": len(self.left_servers()),
            "ports": len(self.left_on_network("ports")),
            "networks": len(self.left_on_network("networks")),
        }

    def clean(self, deadline=None):
        """Removes whatever this or an interrupted run has left; answers how much there was."""
        deadline = deadline or self.deadline
        servers = self.left_servers()
        delete_servers(self.cloud, self.watch, servers, self.parameters["concurrency"], deadline)
        removed = {"servers": len(servers)}
        for kind in ("ports", "networks"):
            found = self.left_on_network(kind)
            removed[kind] = len(found)
            run_bounded(
                found,
                self.parameters["concurrency"],
                lambda each, kind=kind: self.cloud.delete("network", "/{0}/{1}".format(kind, each["id"])),
                deadline,
            )
        return removed


def main():
    module = AnsibleModule(
        argument_spec=dict(
            CONNECTION_ARGUMENTS,
            state={"type": "str", "choices": ["present", "absent"], "default": "present"},
            group={"type": "str", "default": "churn"},
            kinds={"type": "list", "elements": "str", "required": True},
            rate_per_minute={"type": "float", "default": 30},
            seconds={"type": "float", "default": 60},
            lifetime_seconds={"type": "float", "default": 5},
            concurrency={"type": "int", "default": 20},
            image={"type": "str", "required": True},
            flavor={"type": "str", "required": True},
            network={"type": "str", "required": True},
            poll_seconds={"type": "float", "default": 0.5},
            timeout_seconds={"type": "float", "default": 900},
        )
    )
    try:
        churn = Churn(module.params)
        results, failures, summary, changed = churn.run() if module.params["state"] == "present" else churn.absent()
    except CloudError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, measured=results, failures=shortened(failures), summary=summary)


if __name__ == "__main__":
    main()
