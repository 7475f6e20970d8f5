"""The rows of Neutron's checkpoints on CPython: pickle, written aside, synced if the row is, renamed.

Used by `neutron_rows.py`.
"""
import os
import pickle
import time

from report import report

ROUNDS = 11


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y


def numbers(n):
    return [i * 0.5 for i in range(n)]


def dictionary(n):
    return {f"key {i}": f"value {i}" for i in range(n)}


def instances(n):
    return [Point(i, i * 0.5) for i in range(n)]


def save(kept, path, folder, sync):
    aside = path + ".part"
    with open(aside, "wb") as file:
        pickle.dump(kept, file, protocol=pickle.HIGHEST_PROTOCOL)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    os.replace(aside, path)
    if sync:
        handle = os.open(folder, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def load(path):
    with open(path, "rb") as file:
        return pickle.load(file)


def middle(work):
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        kept = work()
        times.append(time.perf_counter() - began)
        del kept
    return sorted(times)[ROUNDS // 2]


def measure(name, kept, folder):
    path = os.path.join(folder, "kept.pickle")
    report(f"neutron.save.{name}", middle(lambda: save(kept, path, folder, False)), "s")
    report(f"neutron.checkpoint.{name}", middle(lambda: save(kept, path, folder, True)), "s")
    del kept
    report(f"neutron.resume.{name}", middle(lambda: load(path)), "s")
    report(f"neutron.size.{name}", os.path.getsize(path), "bytes")
    os.remove(path)


def measure_all(folder):
    measure("1000", numbers(1_000), folder)
    measure("100000", numbers(100_000), folder)
    measure("1000000", numbers(1_000_000), folder)
    measure("dictionary", dictionary(100_000), folder)
    measure("instances", instances(100_000), folder)
