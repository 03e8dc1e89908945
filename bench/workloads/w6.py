"""W6: 10,000 executions that wait for a person: what one sweep costs when nothing is due."""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.harness import Bench

PARKED = 10_000
QUICK_PARKED = 1_000
BATCH = 500
SWEEPS = 20
EXPLAIN = "explain (analyze, buffers, format json) select plane.sweep('{}')"


async def run(bench: Bench) -> list[dict[str, Any]]:
    """Give one row: milliseconds as the sweeper sees them, and the buffers that its statement touches."""
    rows: list[dict[str, Any]] = []
    for name in bench.having("agentplane"):
        await bench.connect([name], concurrency=32)
        parked = QUICK_PARKED if bench.is_quick else PARKED
        for _ in range(parked // BATCH):
            await bench.measure(name, "park", count=BATCH)
        took = await bench.measure(name, "sweep", times=SWEEPS)
        await bench.disconnect([name])
        explained = await bench.fetch(name, "select plane.sweep('{}')", EXPLAIN)
        plan = json.loads(explained[0][0])[0]["Plan"]
        rows.append(
            {
                "system": name,
                "parked": parked,
                "ms": statistics.median(took.result),
                "most_ms": max(took.result),
                "buffers": plan["Shared Hit Blocks"] + plan["Shared Read Blocks"],
            }
        )
    return rows
