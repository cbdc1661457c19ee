"""Waits for servers and ports: one thread asks for all that others wait for."""

import threading
from datetime import datetime, timedelta

from ansible.module_utils.overcloud.cloud import CloudError, now
from ansible.module_utils.overcloud.work import run_bounded

# Seconds before the newest change seen from which changes are asked for again: a change is stamped before it is stored.
OVERLAP_SECONDS = 5

# A server that no list of changes had for so long is asked for by itself.
UNSEEN_SECONDS = 10

# Ids in one query, which the length of a URL limits.
IDS_PER_QUERY = 40


class Waited:
    """Something that a thread waits for: `see` is shown every new state and answers whether that is the last."""

    def __init__(self, see):
        self.see = see
        self.done = threading.Event()
        self.last = None
        self.seen_at = now()

    def show(self, state, asked_at):
        self.last = state
        self.seen_at = now()
        if not self.done.is_set() and self.see(state, asked_at):
            self.done.set()


class Watch(threading.Thread):
    """Looks again and again at everything waited for, as long as there is any."""

    def __init__(self, cloud, interval):
        super().__init__(daemon=True)
        self.cloud = cloud
        self.interval = interval
        self._waited = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def follow(self, identity, see):
        """
        Shows states of what has this id to `see(state, asked_at)`, by the monotonic time at which each was asked for,
        until it answers true.
        """
        waited = Waited(see)
        with self._lock:
            self._waited[identity] = waited
        return waited

    def forget(self, identity):
        with self._lock:
            self._waited.pop(identity, None)

    def stop(self):
        self._stopped.set()

    def run(self):
        while not self._stopped.wait(self.interval):
            with self._lock:
                waited = {key: each for key, each in self._waited.items() if not each.done.is_set()}
            if waited:
                try:
                    self.look(waited)
                except CloudError:
                    # Whoever waits has a time limit; an API that is down for a while is no reason to stop looking.
                    continue

    def look(self, waited):
        raise NotImplementedError


class ServerWatch(Watch):
    """Servers. Asks only for those that changed, so that waiting costs the API the same for one and for hundreds."""

    def __init__(self, cloud, interval):
        super().__init__(cloud, interval)
        # By nova's own clock, which may not be this machine's.
        newest = cloud.get("compute", "/servers/detail?all_tenants=1&limit=1&sort_key=updated_at&sort_dir=desc")
        self._newest = max((server["updated"] for server in newest["servers"]), default=None)

    def look(self, waited):
        asked_at = now()
        query = "" if self._newest is None else "&changes-since=" + _earlier(self._newest)
        changed = self.cloud.servers(query)
        for server in changed:
            self._newest = max(self._newest or server["updated"], server["updated"])
            if server["id"] in waited:
                waited[server["id"]].show(server, asked_at)
        for identity, each in waited.items():
            if now() - each.seen_at > UNSEEN_SECONDS and not each.done.is_set():
                self._ask_for(identity, each)

    def _ask_for(self, identity, waited):
        asked_at = now()
        answer = self.cloud.call("GET", "compute", "/servers/" + identity, missing_is_none=True)
        waited.show(answer["server"] if answer else {"id": identity, "status": "DELETED"}, asked_at)


class PortWatch(Watch):
    """Ports of servers, by the servers' ids; shows the list of a server's ports."""

    def look(self, waited):
        ids = list(waited)
        for start in range(0, len(ids), IDS_PER_QUERY):
            some = ids[start : start + IDS_PER_QUERY]
            asked_at = now()
            query = "&".join("device_id=" + each for each in some)
            fields = "fields=id&fields=status&fields=device_id"
            ports = self.cloud.get("network", "/ports?{0}&{1}".format(fields, query))["ports"]
            for identity in some:
                waited[identity].show([port for port in ports if port["device_id"] == identity], asked_at)


def _earlier(stamp):
    moment = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ") - timedelta(seconds=OVERLAP_SECONDS)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def status_of(server):
    """Status of a server, and what is under way with it, in a few words."""
    if not server:
        return "not seen"
    task = server.get("OS-EXT-STS:task_state")
    fault = (server.get("fault") or {}).get("message")
    return server["status"] + (", " + task if task else "") + (": " + fault if fault else "")


def delete_servers(cloud, watch, servers, concurrency, deadline):
    """Deletes servers and waits until they are gone. Answers seconds of each, and failures as (name, message)."""
    def delete(server):
        started = now()
        gone = watch.follow(server["id"], lambda seen, _: seen["status"] in ("DELETED", "SOFT_DELETED"))
        try:
            cloud.delete("compute", "/servers/" + server["id"])
            if not gone.done.wait(max(0, deadline - now())):
                raise CloudError("not gone in time ({0})".format(status_of(gone.last)), "timeout")
        finally:
            watch.forget(server["id"])
        return now() - started

    times = []
    failures = []
    for server, seconds, error in run_bounded(servers, concurrency, delete, deadline):
        if error is None:
            times.append(seconds)
        else:
            failures.append((server["name"], error))
    return times, failures
