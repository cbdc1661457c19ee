"""Gives a service the options of REQUEST in a file beside the stack's own, or takes the file away.

Runs where the service runs; REQUEST comes before this text. Answers with one line of JSON: changed, what each option was
and is, and the file's former text for whoever has to take it back. Values that are secrets are not told.
"""

import json
import os
import re

SECRET = re.compile(r"password|secret|transport_url|(^|_)(connection|key|token)$", re.IGNORECASE)


def parse(text):
    """Options of an oslo.config text by (section, option); a line that begins with a space goes on with the last."""
    found = {}
    section, last = "DEFAULT", None
    for line in text.splitlines():
        if not line.strip() or line.lstrip()[0] in "#;":
            last = None
        elif line[0].isspace() and last:
            found[last] += "\n" + line.strip()
        elif line.startswith("["):
            section, last = line.strip()[1:-1], None
        elif "=" in line:
            option, value = line.split("=", 1)
            last = (section, option.strip().replace("-", "_"))
            found[last] = value.strip()
    return found


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def effective(file, folder):
    """What the service takes of all its files. None of the options that no file has: oslo's default counts."""
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    found = {}
    for path in [file] + [os.path.join(folder, name) for name in names if name.endswith(".conf")]:
        found.update(parse(read(path) or ""))
    return found


def render(tunings):
    sections = {}
    for tuning in tunings:
        value = tuning["value"]
        text = ",".join(str(each) for each in value) if isinstance(value, list) else str(value)
        sections.setdefault(tuning["section"], []).append("{0} = {1}\n".format(tuning["option"], text))
    return "".join("[{0}]\n{1}".format(section, "".join(lines)) for section, lines in sections.items())


def write(path, text):
    if not text:
        if os.path.exists(path):
            os.unlink(path)
        return
    beside = path + ".new"
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(beside, path)


def told(option, value):
    return "(not told)" if value is not None and SECRET.search(option) else value


def main():
    file, folder = REQUEST["files"]
    path = os.path.join(folder, REQUEST["name"])
    former = read(path) or ""
    wanted = REQUEST["text"] if "text" in REQUEST else render(REQUEST["tunings"])
    before = effective(file, folder)
    if former != wanted:
        write(path, wanted)
    after = effective(file, folder)
    touched = sorted(set(parse(former)) | set(parse(wanted)))
    print(json.dumps({
        "changed": former != wanted,
        "former": former,
        "options": [
            {
                "section": section,
                "option": option,
                "before": told(option, before.get((section, option))),
                "after": told(option, after.get((section, option))),
            }
            for section, option in touched
        ],
    }))


if __name__ == "__main__":
    main()
