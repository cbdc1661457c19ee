"""Writes how a run of playbooks ended, as JSON, to the file that OVERCLOUD_PLAY_OUTCOME names.

ansible-playbook answers 0 when no host matched, and buries what failed in its output; this says both.
"""

import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: outcome
type: aggregate
short_description: writes the outcome of a run to a file
description: Hosts with their counts, plays that no host matched, tasks that failed.
"""

WORDS_OF_A_FAILURE = 600


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "outcome"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self.play = {"play": "", "hosts": []}
        self.unmatched = []
        self.failures = []

    def v2_playbook_on_play_start(self, play):
        hosts = play.hosts if isinstance(play.hosts, list) else [play.hosts]
        self.play = {"play": play.get_name().strip(), "hosts": [str(host) for host in hosts]}

    def v2_playbook_on_no_hosts_matched(self):
        self.unmatched.append(self.play)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        if not ignore_errors:
            self.failures.append(self._failure(result))

    def v2_runner_on_unreachable(self, result):
        self.failures.append(self._failure(result))

    def _failure(self, result):
        said = result._result
        words = [str(said.get("msg", "")), str(said.get("stderr") or said.get("stdout") or "")]
        text = ": ".join(" ".join(word.split()) for word in words if word)
        return {
            "host": result._host.get_name(),
            "task": result._task.get_name().strip(),
            "message": text[-WORDS_OF_A_FAILURE:],
        }

    def v2_playbook_on_stats(self, stats):
        outcome = {
            "hosts": {host: stats.summarize(host) for host in sorted(stats.processed)},
            "unmatched": self.unmatched,
            "failures": self.failures,
        }
        with open(os.environ["OVERCLOUD_PLAY_OUTCOME"], "w") as file:
            json.dump(outcome, file)
