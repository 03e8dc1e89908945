"""W5: a conversation of 200 turns of 1 kB each: what is stored, and what its last turns take."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from bench.harness import spread

if TYPE_CHECKING:
    from bench.harness import Bench

TURNS = 200
SIZE = 1_000
EDGE = 10  # turns at either end whose median is given


async def run(bench: Bench) -> list[dict[str, Any]]:
    """Give one row a system. Bytes are what the database's files grew by per conversation."""
    rows: list[dict[str, Any]] = []
    repeats = bench.repeats
    for name in bench.having("agentplane", "absurd", "dbos", "langgraph"):
        await bench.connect([name])
        await bench.measure(name, "converse", turns=TURNS, size=SIZE)
        before = await bench.database_bytes(name)
        taken = [await bench.measure(name, "converse", turns=TURNS, size=SIZE) for _ in range(repeats)]
        grown = await bench.database_bytes(name) - before
        await bench.disconnect([name])
        rows.append(
            {
                "system": name,
                "bytes": grown / repeats,
                "wal_bytes": statistics.median(one.wal_bytes for one in taken),
                "first_ms": spread([statistics.median(one.result[:EDGE]) for one in taken]),
                "last_ms": spread([statistics.median(one.result[-EDGE:]) for one in taken]),
            }
        )
    return rows
