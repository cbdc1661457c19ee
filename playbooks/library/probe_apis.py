"""Asks every API once per interval until it is told to stop, and says when each did not answer."""

import os
import threading
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.overcloud.cloud import CONNECTION_ARGUMENTS, Cloud, CloudError
from ansible.module_utils.overcloud.measure import counted, outages, percentiles

DOCUMENTATION = """
module: probe_apis
short_description: asks every API once per interval and says when each did not answer
description:
  - Each question goes through the whole service to its database. keystone is asked for a new token.
  - Ends when stop_file is there, or after seconds.
options:
  clouds_file: {type: path, required: true, description: A clouds.yaml.}
  cloud: {type: str, required: true, description: Name of the cloud in it.}
  call_seconds: {type: float, default: 5, description: Seconds after which a question counts as unanswered.}
  interval_seconds: {type: float, default: 1, description: Seconds from one question to the next.}
  seconds: {type: float, required: true, description: Seconds after which it ends by itself.}
  stop_file: {type: path, required: true, description: It ends when this file is there.}
  ready_file: {type: path, required: true, description: It makes this file when every API was asked once.}
author: the overcloud project
"""

PROBES = {
    "keystone": lambda cloud: cloud.fresh_token(),
    "placement": lambda cloud: cloud.get("placement", "/resource_providers?name=none"),
    "glance": lambda cloud: cloud.get("image", "/images?limit=1"),
    "neutron": lambda cloud: cloud.get("network", "/networks?limit=1&fields=id"),
    "nova": lambda cloud: cloud.get("compute", "/servers?limit=1"),
}


class Prober(threading.Thread):
    """Asks one API. Waits for no other, so that one that hangs hides nothing of the rest."""

    def __init__(self, api, cloud, interval, stopped):
        super().__init__(daemon=True)
        self.api = api
        self.cloud = cloud
        self.interval = interval
        self.stopped = stopped
        self.probes = []

    def run(self):
        while not self.stopped.is_set():
            began = time.time()
            error = None
            try:
                PROBES[self.api](self.cloud)
            except CloudError as raised:
                error = raised.kind
            self.probes.append((began, time.time(), error))
            self.stopped.wait(max(0, began + self.interval - time.time()))

    def results(self):
        probes = list(self.probes)
        found = outages(probes)
        ended = probes[-1][1] if probes else None
        lengths = [(each["end"] or ended) - each["start"] for each in found]
        return {
            "probes": len(probes),
            "failed": sum(1 for probe in probes if probe[2] is not None),
            "errorKinds": counted(probe[2] for probe in probes if probe[2] is not None),
            "downtimeSeconds": round(sum(lengths), 3),
            # start and end are seconds since the epoch; end is None when it never answered again.
            "outages": [
                {"start": round(each["start"], 3), "end": each["end"] and round(each["end"], 3), "seconds": round(length, 3)}
                for each, length in zip(found, lengths)
            ],
            "latency": percentiles(end - began for began, end, error in probes if error is None),
        }


def main():
    module = AnsibleModule(
        argument_spec=dict(
            CONNECTION_ARGUMENTS,
            call_seconds={"type": "float", "default": 5},
            interval_seconds={"type": "float", "default": 1},
            seconds={"type": "float", "required": True},
            stop_file={"type": "path", "required": True},
            ready_file={"type": "path", "required": True},
        )
    )
    parameters = module.params
    stopped = threading.Event()
    try:
        # A session each: what one of them caches or locks is no other's.
        probers = [
            Prober(api, Cloud(parameters), parameters["interval_seconds"], stopped) for api in PROBES
        ]
    except CloudError as error:
        module.fail_json(msg=str(error))
    for prober in probers:
        prober.start()
    end = time.time() + parameters["seconds"]
    ready = False
    while time.time() < end and not os.path.exists(parameters["stop_file"]):
        if not ready and all(prober.probes for prober in probers):
            ready = True
            with open(parameters["ready_file"], "w", encoding="utf-8"):
                pass
        time.sleep(0.2)
    stopped.set()
    for prober in probers:
        prober.join(parameters["call_seconds"] * 2 + 1)
    module.exit_json(changed=False, apis={prober.api: prober.results() for prober in probers})


if __name__ == "__main__":
    main()
