"""The node's word to the outside: lines on the console that begin with "overcloud: "."""

import os


class Failed(Exception):
    """The node can't be what it should; the message says why, in one line."""


def say(line):
    console = os.open("/dev/console", os.O_WRONLY | os.O_NOCTTY)
    try:
        os.write(console, f"overcloud: {line}\n".encode())
    finally:
        os.close(console)
