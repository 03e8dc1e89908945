"""W4: take up an execution with many finished steps, as a new process would: until its next step has begun."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.harness import spread

if TYPE_CHECKING:
    from bench.harness import Bench

SIZES = (10, 100, 1_000, 5_000)
MOST = {"dbos": 1_000}  # it reads each step by itself: 5,000 would take a minute of the run to fill


async def run(bench: Bench) -> list[dict[str, Any]]:
    """Give one row a system and number of finished steps."""
    rows: list[dict[str, Any]] = []
    for name in bench.having("agentplane", "absurd", "dbos", "langgraph"):
        most = min(MOST.get(name, SIZES[-1]), SIZES[-2] if bench.is_quick else SIZES[-1])
        if bench.is_quick and name == "dbos":
            most = 100
        await bench.connect([name], through=0.0)
        for size in (size for size in SIZES if size <= most):
            await bench.measure(name, "fill", steps=size)
            taken = []
            for _ in range(bench.repeats):
                taken.append(await bench.measure(name, "resume", steps=size))
                await bench.measure(name, "rest", steps=size)
            rows.append(
                {
                    "system": name,
                    "steps": size,
                    "ms": spread([one.result for one in taken]),
                    "statements": spread([one.wire["statements"] for one in taken])["median"],
                    "bytes": spread([one.wire["bytes_out"] for one in taken])["median"],
                    "client_ms": spread([one.client_cpu_s * 1000 for one in taken])["median"],
                }
            )
        await bench.disconnect([name])
    return rows
