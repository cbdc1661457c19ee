"""Stands in for Infrared: takes and refuses the same command lines, and leaves the same files behind.

Nothing is installed anywhere. $IR_HOME/calls.jsonl records every call; while $IR_HOME/fail-<command> exists, that command
prints it and fails. A `plugin add` ahead of all others is as necessary as for the real one.
"""

import argparse
import configparser
import datetime
import json
import os
import pathlib
import shutil
import sys
import tarfile

HOME = pathlib.Path(os.environ.get("IR_HOME", os.path.expanduser("~/.infrared")))
WORKSPACES = HOME / ".workspaces"
PLUGINS = HOME / ".plugins.ini"
PLACEHOLDER = "%%workspace_dir%%"


def contract():
    here = pathlib.Path(__file__).parent
    files = [json.loads(file.read_text()) for file in sorted(here.glob("*.json"))]
    shared = [option for file in files for option in file.get("shared", [])]
    for file in files:
        for command in file["commands"]:
            options = command["options"] + (shared if command.get("plugin") else [])
            yield dict(command, options=options)


def build_parser(commands, plugins):
    parser = argparse.ArgumentParser(prog="infrared", allow_abbrev=False)
    words = parser.add_subparsers(dest="word0", required=True)
    groups = {}
    for command in commands:
        first, *rest = command["words"]
        if command.get("plugin") and first not in plugins:
            continue
        if rest:
            if first not in groups:
                groups[first] = words.add_parser(first).add_subparsers(dest="word1", required=True)
            sub = groups[first].add_parser(rest[0], allow_abbrev=False)
        else:
            sub = words.add_parser(first, allow_abbrev=False)
        sub.set_defaults(command=command)
        fewest, most = command.get("positionals", [0, 0])
        if most:
            sub.add_argument("names", nargs="+" if most > 1 else 1 if fewest else "?")
        for option in command["options"]:
            flags = ["-" + option["short"]] if "short" in option else []
            kind = dict(dest=option["name"], default=argparse.SUPPRESS)
            action = option.get("action")
            if action in ("store_true", "count"):
                kind["action"] = action
            elif action == "append" or option["type"] == "NestedList":
                kind["action"] = "append"
            if "choices" in option:
                kind["choices"] = option["choices"]
            sub.add_argument(*flags, "--" + option["name"], **kind)
    return parser


