"""Which branches of a workflow its inline tests have taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.shared.engine.paths import address_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from functions.shared.dsl.compiled import Compiled, CompiledStep
    from functions.shared.engine.facts import Record
    from functions.shared.jsonvalue import JsonObject

_WHOLES = frozenset({"for_each", "loop"})


@dataclass(frozen=True, slots=True)
class Branch:
    """One thing that a step can do. `what`: ran · when true · when false · until met · max reached · failed."""

    path: str
    what: str
    is_covered: bool


@dataclass(frozen=True, slots=True)
class StepCoverage:
    """How often a step ran, was skipped and failed, items and rounds counted, over all tests."""

    path: str
    ran: int
    skipped: int
    failed: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """All branches of a document."""

    branches: tuple[Branch, ...]
    steps: tuple[StepCoverage, ...]

    @property
    def percent(self) -> float:
        """Covered branches of a hundred; 100 when there are none."""
        if not self.branches:
            return 100.0
        return round(100 * sum(branch.is_covered for branch in self.branches) / len(self.branches), 1)

    @property
    def uncovered(self) -> list[str]:
        """Name what no test has done: `refund: when false`."""
        return [f"{branch.path}: {branch.what}" for branch in self.branches if not branch.is_covered]

    def as_json(self) -> JsonObject:
        return {
            "percent": self.percent,
            "branches": len(self.branches),
            "covered": sum(branch.is_covered for branch in self.branches),
            "uncovered": [*self.uncovered],
            "steps": [
                {"path": step.path, "ran": step.ran, "skipped": step.skipped, "failed": step.failed}
                for step in self.steps
            ],
        }


def cover(compiled: Compiled, runs: Iterable[Mapping[str, Record]]) -> Coverage:
    """Compare what the steps of a document can do with the records of some runs of it."""
    seen: dict[str, list[Record]] = {}
    for records in runs:
        for record in records.values():
            seen.setdefault(address_of(record.path), []).append(record)
    steps = [*_all(compiled.steps.values()), *_all(compiled.on_error.values())]
    return Coverage(
        branches=tuple(branch for step in steps for branch in _branches(step, seen.get(step.address, []))),
        steps=tuple(_counts(step.address, seen.get(step.address, [])) for step in steps),
    )


def _branches(step: CompiledStep, seen: list[Record]) -> Iterator[Branch]:
    ran = any(_ran(record) for record in seen)
    if step.step.when is None:
        yield Branch(step.address, "ran", ran)
    else:
        yield Branch(step.address, "when true", ran)
        yield Branch(step.address, "when false", any(_reason(record) == "when_false" for record in seen))
    if step.step.loop is not None and step.step.loop.until is not None:
        ends = [record.details.get("exhausted") for record in seen if record.kind == "loop"]
        yield Branch(step.address, "until met", False in ends)
        yield Branch(step.address, "max reached", True in ends)
    if step.step.on_error == "continue" or step.step.on_item_error == "continue":
        yield Branch(step.address, "failed", any(record.status == "failed" for record in seen))


def _counts(path: str, seen: list[Record]) -> StepCoverage:
    """Items and rounds count, the whole that they belong to does not."""
    parts = [record for record in seen if record.path.endswith("]")]
    counted = parts or [
        record for record in seen if record.kind not in {"for_each", "loop"} or record.status == "skipped"
    ]
    return StepCoverage(
        path,
        ran=sum(_ran(record) for record in counted),
        skipped=sum(record.status == "skipped" for record in counted),
        failed=sum(record.status == "failed" for record in counted),
    )


def _ran(record: Record) -> bool:
    return record.status in {"succeeded", "failed"}


def _reason(record: Record) -> object:
    reason = record.details.get("reason")
    return reason.get("code") if isinstance(reason, dict) else None


def _all(steps: Iterable[CompiledStep]) -> Iterator[CompiledStep]:
    for step in steps:
        yield step
        yield from _all(step.steps.values())
