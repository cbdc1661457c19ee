"""Work in threads: so much at once, and not for ever."""

import queue
import threading

from ansible.module_utils.overcloud.cloud import CloudError, now


def run_bounded(items, concurrency, work, deadline):
    """
    Does `work(item)` for all items, so many at once. What was not begun at the deadline is not begun any more; `work`
    itself sees to its own end. Answers (item, answer, error) in the items' order: a CloudError as error, None without.
    """
    tasks = queue.Queue()
    for place, item in enumerate(items):
        tasks.put((place, item))
    ended = [None] * tasks.qsize()
    unexpected = []

    def worker():
        while True:
            try:
                place, item = tasks.get_nowait()
            except queue.Empty:
                return
            if now() >= deadline:
                ended[place] = (item, None, CloudError("not begun in time", "timeout"))
                continue
            try:
                ended[place] = (item, work(item), None)
            except CloudError as error:
                ended[place] = (item, None, error)
            except Exception as error:  # Whatever it is, the others go on, and it is raised where it is seen.
                unexpected.append(error)
                return

    threads = [threading.Thread(target=worker, daemon=True) for _ in range(min(concurrency, len(ended)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if unexpected:
        raise unexpected[0]
    return ended


class Pace:
    """Starts at a steady rate, whatever those before do: moments are due by the clock, not by each other."""

    def __init__(self, per_minute, seconds, clock=now):
        self.interval = 60.0 / per_minute
        self.count = max(1, int(seconds / self.interval + 1e-9))
        self._clock = clock
        self._began = clock()

    def due(self, place):
        """The clock's time at which the start with this number, from 0, is due."""
        return self._began + place * self.interval