def plain(value):
    text = str(value).strip("'\"").lower()
    return {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(text, text)


def missing(command, given):
    values = {o["name"]: o["default"] for o in command["options"] if "default" in o}
    values.update(given)
    names = {option["name"] for option in command["options"]}
    silenced = {s for o in command["options"] if o["name"] in given for s in o.get("silences", [])}

    def compare(text):
        left, operator, right = (plain(values.get(word, word)) for word in text.split(" "))
        return (left == right) == (operator == "==")

    def holds(condition):
        words = condition.split()
        if any(word in names and word not in values for word in words):
            return False
        alternatives = " ".join(words).split(" or ")
        return any(all(compare(each) for each in one.split(" and ")) for one in alternatives)

    for option in command["options"]:
        if option["name"] in values or option["name"] in silenced:
            continue
        conditions = option.get("requiredWhen", [])
        if option.get("required") or conditions and all(holds(each) for each in conditions):
            yield option["name"]


def table(header, rows):
    line = "+" + "+".join("-" * 20 for _ in header) + "+"
    print(line)
    for row in [header, *rows]:
        print("|" + "|".join(f" {cell:<19}" for cell in row) + "|")
        print(line)


def fail(message, status=1):
    print(f"ERROR   {message}", file=sys.stderr)
    sys.exit(status)


def record(command):
    kept = {key: os.environ[key] for key in ("IR_HOME", "ANSIBLE_CONFIG", "PATH") if key in os.environ}
    call = {"argv": sys.argv[1:], "cwd": os.getcwd(), "environment": kept}
    with open(HOME / "calls.jsonl", "a") as log:
        log.write(json.dumps(call) + "\n")
    with open(HOME / "ir-commands.log", "a") as log:
        now = datetime.datetime.now()
        log.write(f"# executed at {now}\ninfrared {' '.join(sys.argv[1:])}\n\n")
    order = HOME / f"fail-{'-'.join(command['words'])}"
    if order.exists():
        fail(order.read_text().strip())


def read_plugins():
    plugins = configparser.ConfigParser()
    plugins.read(PLUGINS)
    return {name: path for section in plugins.sections() for name, path in plugins.items(section)}


def write_plugins(plugins):
    with open(PLUGINS, "w") as file:
        file.write("[plugins]\n" + "".join(f"{name} = {path}\n" for name, path in plugins.items()))


def plugin_add(sources):
    plugins = read_plugins()
    for source in sources:
        specification = pathlib.Path(source) / "plugin.spec"
        if not specification.exists():
            fail(f"Cloning git repo {source} is failed")
        name = specification.parent.name
        if name in plugins:
            fail("Plugin with the same name & type already exists")
        target = HOME / "plugins" / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
        plugins[name] = str(target)
    write_plugins(plugins)


def plugin_remove(names):
    plugins = read_plugins()
    for name in names:
        if name not in plugins:
            fail(f"Plugin '{name}' isn't installed and can't be removed")
        del plugins[name]
        shutil.rmtree(HOME / "plugins" / name)
    write_plugins(plugins)


def active():
    link = WORKSPACES / "active"
    return os.path.basename(os.readlink(link)) if link.is_symlink() else None


def folder(name):
    if not name or not (WORKSPACES / name).is_dir():
        fail(f"Workspace '{name}' not found")
    return WORKSPACES / name


def activate(name):
    link = WORKSPACES / "active"
    if link.is_symlink():
        link.unlink()
    link.symlink_to(folder(name))


def create(name):
    if (WORKSPACES / name).exists():
        fail(f"Workspace '{name}' already exists")
    (WORKSPACES / name).mkdir()


def import_workspace(archive, name):
    name = name or pathlib.Path(archive).stem
    create(name)
    with tarfile.open(archive) as tar:
        tar.extractall(WORKSPACES / name)
    hosts = WORKSPACES / name / "hosts"
    hosts.resolve().write_text(hosts.read_text().replace(PLACEHOLDER, str(WORKSPACES / name)))
    activate(name)


def hosts_of(inventory):
    """Hosts with their variables' text, and members of groups."""
    hosts, groups, group = {}, {}, None
    for line in inventory.read_text().splitlines():
        if line.startswith("["):
            group = line.strip("[]")
        elif line.strip():
            name, _, variables = line.partition(" ")
            if group:
                groups.setdefault(group, []).append(name)
            else:
                hosts[name] = variables
    return hosts, groups


def node_list(name, form):
    hosts, _ = hosts_of(folder(name or active()) / "hosts")
    names = [name for name, variables in hosts.items() if "connection=local" not in variables]
    if form == "json":
        print(json.dumps({"nodes": [{"name": each} for each in names]}))
    else:
        table(["Name"], [[each] for each in names])


def undercloud(given):
    workspace = folder(active())
    arguments = "".join(f"{key}: {value}\n" for key, value in given.items())
    (workspace / "tripleo-undercloud_all_argument_file.txt").write_text(arguments)
    if "inventory" in given:
        source = pathlib.Path(given["inventory"])
        if not source.exists():
            fail(f"File {source} not found")
        target = workspace / source.name
        if source.resolve() != target.resolve():
            shutil.copy(source, target)
        (workspace / "hosts").unlink(missing_ok=True)
        (workspace / "hosts").symlink_to(f"./{source.name}")
    variables = {}
    for each in given.get("extra-vars", []):
        if each.startswith("@"):
            variables.update(json.loads(pathlib.Path(each[1:]).read_text()))
    if given.get("dry-run"):
        return
    (workspace / "ansible_outputs").mkdir(exist_ok=True)
    hosts, groups = hosts_of(workspace / "hosts")
    names = groups.get("undercloud", [])
    if not names:
        print("skipping: no hosts matched")
        return
    number = dict(queens=13, rocky=14, stein=15, train=16, wallaby=17).get(given["version"], 0)
    if number > 13 and "insecure_registry_hosts" not in variables:
        fail("'insecure_registry_hosts' is undefined")
    user = variables["install"]["user"]["name"]
    lines = (workspace / "hosts").read_text().splitlines()
    installed = [
        line.replace("ansible_user=cloud-user", f"ansible_user={user}")
        if line.split(" ")[0] in names
        else line
        for line in lines
    ]
    (workspace / "hosts-install").write_text("\n".join(installed) + "\n")
    (workspace / "hosts").unlink()
    (workspace / "hosts").symlink_to("./hosts-install")
    (workspace / "id_rsa_undercloud.pub").write_text((workspace / "id_rsa.pub").read_text())
    (workspace / "stackrc").write_text("export OS_CLOUD=undercloud\n")
    (workspace / "ansible_outputs" / "ir_tripleo-undercloud.json").write_text("{}\n")
    print("PLAY RECAP\n" + "".join(f"{name} : ok=82 failed=0\n" for name in names))


def main():
    HOME.mkdir(parents=True, exist_ok=True)
    WORKSPACES.mkdir(exist_ok=True)
    if not PLUGINS.exists():
        if "plugin" not in sys.argv or "add" not in sys.argv:
            fail("Cloning git repo https://github.com/rhos-infra/cloud-config.git is failed")
        write_plugins({})
    config = pathlib.Path(os.environ.get("ANSIBLE_CONFIG", HOME / "ansible.cfg"))
    if not config.exists():
        config.write_text("[defaults]\nforce_color = 1\n")
    given = vars(build_parser(contract(), read_plugins()).parse_args())
    command, names = given.pop("command"), given.pop("names", None)
    given = {key: value for key, value in given.items() if key not in ("word0", "word1")}
    lacks = list(missing(command, given))
    if lacks:
        fail(f"Required options are not set:\n * [{command['words'][0]}]: {', '.join(lacks)}")
    record(command)
    what = " ".join(command["words"])
    if what == "plugin add":
        plugin_add(names)
    elif what == "plugin remove":
        plugin_remove(names)
    elif what == "plugin list":
        table(["Type", "Name"], [["install", name] for name in read_plugins()])
    elif what == "workspace create":
        create(names[0])
    elif what == "workspace checkout":
        activate(names[0])
    elif what == "workspace list":
        found = sorted(each.name for each in WORKSPACES.iterdir() if not each.is_symlink())
        table(["Name", "Active"], [[name, "  *" if name == active() else ""] for name in found])
    elif what == "workspace delete":
        for name in names:
            gone = folder(name)
            if active() == name:
                (WORKSPACES / "active").unlink()
            shutil.rmtree(gone)
    elif what == "workspace import":
        import_workspace(names[0], given.get("name"))
    elif what == "workspace node-list":
        node_list(given.get("name"), given.get("format"))
    elif what == "tripleo-undercloud":
        undercloud(given)
    elif what != "virsh":
        fail(f"the stand-in does not know what {what} does")
