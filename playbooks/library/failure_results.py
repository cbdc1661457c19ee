"""Makes times of an outage out of what was observed; see failure_times()."""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.overcloud.measure import failure, percentiles

DOCUMENTATION = """
module: failure_results
short_description: makes detection, recovery and downtime out of what was seen while something was broken
options:
  broken: {type: float, required: true, description: "When it was broken, in seconds since the epoch."}
  restored: {type: float, required: true, description: "When restoring it began."}
  detected: {type: dict, default: {}, description: Seconds after breaking until each was first seen down.}
  recovered: {type: dict, default: {}, description: Seconds after restoring until each was first seen up.}
  undetected: {type: list, elements: str, default: [], description: What was expected to be seen down and was not.}
  unrecovered: {type: list, elements: str, default: [], description: What was not seen up again.}
  apis: {type: dict, default: {}, description: What probe_apis says of each API.}
author: the overcloud project
"""


def failure_times(observed):
    """
    Of each service: detectionSeconds from breaking to being seen down (None: never was), recoverySeconds from restoring
    to being seen up, downtimeSeconds from breaking to being seen up.
    """
    broken_seconds = observed["restored"] - observed["broken"]
    return {
        name: {
            "detectionSeconds": observed["detected"].get(name),
            "recoverySeconds": seconds,
            "downtimeSeconds": round(broken_seconds + seconds, 3),
        }
        for name, seconds in sorted(observed["recovered"].items())
    }


def api_times(api, observed):
    """What a prober says of an API, with outages counted from the moment of breaking."""
    outages = [
        {
            "afterSeconds": round(outage["start"] - observed["broken"], 3),
            "seconds": outage["seconds"],
            "recovered": outage["end"] is not None,
        }
        for outage in api["outages"]
    ]
    ends = [outage["end"] for outage in api["outages"] if outage["end"] is not None]
    return dict(
        api,
        outages=outages,
        # From restoring; 0 when it answered all the time or again before.
        recoverySeconds=round(max([end - observed["restored"] for end in ends] + [0]), 3),
    )


def failures(observed, apis):
    return (
        [failure(name, "never counted as down although it was broken") for name in observed["undetected"]]
        + [failure(name, "was not up again in time") for name in observed["unrecovered"]]
        + [
            failure(name, "did not answer again in time")
            for name, api in apis.items()
            if any(not outage["recovered"] for outage in api["outages"])
        ]
    )


def main():
    module = AnsibleModule(
        argument_spec={
            "broken": {"type": "float", "required": True},
            "restored": {"type": "float", "required": True},
            "detected": {"type": "dict", "default": {}},
            "recovered": {"type": "dict", "default": {}},
            "undetected": {"type": "list", "elements": "str", "default": []},
            "unrecovered": {"type": "list", "elements": "str", "default": []},
            "apis": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    observed = module.params
    services = failure_times(observed)
    apis = {name: api_times(api, observed) for name, api in observed["apis"].items()}

    def spread(key):
        return percentiles(each[key] for each in services.values() if each[key] is not None)

    module.exit_json(
        changed=False,
        brokenSeconds=round(observed["restored"] - observed["broken"], 3),
        services=services,
        detection=spread("detectionSeconds"),
        recovery=spread("recoverySeconds"),
        downtime=spread("downtimeSeconds"),
        apis=apis,
        failures=failures(observed, apis),
    )


if __name__ == "__main__":
    main()
