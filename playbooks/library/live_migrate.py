"""Moves running servers live: all of one compute, or some of them again and again, and measures each move."""

import random
import threading

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.overcloud.cloud import CONNECTION_ARGUMENTS, Cloud, CloudError, now
from ansible.module_utils.overcloud.measure import counted, failure, in_words, percentiles, shortened
from ansible.module_utils.overcloud.watch import ServerWatch, status_of
from ansible.module_utils.overcloud.work import Pace, run_bounded

DOCUMENTATION = """
module: live_migrate
short_description: drains a compute, or shuffles servers at a rate, by live migration
options:
  clouds_file: {type: path, required: true, description: A clouds.yaml.}
  cloud: {type: str, required: true, description: Name of the cloud in it.}
  call_seconds: {type: float, default: 60, description: Seconds that one API call may take.}
  mode: {type: str, choices: [drain, enable, shuffle], required: true, description: What to do.}
  compute: {type: str, default: "", description: The compute that is drained or enabled.}
  enable_again: {type: bool, default: false, description: Whether a drained compute takes servers again.}
  servers: {type: str, default: "", description: Beginning of the names of the servers that are shuffled.}
  rate_per_minute: {type: float, default: 30, description: Moves that begin in a minute.}
  seconds: {type: float, default: 60, description: For how long moves begin.}
  concurrency: {type: int, default: 5, description: Moves that are under way at once.}
  seed: {type: int, default: 0, description: Makes the choice of servers the same each time.}
  poll_seconds: {type: float, default: 0.5, description: Seconds between looks, which is how exact times are.}
  timeout_seconds: {type: float, default: 900, description: Seconds for all of it.}
author: the overcloud project
"""

REASON = "drained by live_migrate"
MOVABLE = ("ACTIVE", "PAUSED")


