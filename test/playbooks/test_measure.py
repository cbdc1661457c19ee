import unittest

from ansible.module_utils.overcloud import measure


class Percentiles(unittest.TestCase):
    def test_are_values_that_were_seen(self):
        found = measure.percentiles(number / 10 for number in range(1, 101))
        self.assertEqual(found, {"count": 100, "p50": 5.0, "p90": 9.0, "p95": 9.5, "p99": 9.9, "max": 10.0})

    def test_of_one_value_are_that_value(self):
        self.assertEqual(measure.percentiles([1.23456]), dict.fromkeys(["p50", "p90", "p95", "p99", "max"], 1.235) | {"count": 1})

    def test_of_none_are_none(self):
        found = measure.percentiles([])
        self.assertEqual(found["count"], 0)
        self.assertIsNone(found["p50"])
        self.assertIsNone(found["max"])
        self.assertEqual(measure.in_words(found), "none measured")


class Outages(unittest.TestCase):
    def test_last_from_the_first_failure_to_the_first_answer_after_it(self):
        probes = [(0, 1, None), (1, 2, "timeout"), (2, 3, "HTTP 500"), (3, 4.5, None), (5, 6, None), (6, 7, "no answer")]
        found = measure.outages(probes)
        self.assertEqual([(each["start"], each["end"]) for each in found], [(1, 4.5), (6, None)])
        self.assertEqual(found[0]["errors"], ["timeout", "HTTP 500"])

    def test_are_none_when_all_answered(self):
        self.assertEqual(measure.outages([(0, 1, None), (1, 2, None)]), [])
        self.assertEqual(measure.outages([]), [])


class Failures(unittest.TestCase):
    def test_are_one_line_each_and_not_too_many(self):
        self.assertEqual(measure.failure("a", "one\n  two"), {"what": "a", "message": "one two"})
        many = [measure.failure(str(number), "x") for number in range(measure.MOST_FAILURES + 5)]
        self.assertEqual(len(measure.shortened(many)), measure.MOST_FAILURES + 1)
        self.assertIn("5 more", measure.shortened(many)[-1]["message"])
        self.assertEqual(measure.shortened(many[:3]), many[:3])
