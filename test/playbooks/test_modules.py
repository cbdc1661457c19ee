"""The pure parts of the modules, and of what runs inside services."""

import json
import os
import sys
import tempfile
import unittest
from contextlib import redirect_stdout
from io import StringIO

import boot_servers
import check_ranges
import failure_results
import write_result

ROLES = os.environ["OVERCLOUD_ROLES"]


def script(role, name, request):
    """Names of a script that runs inside a service, where a line with the request comes before it."""
    with open(os.path.join(ROLES, role, "files", name), encoding="utf-8") as file:
        names = {"REQUEST": request, "__name__": name}
        exec(compile(file.read(), name, "exec"), names)
    return names


class Ranges(unittest.TestCase):
    def problem(self, value, **more):
        return check_ranges.problem_of({"key": "count", "value": value, "min": 1, "max": 10, **more})

    def test_takes_numbers_and_their_text(self):
        for value in (1, "1", 10, "10"):
            self.assertIsNone(self.problem(value))
        self.assertIsNone(self.problem("1.5", integer=False))

    def test_says_what_is_wrong(self):
        for value in (0, 11, "1.5", "many", "", None, "nan"):
            self.assertEqual(self.problem(value), "count is {0}, and must be a whole number from 1 to 10.".format(value))
        self.assertIn("a number from 1 to 10", self.problem("nan", integer=False))


class Phases(unittest.TestCase):
    def test_a_late_phase_has_the_earlier_ones_behind_it(self):
        server = {"status": "BUILD", "OS-EXT-SRV-ATTR:host": None, "OS-EXT-STS:task_state": "scheduling"}
        self.assertEqual(boot_servers.reached(server), [])
        server["OS-EXT-SRV-ATTR:host"] = "compute-0"
        self.assertEqual(boot_servers.reached(server), ["scheduled"])
        server["OS-EXT-STS:task_state"] = "spawning"
        self.assertEqual(boot_servers.reached(server), ["scheduled", "networking", "spawning"])
        server.update({"status": "ACTIVE", "OS-EXT-STS:task_state": None})
        self.assertEqual(boot_servers.reached(server), boot_servers.PHASES)


class Times(unittest.TestCase):
    observed = {
        "broken": 100.0,
        "restored": 110.0,
        "detected": {"a": 4.0},
        "recovered": {"a": 2.5, "b": 1.0},
        "undetected": ["c"],
        "unrecovered": ["d"],
    }

    def test_of_services(self):
        self.assertEqual(
            failure_results.failure_times(self.observed),
            {
                "a": {"detectionSeconds": 4.0, "recoverySeconds": 2.5, "downtimeSeconds": 12.5},
                "b": {"detectionSeconds": None, "recoverySeconds": 1.0, "downtimeSeconds": 11.0},
            },
        )

    def test_of_apis(self):
        api = {"outages": [{"start": 101.0, "end": 112.0, "seconds": 11.0}]}
        found = failure_results.api_times(api, self.observed)
        self.assertEqual(found["outages"], [{"afterSeconds": 1.0, "seconds": 11.0, "recovered": True}])
        self.assertEqual(found["recoverySeconds"], 2.0)
        self.assertEqual(failure_results.api_times({"outages": []}, self.observed)["recoverySeconds"], 0)

    def test_what_is_still_away_is_a_failure(self):
        api = failure_results.api_times({"outages": [{"start": 101.0, "end": None, "seconds": 30.0}]}, self.observed)
        failures = failure_results.failures(self.observed, {"nova": api})
        self.assertEqual([each["what"] for each in failures], ["c", "d", "nova"])


