"""Says which of nova's services and neutron's agents are up, at once or when they are as expected."""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.overcloud.cloud import CONNECTION_ARGUMENTS, Cloud, CloudError, shortened_names
from ansible.module_utils.overcloud.measure import counted

DOCUMENTATION = """
module: cloud_services
short_description: says which services and agents are up, at once or when they are as expected
options:
  clouds_file: {type: path, required: true, description: A clouds.yaml.}
  cloud: {type: str, required: true, description: Name of the cloud in it.}
  call_seconds: {type: float, default: 10, description: Seconds that one API call may take.}
  computes: {type: list, elements: str, default: [], description: Computes that have to be known to nova.}
  wait_for: {type: list, elements: str, default: [], description: "Services, as binary@host, that are waited for."}
  expect: {type: str, choices: [up, down], default: up, description: What is waited for.}
  fresh: {type: bool, default: false, description: Takes one of nova's services for up when it has reported anew.}
  apis: {type: bool, default: false, description: Whether every API has to answer as well.}
  since: {type: float, default: 0, description: "Times are counted from here, in seconds since the epoch; 0 is now."}
  seconds: {type: float, default: 0, description: Seconds to wait at least, even when all is as expected.}
  timeout_seconds: {type: float, default: 0, description: Seconds to wait at most; it is no error when they pass.}
author: the overcloud project
"""


def states(cloud):
    """Of nova's services and neutron's agents by binary@host: (up or down, when it last reported; None for agents)."""
    found = {
        "{0}@{1}".format(each["binary"], each["host"]): (each["state"], each["updated_at"])
        for each in cloud.services()
    }
    agents = cloud.get("network", "/agents?fields=binary&fields=host&fields=alive")["agents"]
    for each in agents:
        found["{0}@{1}".format(each["binary"], each["host"])] = ("up" if each["alive"] else "down", None)
    return found


def ask_apis(cloud):
    cloud.fresh_token()
    cloud.get("placement", "/resource_providers?name=none")
    cloud.get("image", "/images?limit=1")
    cloud.get("network", "/networks?limit=1&fields=id")
    cloud.get("compute", "/servers?limit=1")


def servers_on(cloud, hosts):
    """Servers of computes by status; few queries when there are few computes, one when there are many."""
    found = (
        [server for host in hosts for server in cloud.servers("&host=" + host)]
        if len(hosts) <= 5
        else [server for server in cloud.servers() if server["OS-EXT-SRV-ATTR:host"] in hosts]
    )
    return counted(server["status"] for server in found)


class Wait:
    """Looks each second until everything waited for has been seen as expected."""

    def __init__(self, parameters, cloud):
        self.parameters = parameters
        self.cloud = cloud
        self.since = parameters["since"] or time.time()
        self.seen = {}
        self.states = {}
        self.reports = {}
        self.apis_after = None
        self.last_error = None

    def run(self):
        began = time.time()
        while True:
            self.look()
            waited = time.time() - began
            if self.complete() and waited >= self.parameters["seconds"]:
                return
            if waited >= max(self.parameters["timeout_seconds"], self.parameters["seconds"]):
                return
            time.sleep(min(1, max(0.1, self.parameters["timeout_seconds"] - waited)))

    def look(self):
        try:
            if self.parameters["apis"] and self.apis_after is None:
                ask_apis(self.cloud)
                self.apis_after = self.passed()
            found = states(self.cloud)
            self.last_error = None
        except CloudError as error:
            self.last_error = str(error)
            return
        self.states = {name: state for name, (state, _) in found.items()}
        for name in self.parameters["wait_for"]:
            state, reported = found.get(name, ("missing", None))
            # What is up may only not yet be known to be down.
            old = self.reports.setdefault(name, reported) == reported
            if self.parameters["fresh"] and reported is not None and old:
                continue
            if state == self.parameters["expect"]:
                self.seen.setdefault(name, self.passed())

    def passed(self):
        return round(time.time() - self.since, 3)

    def complete(self):
        answered = not self.parameters["apis"] or self.apis_after is not None
        return self.last_error is None and answered and not self.missing()

    def missing(self):
        return [name for name in self.parameters["wait_for"] if name not in self.seen]


def main():
    module = AnsibleModule(
        argument_spec=dict(
            CONNECTION_ARGUMENTS,
            call_seconds={"type": "float", "default": 10},
            computes={"type": "list", "elements": "str", "default": []},
            wait_for={"type": "list", "elements": "str", "default": []},
            expect={"type": "str", "choices": ["up", "down"], "default": "up"},
            fresh={"type": "bool", "default": False},
            apis={"type": "bool", "default": False},
            since={"type": "float", "default": 0},
            seconds={"type": "float", "default": 0},
            timeout_seconds={"type": "float", "default": 0},
        )
    )
    parameters = module.params
    try:
        cloud = connect(parameters)
        if parameters["computes"]:
            cloud.require_computes(parameters["computes"])
        wait = Wait(parameters, cloud)
        wait.run()
        if wait.last_error and not parameters["timeout_seconds"]:
            raise CloudError(wait.last_error, "cloud")
        servers = servers_on(cloud, parameters["computes"]) if parameters["computes"] else {}
    except CloudError as error:
        module.fail_json(msg=str(error))
    missing = wait.missing()
    late = shortened_names(missing) if missing else wait.last_error if not wait.complete() else ""
    module.exit_json(
        changed=False,
        now=time.time(),
        up=sorted(name for name, state in wait.states.items() if state == "up"),
        down=sorted(name for name, state in wait.states.items() if state == "down"),
        # Seconds until each was first seen as expected.
        seen=wait.seen,
        missing=missing,
        apis_after=wait.apis_after,
        complete=wait.complete(),
        late=late,
        servers=servers,
    )


def connect(parameters):
    """keystone itself may be what is waited for."""
    end = time.time() + parameters["timeout_seconds"]
    while True:
        try:
            return Cloud(parameters)
        except CloudError:
            if time.time() >= end:
                raise
            time.sleep(1)


if __name__ == "__main__":
    main()
