"""What every peer on Python shares: one JSON line per measurement on stdout, which the benchmark collects."""

import json


def report(row, value, unit, label=None):
    """Prints a measurement. `unit`: s, ms, us, bytes or per_s."""
    print(json.dumps({"row": row, "value": value, "unit": unit, "as": label}), flush=True)


def percentile(values, p):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * p))]


def report_steps(seconds):
    """The three rows of sequential durable steps, from the seconds of each step."""
    report("steps.disk", percentile(seconds, 0.5), "s")
    report("steps.disk.p99", percentile(seconds, 0.99), "s")
    report("steps.disk.rate", len(seconds) / sum(seconds), "per_s")
