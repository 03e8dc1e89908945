"""W3: one execution of 100 parallel steps and a last one that needs them all."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from bench.harness import spread

if TYPE_CHECKING:
    from bench.harness import Bench, Measured

WIDTH = 100


async def run(bench: Bench) -> list[dict[str, Any]]:
    """Give one row a system that has parallel steps. Times are taken directly, statements through the proxy."""
    names = bench.having("agentplane", "langgraph", "dbos")
    counted: dict[str, Measured] = {}
    for name in names:
        await bench.connect([name], through=0.0)
        await bench.measure(name, "fan_out", width=WIDTH)
        counted[name] = await bench.measure(name, "fan_out", width=WIDTH)
        await bench.disconnect([name])
    await bench.connect(names)
    taken: dict[str, list[Measured]] = defaultdict(list)
    for _ in range(bench.repeats + 1):
        for name in names:
            taken[name].append(await bench.measure(name, "fan_out", width=WIDTH))
    await bench.disconnect(names)
    return [
        {
            "system": name,
            "ms": spread([one.seconds * 1000 for one in taken[name][1:]]),
            "statements": counted[name].wire["statements"],
            "commits": counted[name].wire["commits"],
            "wal_bytes": counted[name].wal_bytes,
        }
        for name in names
    ]
