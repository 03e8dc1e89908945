"""W2: ten sequential steps, one execution at a time, through a proxy that adds a round trip's delay."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from bench.harness import spread

if TYPE_CHECKING:
    from bench.harness import Bench

STEPS = 10
ROUND_TRIPS_MS = (0, 1, 5, 20)


async def run(bench: Bench) -> list[dict[str, Any]]:
    """Give one row a system and delay."""
    rows: list[dict[str, Any]] = []
    names = bench.having()
    for delay_ms in (5,) if bench.is_quick else ROUND_TRIPS_MS:
        await bench.connect(names, through=delay_ms / 1000)
        executions = {name: await bench.rate(name, steps=STEPS, concurrency=1) for name in names}
        found: dict[str, list[float]] = defaultdict(list)
        for _ in range(bench.repeats):
            for name in names:
                one = await bench.measure(
                    name, "run_sequential", executions=executions[name], steps=STEPS, concurrency=1
                )
                found[name].append(one.seconds * 1000 / (executions[name] * STEPS))
        await bench.disconnect(names)
        rows += [{"system": name, "round_trip_ms": delay_ms, "ms_per_step": spread(found[name])} for name in names]
    return rows
