"""The floor of everything that stores steps in SQLite: one row of 150 bytes, one commit, WAL with full syncs."""

import os
import sqlite3
import sys
import tempfile
import time

from report import report_steps

with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder:
    db = sqlite3.connect(os.path.join(folder, "floor.db"), isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE steps (n INTEGER PRIMARY KEY, result BLOB)")
    times = []
    for n in range(500):
        start = time.perf_counter()
        db.execute("INSERT INTO steps VALUES (?, ?)", (n, b"x" * 150))
        times.append(time.perf_counter() - start)
    db.close()
report_steps(times)
