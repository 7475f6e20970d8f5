"""LangGraph with SqliteSaver, durability "sync": a node that is run again and again, a checkpoint after each."""

import os
import sqlite3
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph

from report import report, report_steps

STEPS = 10
WORKFLOWS = 64


class State(TypedDict):
    i: int
    times: list


def step(state):
    return {"i": state["i"] + 1, "times": state["times"] + [time.perf_counter()]}


def build(path):
    # Full syncs: on a machine whose SQLite was built with another default, the rows would not compare.
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA synchronous=FULL")
    graph = StateGraph(State)
    graph.add_node("step", step)
    graph.add_edge(START, "step")
    graph.add_conditional_edges("step", lambda state: END if state["i"] > STEPS else "step")
    return graph.compile(checkpointer=SqliteSaver(connection))


def run(graph, thread):
    config = {"configurable": {"thread_id": thread}, "recursion_limit": STEPS + 10}
    times = graph.invoke({"i": 0, "times": []}, config, durability="sync")["times"]
    # From one call of the node to the next lies exactly one durable step.
    return [after - before for before, after in zip(times, times[1:])]


with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder:
    graph = build(os.path.join(folder, "langgraph.db"))
    run(graph, "warm")
    report_steps([seconds for n in range(20) for seconds in run(graph, f"one-{n}")])
    with ThreadPoolExecutor(WORKFLOWS) as pool:
        start = time.perf_counter()
        done = sum(len(times) for times in pool.map(lambda n: run(graph, f"many-{n}"), range(WORKFLOWS)))
        report("steps.concurrent", done / (time.perf_counter() - start), "per_s")
