"""Judges what the project plans for an overcloud with what TripleO itself has for it.

    check.py CASE.json

CASE.json names the release's templates, libraries and all that was planned. Every finding is a line; status 1 if any.
"""

import copy
import json
import os
import re
import subprocess
import sys

import jinja2
import yaml

findings = []


def check(condition, message):
    if not condition:
        findings.append(message)


def load(path):
    with open(path) as file:
        return yaml.safe_load(file)


def rendered_templates(case):
    """The release's templates as its own tool renders them."""
    output = case["rendered"]
    if not os.path.exists(os.path.join(output, "overcloud.yaml")):
        tool = [sys.executable, "tools/process-templates.py", "-o", output]
        subprocess.run(tool, cwd=case["templates"], check=True, stdout=subprocess.DEVNULL)
    return output


def every_file(folder, suffix=".yaml"):
    for place, _, names in os.walk(folder):
        for name in names:
            if name.endswith(suffix) and not name.endswith(".j2.yaml"):
                yield os.path.join(place, name)


def known_names(folder):
    """Parameters and resource types that some template of the release has."""
    parameters, types = set(), set()
    for path in every_file(folder):
        with open(path) as file:
            text = file.read()
        types.update(re.findall(r"OS::TripleO::[\w:]+", text))
        if "\nheat_template_version" in "\n" + text:
            parameters.update(re.findall(r"^  (\w+):", text.split("\nparameters:")[-1], re.M))
    return parameters, types


def check_environments(case, folder):
    parameters, types = known_names(folder)
    for path, document in case["heat_files"].items():
        if "/nic-configs/" in path:
            continue
        for name in document.get("parameter_defaults", {}):
            check(name in parameters, f"{path}: no template has the parameter {name}")
        for name, target in document.get("resource_registry", {}).items():
            check(name in types, f"{path}: no template has the type {name}")
            known = target in case["heat_files"] or os.path.exists(in_templates(case, target))
            check(known, f"{path}: {name} is {target}, which is not there")
    for path in case["environments"]:
        if path.startswith(case["templates_on_undercloud"]):
            check(os.path.exists(in_templates(case, path)), f"the deploy command: no file {path}")


def in_templates(case, path):
    return path.replace(case["templates_on_undercloud"], case["rendered"])


def check_nic_templates(case, folder):
    """A role hands its NIC template what it has; a template that does not know one of it fails in Heat."""
    for role in case["roles"]:
        name = f"OS::TripleO::{role}::Net::SoftwareConfig"
        template = next((d for p, d in case["heat_files"].items() if p.endswith(f"/{role.lower()}.yaml")), None)
        check(template, f"{role}: no NIC template")
        resources = load(os.path.join(folder, "puppet", f"{role.lower()}-role.yaml"))["resources"]
        given = [r["properties"] for r in resources.values() if r["type"] == name]
        check(given, f"{role}: the release's role has no place for a NIC template")
        for parameter in given[0] if given else ():
            check(parameter in template["parameters"], f"{role}: the NIC template does not take {parameter}")
        used = set(re.findall(r'"get_param": "(\w+)"', json.dumps(template)))
        check(used <= set(template["parameters"]), f"{role}: {used - set(template['parameters'])}")
        script = template["resources"]["OsNetConfigImpl"]["properties"]["config"]["str_replace"]
        script = script["template"]["get_file"]
        check(os.path.exists(in_templates(case, script)), f"{role}: no script {script}")


def check_with_validator(case, folder):
    """The release's own check of all its templates, with ours among them."""
    ours = os.path.join(folder, "ours")
    os.makedirs(ours, exist_ok=True)
    for path, document in case["heat_files"].items():
        if "/nic-configs/" in path:
            document = with_descriptions(document, folder, os.path.basename(path))
        text = yaml.safe_dump(document).replace(case["templates_on_undercloud"], "..")
        with open(os.path.join(ours, os.path.basename(path)), "w") as file:
            file.write(text)
    result = subprocess.run(
        [sys.executable, "tools/yaml-validate.py", "."], cwd=folder, text=True, capture_output=True
    )
    check(result.returncode == 0, "yaml-validate.py: " + result.stdout[-2000:] + result.stderr[-2000:])


def with_descriptions(template, folder, name):
    """The same, its parameters described as the release's own: one parameter has one text in all of its templates."""
    own = load(os.path.join(folder, "network", "config", "single-nic-vlans", name))["parameters"]
    described = {
        key: {**value, "description": own[key]["description"]} if key in own else value
        for key, value in template["parameters"].items()
    }
    # A role's template lacks what only other roles have.
    return {**template, "parameters": {key: value for key, value in described.items() if key in own}}