class Result(unittest.TestCase):
    def test_parameters_are_what_they_were_meant_to_be(self):
        given = {"a": "10", "b": "0.5", "c": "True", "d": "text", "e": ["1", {"f": "-2"}], "g": 3, "h": "1.2.3"}
        self.assertEqual(
            write_result.typed(given),
            {"a": 10, "b": 0.5, "c": True, "d": "text", "e": [1, {"f": -2}], "g": 3, "h": "1.2.3"},
        )

    def test_has_what_everybody_reads(self):
        found = write_result.document(
            {"playbook": "p", "started": 0.0, "parameters": {}, "results": {"x": "1"}, "failures": []}, 2.5
        )
        self.assertEqual(found["started"], "1970-01-01T00:00:00Z")
        self.assertEqual(found["finished"], "1970-01-01T00:00:02Z")
        self.assertEqual(found["seconds"], 2.5)
        self.assertEqual(found["results"], {"x": "1"})
        self.assertEqual(list(found), ["playbook", "started", "finished", "seconds", "parameters", "results", "failures"])


class Tuning(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.file = os.path.join(self.folder.name, "nova.conf")
        self.conf = os.path.join(self.folder.name, "nova.conf.d")
        os.mkdir(self.conf)
        with open(self.file, "w", encoding="utf-8") as file:
            file.write("# a comment\n[DEFAULT]\ndebug = false\n[conductor]\nworkers = 1\n[database]\nconnection = mysql://secret\n")

    def tune(self, **request):
        names = script("tune_control_plane", "tune.py", {"files": [self.file, self.conf], "name": "90-tune-x.conf", **request})
        out = StringIO()
        with redirect_stdout(out):
            names["main"]()
        return json.loads(out.getvalue())

    def test_sets_tells_and_takes_back(self):
        tunings = [
            {"section": "conductor", "option": "workers", "value": 4},
            {"section": "conductor", "option": "names", "value": ["a", "b"]},
            {"section": "database", "option": "connection", "value": "mysql://other"},
        ]
        first = self.tune(tunings=tunings)
        self.assertTrue(first["changed"])
        self.assertEqual(first["options"][0], {"section": "conductor", "option": "names", "before": None, "after": "a,b"})
        self.assertEqual(first["options"][1], {"section": "conductor", "option": "workers", "before": "1", "after": "4"})
        self.assertEqual(first["options"][2]["after"], "(not told)")
        path = os.path.join(self.conf, "90-tune-x.conf")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertFalse(self.tune(tunings=tunings)["changed"])
        back = self.tune(tunings=[])
        self.assertTrue(back["changed"])
        self.assertEqual(back["options"][1]["after"], "1")
        self.assertFalse(os.path.exists(path))
        self.tune(text=back["former"])
        self.assertTrue(os.path.exists(path))

    def test_the_last_file_counts(self):
        with open(os.path.join(self.conf, "95-later.conf"), "w", encoding="utf-8") as file:
            file.write("[conductor]\nworkers = 9\n")
        found = self.tune(tunings=[{"section": "conductor", "option": "workers", "value": 4}])
        self.assertEqual(found["options"][0]["after"], "9")


class Looking(unittest.TestCase):
    names = script("upgrade_check", "collect.py", {})

    def test_statements_that_differ_in_values_are_one(self):
        digest = self.names["digest"]
        self.assertEqual(digest("SELECT a FROM t1 WHERE x = 'it''s' AND y IN (1, 2,  3)"), "SELECT a FROM t1 WHERE x = ? AND y IN (?, …)")
        self.assertEqual(digest("SELECT  1.5,\n 'a'"), digest("SELECT 2, 'b\\'c'"))

    def test_reads_the_table_of_nova_status(self):
        table = "\n".join(
            [
                "+-----------------+",
                "| Upgrade Check Results |",
                "+-----------------+",
                "| Check: Cells v2 |",
                "| Result: Success |",
                "| Details: None   |",
                "+-----------------+",
                "| Check: Machine  |",
                "| Result: Warning |",
                "| Details: one    |",
                "|   two: three    |",
                "+-----------------+",
            ]
        )
        self.assertEqual(
            self.names["checks"](table),
            [
                {"check": "Cells v2", "result": "Success", "details": ""},
                {"check": "Machine", "result": "Warning", "details": "one two: three"},
            ],
        )


if __name__ == "__main__":
    sys.exit("run by test/playbooks/modules.test.ts")
