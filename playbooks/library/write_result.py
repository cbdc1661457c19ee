"""Writes the result file of a playbook."""

import json
import os
import re
import time

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: write_result
short_description: writes the result file of a playbook
description:
  - Never counts as a change, since every run has times of its own.
options:
  path: {type: path, required: true, description: The file; its folder is there.}
  playbook: {type: str, required: true, description: Name of the playbook.}
  started: {type: float, required: true, description: Seconds since the epoch.}
  parameters: {type: dict, required: true, description: What it was asked to do.}
  results: {type: dict, required: true, description: What it measured.}
  failures: {type: list, elements: dict, required: true, description: "What failed: what, message."}
author: the overcloud project
"""


def typed(value):
    """A parameter as what it was meant to be: on a command line, all are text."""
    if isinstance(value, dict):
        return {key: typed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [typed(each) for each in value]
    if not isinstance(value, str):
        return value
    if value in ("True", "False"):
        return value == "True"
    if re.fullmatch(r"-?[0-9]{1,15}", value):
        return int(value)
    if re.fullmatch(r"-?[0-9]{1,15}\.[0-9]+", value):
        return float(value)
    return value


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def document(parameters, finished):
    return {
        "playbook": parameters["playbook"],
        "started": iso(parameters["started"]),
        "finished": iso(finished),
        "seconds": round(finished - parameters["started"], 3),
        "parameters": typed(parameters["parameters"]),
        "results": parameters["results"],
        "failures": parameters["failures"],
    }


def main():
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "playbook": {"type": "str", "required": True},
            "started": {"type": "float", "required": True},
            "parameters": {"type": "dict", "required": True},
            "results": {"type": "dict", "required": True},
            "failures": {"type": "list", "elements": "dict", "required": True},
        }
    )
    path = module.params["path"]
    beside = "{0}.{1}".format(path, os.getpid())
    try:
        with open(beside, "w", encoding="utf-8") as file:
            json.dump(document(module.params, time.time()), file, indent=2)
            file.write("\n")
        os.replace(beside, path)
    except OSError as error:
        module.fail_json(msg="the result could not be written: {0}".format(error))
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
