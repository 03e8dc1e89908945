"""W1: ten sequential steps by many executions at a time: throughput, and what one step costs."""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from bench.harness import spread

if TYPE_CHECKING:
    from bench.harness import Bench, Measured

STEPS = 10
MORE_STEPS = 30
COUNTED = 20
CONCURRENCIES = (1, 8, 32)


async def run(bench: Bench) -> list[dict[str, Any]]:
    """Give one row a system and concurrency, with what a step costs in the row of concurrency 1."""
    counted = {name: await _count(bench, name) for name in bench.having()}
    rows: list[dict[str, Any]] = []
    for concurrency in CONCURRENCIES:
        rows += await _throughput(bench, concurrency)
    return [row | (counted[row["system"]] if row["concurrency"] == 1 else {}) for row in rows]


async def _throughput(bench: Bench, concurrency: int) -> list[dict[str, Any]]:
    names = bench.having()
    await bench.connect(names, concurrency=concurrency)
    executions = {name: await bench.rate(name, steps=STEPS, concurrency=concurrency) for name in names}
    found: dict[str, list[Measured]] = defaultdict(list)
    for _ in range(bench.repeats):
        for name in names:
            found[name].append(
                await bench.measure(
                    name, "run_sequential", executions=executions[name], steps=STEPS, concurrency=concurrency
                )
            )
    await bench.disconnect(names)
    rows: list[dict[str, Any]] = []
    for name in names:
        steps = executions[name] * STEPS
        rows.append(
            {
                "system": name,
                "concurrency": concurrency,
                "executions": executions[name],
                "steps_per_s": spread([steps / one.seconds for one in found[name]]),
                "client_us": statistics.median(one.client_cpu_s / steps * 1e6 for one in found[name]),
                "server_us": statistics.median(one.server_cpu_s / steps * 1e6 for one in found[name]),
            }
        )
    return rows


async def _count(bench: Bench, name: str) -> dict[str, Any]:
    """Count at the wire; what ten and thirty steps differ by is the cost of a step, the rest that of an execution."""
    await bench.connect([name], through=0.0)
    taken: list[dict[str, int]] = []
    for steps in (STEPS, MORE_STEPS):
        await bench.measure(name, "run_sequential", executions=3, steps=steps, concurrency=1)
        one = await bench.measure(name, "run_sequential", executions=COUNTED, steps=steps, concurrency=1)
        taken.append({**one.wire, "wal_bytes": one.wal_bytes})
    await bench.disconnect([name])
    few, more = taken
    step = {key: (more[key] - few[key]) / (COUNTED * (MORE_STEPS - STEPS)) for key in few}
    fixed = {key: few[key] / COUNTED - STEPS * step[key] for key in few}
    return {"per_step": step, "per_execution": fixed}