class Migration:
    """One run of it."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.deadline = now() + parameters["timeout_seconds"]
        self.cloud = Cloud(parameters)
        self.watch = ServerWatch(self.cloud, parameters["poll_seconds"])
        self.watch.start()

    # -- one compute ---------------------------------------------------------

    def drain(self):
        host = self.parameters["compute"]
        service = self.cloud.require_computes([host])[host]
        self.require_targets(but=host)
        changed = self.set_status(service, "disabled")
        before = self.servers_on(host)
        immovable = [server for server in before if server["status"] not in MOVABLE]
        movable = [server for server in before if server["status"] in MOVABLE]
        started = now()
        ended = run_bounded(movable, self.parameters["concurrency"], self.move, self.deadline)
        seconds = now() - started
        left = self.servers_on(host)
        failures = [failure(server["name"], error) for server, _, error in ended if error is not None]
        failures += [
            failure(server["name"], "is {0}, and only running servers move live".format(status_of(server)))
            for server in immovable
        ]
        if left and not failures:
            failures.append(failure(host, "{0} servers are still on it".format(len(left))))
        enabled = self.parameters["enable_again"] and not failures
        if enabled:
            changed = self.set_status(service, "enabled") or changed
        results = self.results([answer for _, answer, error in ended if error is None])
        results.update(
            {
                "compute": host,
                "serversBefore": len(before),
                "serversLeft": len(left),
                "drainSeconds": round(seconds, 3),
                "status": "enabled" if enabled else "disabled",
                "failed": len(failures),
            }
        )
        summary = "{0}: {1} of {2} servers moved, {3} left, {4}; each: {5}".format(
            host, results["migrated"], len(before), len(left), results["status"], in_words(results["migration"])
        )
        return results, failures, summary, changed or bool(before)

    def enable(self):
        host = self.parameters["compute"]
        changed = self.set_status(self.cloud.require_computes([host])[host], "enabled")
        results = {"compute": host, "status": "enabled", "serversLeft": len(self.servers_on(host))}
        return results, [], "{0} takes servers{1}".format(host, " again" if changed else ", as before"), changed

    def set_status(self, service, status):
        """Enables or disables a compute service; answers whether that changed anything."""
        current = self.cloud.computes()[service["host"]]
        if current["status"] == status:
            return False
        body = {"status": status}
        if status == "disabled":
            body["disabled_reason"] = REASON
        self.cloud.call("PUT", "compute", "/os-services/" + service["id"], body)
        return True

    def servers_on(self, host):
        return self.cloud.servers("&host=" + host)

    def require_targets(self, but=None):
        targets = [
            host
            for host, service in self.cloud.computes().items()
            if host != but and service["state"] == "up" and service["status"] == "enabled"
        ]
        needed = 1 if but else 2
        if len(targets) < needed:
            raise CloudError(
                "servers have nowhere to go: {0} compute{1} up and enabled".format(
                    "no other" if but else len(targets), " is" if but or len(targets) == 1 else "s are"
                ),
                "parameter",
            )

    # -- all of them ---------------------------------------------------------

    def shuffle(self):
        parameters = self.parameters
        self.require_targets()
        query = "&status=ACTIVE" + ("&name=^" + parameters["servers"] if parameters["servers"] else "")
        candidates = self.cloud.servers(query)
        if not candidates:
            raise CloudError(
                "no server is ACTIVE{0}: boot some first, for instance by boot_servers.yml".format(
                    " whose name begins with " + parameters["servers"] if parameters["servers"] else ""
                ),
                "parameter",
            )
        chance = random.Random(parameters["seed"])
        free = {server["id"]: server for server in sorted(candidates, key=lambda each: each["name"])}
        lock = threading.Lock()
        pace = Pace(parameters["rate_per_minute"], parameters["seconds"])
        late = []
        pause = threading.Event()

        def turn(place):
            pause.wait(max(0, pace.due(place) - now()))
            with lock:
                if not free:
                    return None
                server = free.pop(chance.choice(sorted(free)))
            late.append(max(0, now() - pace.due(place)))
            try:
                return self.move(server)
            finally:
                with lock:
                    free[server["id"]] = server

        ended = run_bounded(range(pace.count), parameters["concurrency"], turn, self.deadline)
        moves = [answer for _, answer, error in ended if error is None and answer]
        failures = [failure("move {0}".format(place + 1), error) for place, _, error in ended if error is not None]
        results = self.results(moves)
        results.update(
            {
                "planned": pace.count,
                "failed": len(failures),
                # Every candidate was under way.
                "skipped": pace.count - len(moves) - len(failures),
                "startedLate": percentiles(late),
                "servers": len(candidates),
            }
        )
        summary = "{0} of {1} moves of {2} servers worked, {3} failed, {4} skipped; each: {5}".format(
            len(moves), pace.count, len(candidates), len(failures), results["skipped"], in_words(results["migration"])
        )
        return results, failures, summary, bool(moves)

    # -- one server ----------------------------------------------------------

    def results(self, moves):
        return {
            "migrated": len(moves),
            "accepted": percentiles(move["accepted"] for move in moves),
            "migration": percentiles(move["seconds"] for move in moves),
            "to": counted(move["to"] for move in moves),
            "resolutionSeconds": self.parameters["poll_seconds"],
        }

    def move(self, server):
        """Moves a server to wherever the scheduler wants; answers how long that took."""
        identity = server["id"]
        source = self.cloud.get("compute", "/servers/" + identity)["server"]["OS-EXT-SRV-ATTR:host"]
        started = now()
        self.cloud.post(
            "compute", "/servers/{0}/action".format(identity), {"os-migrateLive": {"host": None, "block_migration": "auto"}}
        )
        accepted = now()

        def see(seen, asked_at):
            # From its answer on, nova says that the server is migrating until it is not any more.
            return seen["status"] in ("DELETED", "ERROR") or (
                asked_at >= accepted and seen.get("OS-EXT-STS:task_state") is None
            )

        waited = self.watch.follow(identity, see)
        try:
            if not waited.done.wait(max(0, self.deadline - now())):
                raise CloudError("not moved in time ({0})".format(status_of(waited.last)), "timeout")
            seconds = now() - started
        finally:
            self.watch.forget(identity)
        target = waited.last.get("OS-EXT-SRV-ATTR:host")
        if waited.last["status"] not in MOVABLE or target == source:
            raise CloudError(
                "stayed on {0} ({1}): {2}".format(source, status_of(waited.last), self.reason(identity)), "migration"
            )
        return {"accepted": accepted - started, "seconds": seconds, "to": target}

    def reason(self, identity):
        try:
            actions = self.cloud.get("compute", "/servers/{0}/os-instance-actions".format(identity))["instanceActions"]
            asked = next(each["request_id"] for each in actions if each["action"] == "live-migration")
            action = self.cloud.get("compute", "/servers/{0}/os-instance-actions/{1}".format(identity, asked))
            failed = [event for event in action["instanceAction"]["events"] if event.get("result") == "Error"]
            return "; ".join("{0} failed".format(event["event"]) for event in failed) or "nova gives no reason"
        except (CloudError, StopIteration):
            return "nova gives no reason"


def main():
    module = AnsibleModule(
        argument_spec=dict(
            CONNECTION_ARGUMENTS,
            mode={"type": "str", "choices": ["drain", "enable", "shuffle"], "required": True},
            compute={"type": "str", "default": ""},
            enable_again={"type": "bool", "default": False},
            servers={"type": "str", "default": ""},
            rate_per_minute={"type": "float", "default": 30},
            seconds={"type": "float", "default": 60},
            concurrency={"type": "int", "default": 5},
            seed={"type": "int", "default": 0},
            poll_seconds={"type": "float", "default": 0.5},
            timeout_seconds={"type": "float", "default": 900},
        )
    )
    try:
        migration = Migration(module.params)
        results, failures, summary, changed = getattr(migration, module.params["mode"])()
    except CloudError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, measured=results, failures=shortened(failures), summary=summary)


if __name__ == "__main__":
    main()
