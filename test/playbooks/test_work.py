import threading
import time
import unittest

from ansible.module_utils.overcloud.cloud import CloudError, now, shortened_names
from ansible.module_utils.overcloud.watch import Watch, status_of
from ansible.module_utils.overcloud.work import Pace, run_bounded


class Bounded(unittest.TestCase):
    def test_so_many_at_once_and_answers_in_order(self):
        lock, running, most = threading.Lock(), [0], [0]

        def work(item):
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            time.sleep(0.01)
            with lock:
                running[0] -= 1
            return item * 2

        ended = run_bounded(range(20), 4, work, now() + 60)
        self.assertEqual([answer for _, answer, _ in ended], [item * 2 for item in range(20)])
        self.assertLessEqual(most[0], 4)
        self.assertGreater(most[0], 1)

    def test_an_error_is_the_item_s_own(self):
        def work(item):
            if item == 1:
                raise CloudError("no", "HTTP 500", 500)
            return item

        ended = run_bounded([0, 1, 2], 2, work, now() + 60)
        self.assertEqual([str(error) if error else None for _, _, error in ended], [None, "no", None])

    def test_nothing_begins_after_the_deadline(self):
        begun = []
        ended = run_bounded([1, 2], 1, begun.append, now() - 1)
        self.assertEqual(begun, [])
        self.assertEqual({error.kind for _, _, error in ended}, {"timeout"})

    def test_what_nobody_expects_is_raised(self):
        def work(_):
            raise ValueError("a mistake")

        with self.assertRaisesRegex(ValueError, "a mistake"):
            run_bounded([1], 1, work, now() + 60)

    def test_nothing_to_do_is_done(self):
        self.assertEqual(run_bounded([], 5, lambda item: item, now() + 60), [])


class Steady(unittest.TestCase):
    def test_starts_are_due_by_the_clock(self):
        pace = Pace(30, 60, clock=lambda: 100.0)
        self.assertEqual(pace.count, 30)
        self.assertEqual([pace.due(place) for place in (0, 1, 29)], [100.0, 102.0, 158.0])

    def test_there_is_one_at_least(self):
        self.assertEqual(Pace(0.1, 1).count, 1)


class Watching(unittest.TestCase):
    def test_shows_states_until_one_is_the_last_and_bears_an_api_that_is_down(self):
        class Fake(Watch):
            looks = 0

            def look(self, waited):
                self.looks += 1
                if self.looks == 2:
                    raise CloudError("down", "no answer")
                for each in waited.values():
                    each.show(self.looks, now())

        seen = []
        watch = Fake(None, 0.01)
        watch.start()

        def see(state, _):
            seen.append(state)
            return state >= 4

        waited = watch.follow("id", see)
        self.assertTrue(waited.done.wait(10))
        watch.stop()
        self.assertEqual(seen, [1, 3, 4])

    def test_says_in_words_how_a_server_is(self):
        self.assertEqual(status_of(None), "not seen")
        self.assertEqual(status_of({"status": "BUILD", "OS-EXT-STS:task_state": "spawning"}), "BUILD, spawning")
        self.assertEqual(status_of({"status": "ERROR", "fault": {"message": "No valid host"}}), "ERROR: No valid host")


class Names(unittest.TestCase):
    def test_are_in_the_order_in_which_people_count_and_not_too_many(self):
        names = ["compute-{0}".format(number) for number in range(12)]
        self.assertEqual(shortened_names(["compute-10", "compute-9"]), "compute-9, compute-10")
        self.assertTrue(shortened_names(names).endswith("compute-9 and 2 more"))
        self.assertEqual(shortened_names([]), "none")
