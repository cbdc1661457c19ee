"""Refuses numbers that are out of their ranges, all of them in one sentence each."""

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: check_ranges
short_description: refuses parameters that are out of their ranges, all at once
options:
  ranges:
    description: "Of each parameter: key, value, min, max and, for people, the unit; integer unless said otherwise."
    type: list
    elements: dict
    required: true
  problems:
    description: What else is wrong, as sentences; empty ones are none.
    type: list
    elements: str
    default: []
author: the overcloud project
"""


def problem_of(parameter):
    """What is wrong with a parameter, in one sentence; None when nothing is."""
    key, value = parameter["key"], parameter["value"]
    kind = int if parameter.get("integer", True) else float
    unit = parameter.get("unit", "")
    wanted = "{0} from {1} to {2}{3}".format(
        "a whole number" if kind is int else "a number",
        parameter["min"],
        parameter["max"],
        " " + unit if unit else "",
    )
    try:
        number = kind(str(value))
    except ValueError:
        number = None
    if number is None or not float(parameter["min"]) <= number <= float(parameter["max"]):
        return "{0} is {1}, and must be {2}.".format(key, value, wanted)
    return None


def main():
    module = AnsibleModule(
        argument_spec={
            "ranges": {"type": "list", "elements": "dict", "required": True},
            "problems": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    problems = [problem_of(parameter) for parameter in module.params["ranges"]] + module.params["problems"]
    said = [problem for problem in problems if problem]
    if said:
        module.fail_json(msg=" ".join(said))
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