def check_instackenv(case):
    from tripleo_common.utils import nodes

    # As it says which of the two a node's cards have to be.
    convert = getattr(nodes, "convert_nodes_json_mac_to_ports", lambda described: None)
    described = case["instackenv"]["nodes"]
    convert(copy.deepcopy(described))
    nodes.validate_nodes(copy.deepcopy(described))
    cards = nodes._SPECIAL_NON_DRIVER_FIELDS & {"mac", "ports"}
    for node in described:
        check(cards & set(node), f"instackenv.json: {node['name']} has no {cards}")
    twice = copy.deepcopy(described[:1] * 2)
    try:
        nodes.validate_nodes(twice)
        check(False, "the validation of instackenv.json takes a node that is there twice")
    except Exception:
        pass


def check_provisioning(case):
    sys.path.insert(0, os.path.join(case["tripleo_ansible"], "share/ansible/plugins/module_utils"))
    import baremetal_deploy
    import network_data_v2

    for network in case["network_data"]:
        for message in network_data_v2.validate_json_schema(network):
            check(False, f"network_data_v2.yaml: {network['name']}: {message}")
    # The playbook around it sets an image; today's metalsmith does not take a server without one.
    baremetal_deploy.get_source = lambda instance: None
    roles = case["baremetal_deployment"]
    baremetal_deploy.validate_roles(roles)
    instances, environment, role_net_map, hostname_role_map, *_ = baremetal_deploy.expand(
        copy.deepcopy(roles), "overcloud", True
    )
    check(sorted(i["hostname"] for i in instances) == sorted(case["names"]), "baremetal_deployment.yaml: other servers")
    check(sorted(i["name"] for i in instances) == sorted(case["names"]), "baremetal_deployment.yaml: other nodes")
    subnets = {(n["name_lower"], s) for n in case["network_data"] for s in n["subnets"]}
    for instance in instances:
        addresses = [n.get("fixed_ip") for n in instance["networks"] if n["network"] == "external"]
        is_controller = instance["hostname"].startswith("controller")
        check(bool(addresses and addresses[0]) == is_controller, f"{instance['hostname']}: external {addresses}")
        for network in instance["networks"]:
            known = network["network"] == "ctlplane" or (network["network"], network["subnet"]) in subnets
            check(known, f"{instance['hostname']}: no subnet {network}")
    counts = {role["name"]: role["count"] for role in roles}
    for role, count in counts.items():
        check(environment["parameter_defaults"][f"{role}Count"] == count, f"{role}Count")
    for vip in case["vip_data"]:
        known = vip["network"] == "ctlplane" or (vip["network"], vip["subnet"]) in subnets
        check(known, f"vip_data.yaml: no subnet {vip}")


def check_nic_of_ansible(case):
    """The template as the deployment renders it: with a lookup of variables."""
    variables = {"ctlplane_mtu": 1500, "neutron_physical_bridge_name": "br-ex", "dns_search_domains": []}
    variables.update(ctlplane_ip="192.168.24.9", ctlplane_subnet_cidr="24", ctlplane_host_routes=[])
    variables.update(ctlplane_dns_nameservers=["192.168.22.1"])
    names = {n["name"]: n["name_lower"] for n in case["network_data"]}
    for network in case["network_data"]:
        name = network["name_lower"]
        vlan = next(iter(network["subnets"].values()))["vlan"]
        variables.update({f"{name}_mtu": 1450, f"{name}_vlan_id": vlan, f"{name}_ip": "192.0.2.9"})
        variables.update({f"{name}_cidr": "24", f"{name}_host_routes": []})
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined)
    environment.globals["lookup"] = lambda _, name: variables[name]
    with open(case["nic_template"]) as file:
        template = environment.from_string(file.read())
    for roles in (list(names), ["InternalApi", "Storage", "Tenant"]):
        config = yaml.safe_load(template.render(**variables, role_networks=roles, networks_lower=names))
        bridge, second = config["network_config"]
        check([m["type"] for m in bridge["members"]] == ["interface"] + ["vlan"] * len(roles), "two_nics_vlans.j2: members")
        check(bridge["mtu"] == 1500 and second["use_dhcp"], "two_nics_vlans.j2: cards")


def main():
    case = load(sys.argv[1])
    check_instackenv(case)
    folder = rendered_templates(case)
    check_environments(case, folder)
    if case["nova"]:
        check_nic_templates(case, folder)
    else:
        check_provisioning(case)
        check_nic_of_ansible(case)
    if case["validator"]:
        check_with_validator(case, folder)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


sys.exit(main())
