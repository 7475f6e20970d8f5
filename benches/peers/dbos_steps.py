"""DBOS on SQLite, as it comes: a workflow of no-op steps."""

import os
import sys
import tempfile
import time

from dbos import DBOS

from report import report, report_steps

STEPS = 10
WORKFLOWS = 64


@DBOS.step()
def step(n):
    return n


@DBOS.workflow()
def workflow():
    times = []
    for n in range(STEPS):
        start = time.perf_counter()
        step(n)
        times.append(time.perf_counter() - start)
    return times


with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder:
    url = "sqlite:///" + os.path.join(folder, "dbos.sqlite")
    DBOS(config={"name": "bench", "system_database_url": url, "log_level": "ERROR"})
    DBOS.launch()
    workflow()
    report_steps([seconds for _ in range(20) for seconds in workflow()])
    start = time.perf_counter()
    handles = [DBOS.start_workflow(workflow) for _ in range(WORKFLOWS)]
    done = sum(len(handle.get_result()) for handle in handles)
    report("steps.concurrent", done / (time.perf_counter() - start), "per_s")
    DBOS.destroy()
