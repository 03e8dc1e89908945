"""What must hold, decided from the results alone: the same JSON gives the same verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Row: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = Sequence[Row]
OURS, FLOOR = "agentplane", "floor"


@dataclass(frozen=True, slots=True)
class Target:
    """A claim over the rows of one workload. `measure` raises LookupError when the rows cannot tell."""

    workload: str
    claim: str
    measure: Callable[[Rows], float]
    limit: float
    is_most: bool  # else the limit is the least
    unit: str = ""

    def verdict(self, value: float) -> bool:
        """Whether the value keeps the claim."""
        return value <= self.limit if self.is_most else value >= self.limit


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a target. `value` and `is_met` are None when it was not measured."""

    target: Target
    value: float | None
    is_met: bool | None


def judge(workloads: Mapping[str, Rows]) -> list[Verdict]:
    """Decide every target from the rows by workload."""
    verdicts: list[Verdict] = []
    for target in TARGETS:
        try:
            value = target.measure(workloads[target.workload])
        except LookupError:
            verdicts.append(Verdict(target, None, None))
        else:
            verdicts.append(Verdict(target, value, target.verdict(value)))
    return verdicts


def find(rows: Rows, **wanted: Any) -> Row:
    """Give the row with these values; raises LookupError without one."""
    for row in rows:
        if all(row.get(name) == value for name, value in wanted.items()):
            return row
    raise LookupError(wanted)


def _per_step(name: str) -> Callable[[Rows], float]:
    """Round away the few statements that belong to time and not to steps: sweeps while it was counted."""
    return lambda rows: round(find(rows, system=OURS, concurrency=1)["per_step"][name], 1)


def _rate(rows: Rows, system: str) -> float:
    return find(rows, system=system, concurrency=32)["steps_per_s"]["median"]


def _times(system: str) -> Callable[[Rows], float]:
    return lambda rows: _rate(rows, OURS) / _rate(rows, system)


def _delay(rows: Rows, system: str) -> float:
    return find(rows, system=system, round_trip_ms=5)["ms_per_step"]["median"]


def _state_get(rows: Rows) -> Row:
    return find(rows, operation="state get", concurrency=1)


TARGETS = (
    Target("w1", "statements per checkpoint", _per_step("statements"), 1, is_most=True),
    Target("w1", "commits per checkpoint", _per_step("commits"), 1, is_most=True),
    Target("w1", "steps/s at 32 against the floor", _times(FLOOR), 0.4, is_most=False, unit="x"),
    Target("w1", "steps/s at 32 against DBOS", _times("dbos"), 5, is_most=False, unit="x"),
    Target("w1", "steps/s at 32 against absurd", _times("absurd"), 2, is_most=False, unit="x"),
    Target("w1", "steps/s at 32 against LangGraph", _times("langgraph"), 10, is_most=False, unit="x"),
    Target(
        "w2",
        "time per step at 5 ms of round trip against the floor",
        lambda rows: _delay(rows, OURS) / _delay(rows, FLOOR),
        1.5,
        is_most=True,
        unit="x",
    ),
    Target("w3", "statements", lambda rows: find(rows, system=OURS)["statements"], 40, is_most=True),
    Target(
        "w4",
        "statements at 1,000 steps",
        lambda rows: find(rows, system=OURS, steps=1000)["statements"],
        1,
        is_most=True,
    ),
    Target(
        "w4",
        "until the next step at 1,000 steps",
        lambda rows: find(rows, system=OURS, steps=1000)["ms"]["median"],
        30,
        is_most=True,
        unit="ms",
    ),
    Target("w6", "a sweep", lambda rows: find(rows, system=OURS)["ms"], 5, is_most=True, unit="ms"),
    Target("w8", "state get, p95 at 1", lambda rows: _state_get(rows)["p95_ms"], 10, is_most=True, unit="ms"),
    Target(
        "w8",
        "state get at 1 against the bare endpoint",
        lambda rows: _state_get(rows)["ratio"],
        0.5,
        is_most=False,
        unit="x",
    ),
)
