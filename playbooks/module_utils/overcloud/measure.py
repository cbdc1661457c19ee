"""Numbers of a measurement: percentiles, outages, sentences about them. Pure."""

import math

# More of them say nothing new, and a result file is read by people too.
MOST_FAILURES = 200


def percentiles(seconds):
    """Percentiles by nearest rank, so that each is a value that was really seen; None where there is none."""
    values = sorted(seconds)

    def rank(percent):
        if not values:
            return None
        return round(values[max(0, math.ceil(percent / 100 * len(values)) - 1)], 3)

    return {
        "count": len(values),
        "p50": rank(50),
        "p90": rank(90),
        "p95": rank(95),
        "p99": rank(99),
        "max": rank(100),
    }


def in_words(times):
    """Percentiles in one line for people."""
    if not times["count"]:
        return "none measured"
    return "p50 {p50:.1f} s, p95 {p95:.1f} s, max {max:.1f} s".format(**times)


def counted(values):
    """How often each value is there, by value."""
    counts = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return dict(sorted(counts.items()))


def outages(probes):
    """
    Stretches in which probes failed, of probes (began, ended, error or None) in their order. One begins with the start
    of the first probe that failed and ends with the end of the first that worked again; `end` is None if none did.
    """
    found = []
    current = None
    for began, ended, error in probes:
        if error is not None and current is None:
            current = {"start": began, "end": None, "errors": []}
            found.append(current)
        if current is None:
            continue
        if error is None:
            current["end"] = ended
            current = None
        else:
            current["errors"].append(error)
    return found


def failure(what, message):
    return {"what": what, "message": " ".join(str(message).split())}


def shortened(failures):
    """The failures, and when they are too many to be read, the first of them with a word on the rest."""
    if len(failures) <= MOST_FAILURES:
        return failures
    rest = len(failures) - MOST_FAILURES
    return failures[:MOST_FAILURES] + [failure("more", "{0} more failures are left out".format(rest))]
