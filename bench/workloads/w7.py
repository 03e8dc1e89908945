"""W7: how long after a person's answer the next step begins, with the doorbell and with it lost."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

from functions.shared.dispatch.in_process import SWEEP_EVERY_S

if TYPE_CHECKING:
    from bench.harness import Bench

ANSWERS = {"agentplane": 50, "absurd": 8, "dbos": 10, "langgraph": 50}
LOST = 20


async def run(bench: Bench) -> list[dict[str, Any]]:
    """Give one row a system with the doorbell (or what it has in its place), and one for the plane without it."""
    rows: list[dict[str, Any]] = []
    for name in bench.having(*ANSWERS):
        await bench.connect([name])
        count = max(3, ANSWERS[name] // 4) if bench.is_quick else ANSWERS[name]
        await bench.measure(name, "approve", count=1, doorbell=True)
        rows.append(await _row(bench, name, count, doorbell=True))
        if name == "agentplane":
            rows.append(await _row(bench, name, LOST, doorbell=False))
        await bench.disconnect([name])
    return rows


async def _row(bench: Bench, name: str, count: int, *, doorbell: bool) -> dict[str, Any]:
    took = sorted((await bench.measure(name, "approve", count=count, doorbell=doorbell)).result)
    p95 = took[math.ceil(0.95 * count) - 1]
    return {
        "system": name,
        "doorbell": doorbell,
        "sweep_every_s": SWEEP_EVERY_S,
        "p50_ms": statistics.median(took),
        "p95_ms": p95,
        "most_ms": took[-1],
    }
