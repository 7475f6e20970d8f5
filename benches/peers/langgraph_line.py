"""LangGraph: a line of ten nodes, run again and again, and a fan-out of 1,000. Nodes per second.

Arguments: a folder, and where checkpoints go: `memory` (nowhere, and InMemorySaver), or SQLite with that `synchronous`.
"""

import operator
import os
import sqlite3
import sys
import tempfile
import time
from typing import Annotated, TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from report import percentile, report

NODES = 10
ITEMS = 1_000


class State(TypedDict):
    count: int


class Fan(TypedDict):
    items: list
    results: Annotated[list, operator.add]


def step(state):
    return {"count": state["count"] + 1}


def line(checkpointer):
    graph = StateGraph(State)
    names = [f"n{i}" for i in range(NODES)]
    for name in names:
        graph.add_node(name, step)
    for before, after in zip([START, *names], [*names, END]):
        graph.add_edge(before, after)
    return graph.compile(checkpointer=checkpointer)


def rate(graph, flows, durability=None):
    """Nodes per second, after a flow that is not counted."""
    started = None
    for flow in range(flows + 1):
        if flow == 1:
            started = time.perf_counter()
        config = {"configurable": {"thread_id": f"{durability}-{flow}"}}
        how = {} if durability is None else {"durability": durability}
        if graph.invoke({"count": 0}, config, **how)["count"] != NODES:
            raise RuntimeError("a node did not run")
    return flows * NODES / (time.perf_counter() - started)


def fan_out():
    """Seconds of a fan-out of 1,000, the middle of seven."""
    graph = StateGraph(Fan)
    graph.add_node("each", lambda item: {"results": [item["item"] + 1]})
    graph.add_conditional_edges(START, lambda state: [Send("each", {"item": item}) for item in state["items"]], ["each"])
    graph.add_edge("each", END)
    graph = graph.compile()
    times = []
    for _ in range(8):
        started = time.perf_counter()
        if len(graph.invoke({"items": list(range(ITEMS)), "results": []})["results"]) != ITEMS:
            raise RuntimeError("an item is missing")
        times.append(time.perf_counter() - started)
    return percentile(times[1:], 0.5)


folder, mode = sys.argv[1:]
if mode == "memory":
    for label, checkpointer in [("no checkpointer", None), ("InMemorySaver", InMemorySaver())]:
        value = rate(line(checkpointer), 200)
        report("dag.line", value, "per_s", label)
        report("dag.line.typescript", value, "per_s", label)
    report("dag.fanout", fan_out(), "s", "no checkpointer")
else:
    with tempfile.TemporaryDirectory(dir=folder) as folder:
        connection = sqlite3.connect(os.path.join(folder, "line.db"), check_same_thread=False)
        connection.execute(f"PRAGMA synchronous={mode}")
        graph = line(SqliteSaver(connection))
        each = rate(graph, 50, "sync")
        if mode == "FULL":
            end = rate(graph, 50, "exit")
            for row in ["file", "sqlite", "typescript"]:
                report(f"dag.nodes.{row}", each, "per_s", "sync")
            for row in ["file", "sqlite"]:
                report(f"dag.durable.{row}", end, "per_s", "exit")
        else:
            report("dag.nodes.process", each, "per_s", "sync")
