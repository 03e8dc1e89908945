"""Runs a document's inline tests under every crash point, or a sample of them, and sums up what became of them."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, cast

from functions.shared.db import kernel
from functions.shared.dsl.schema import accept_input
from functions.shared.engine.certificate import FAULTS, BrokenPoint, Certificate, judge_steps
from functions.shared.engine.crash_trial import Case, Trial, run_trial
from functions.shared.engine.faults import Fault
from functions.shared.engine.inline_tests import differences, differing_places, run_test
from functions.shared.engine.mocks import Mocks
from functions.shared.engine.paths import address_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.shared.dsl.compiled import Compiled
    from functions.shared.dsl.models import InlineTest
    from functions.shared.engine.faults import FaultKind
    from functions.shared.engine.interpreter import Leaf, LeafResult, Outcome
    from functions.shared.engine.plan import Start
    from functions.shared.engine.scratch_plane import ScratchPlane
    from functions.shared.jsonvalue import Json, JsonObject

AT_ONCE = 8
MAX_SHOWN = 5  # differences of one point

Progress: TypeAlias = "Callable[[int, int], None]"


@dataclass(frozen=True, slots=True)
class Sample:
    """So many of the points, chosen by the seed."""

    points: int
    seed: int


@dataclass(frozen=True, slots=True)
class _Subject:
    """A test and its run without a fault."""

    test: InlineTest
    case: Case
    calm: Trial
    outcome: Outcome


@dataclass
class _Tally:
    points: Counter[FaultKind] = field(default_factory=Counter["FaultKind"])
    survived: Counter[FaultKind] = field(default_factory=Counter["FaultKind"])
    seen: Counter[str] = field(default_factory=Counter[str])
    settled: int = 0
    broken: list[BrokenPoint] = field(default_factory=list[BrokenPoint])


async def certify(
    plane: ScratchPlane,
    compiled: Compiled,
    document: JsonObject,
    *,
    real: Leaf | None = None,
    sample: Sample | None = None,
    on_progress: Progress = lambda _done, _of: None,
) -> Certificate:
    """Try every crash point of every test of the document.

    `real` runs what only computes, in a thread: code steps and some tools. It is asked once for each of them.
    """
    began = time.monotonic()
    subjects: list[_Subject] = []
    failures: list[str] = []
    for test in compiled.workflow.tests:
        subject = await _calm(plane, compiled, document, test, real)
        if isinstance(subject, _Subject):
            subjects.append(subject)
        else:
            failures += [f"{test.name}: {failure}" for failure in subject]
    points = [(subject, fault) for subject in subjects for fault in _faults(subject.calm)]
    chosen = points if sample is None or sample.points >= len(points) else _choose(points, sample)
    tally = await _try_all(plane, chosen, on_progress)
    violations = await kernel.get_violations(plane.db)
    return Certificate(
        tests=len(compiled.workflow.tests),
        points=tally.points,
        survived=tally.survived,
        settled=tally.settled,
        of=len(points),
        seed=sample.seed if sample is not None and len(chosen) < len(points) else None,
        broken=tuple(tally.broken),
        failures=tuple(failures),
        violations=tuple(violations),
        steps=judge_steps(compiled, tally.seen),
        seconds=time.monotonic() - began,
    )


async def _calm(
    plane: ScratchPlane, compiled: Compiled, document: JsonObject, test: InlineTest, real: Leaf | None
) -> _Subject | list[str]:
    """Run a test in memory and then, without a fault, by the engine; give what fails, if anything does."""
    remembered = _Remembered(real)
    result = await asyncio.to_thread(run_test, compiled, test, remembered if real else None)
    if result.failures:
        return [*result.failures]
    mocks = Mocks(test.mock, remembered if real else None)
    given = cast("JsonObject", accept_input(compiled.workflow, test.input).value)
    case = Case(compiled, document, given, mocks, mocks.run)
    calm = await run_trial(plane, case, None, f"{test.name}:calm")
    if calm.outcome is None:
        return ["the engine did not come to an end"]
    if failures := [*differences(test, calm.outcome)]:
        return failures
    return _Subject(test, case, calm, calm.outcome)


class _Remembered:
    """What only computes is computed once; a crash does not change it."""

    def __init__(self, real: Leaf | None) -> None:
        self._real = real
        self._results: dict[str, LeafResult] = {}

    def __call__(self, start: Start) -> LeafResult:
        if start.path not in self._results and self._real is not None:
            self._results[start.path] = self._real(start)
        return self._results[start.path]


def _faults(calm: Trial) -> list[Fault]:
    return [
        *(Fault(kind, at) for at in range(1, calm.kernel_calls + 1) for kind in FAULTS if kind != "dies_inside"),
        *(Fault("dies_inside", at) for at in range(1, calm.step_calls + 1)),
    ]


def _choose(points: list[tuple[_Subject, Fault]], sample: Sample) -> list[tuple[_Subject, Fault]]:
    chosen = random.Random(sample.seed).sample(range(len(points)), sample.points)  # noqa: S311  not for secrets
    return [points[number] for number in sorted(chosen)]


async def _try_all(plane: ScratchPlane, points: list[tuple[_Subject, Fault]], on_progress: Progress) -> _Tally:
    tally = _Tally()
    waiting = iter(enumerate(points))
    done = 0

    async def work() -> None:
        nonlocal done
        for number, (subject, fault) in waiting:
            trial = await run_trial(plane, subject.case, fault, f"{number}:{subject.test.name}")
            _count(tally, subject, fault, trial)
            done += 1
            on_progress(done, len(points))

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work())
    tally.broken.sort(key=lambda point: (point.test, point.at, point.fault))
    return tally


def _count(tally: _Tally, subject: _Subject, fault: Fault, trial: Trial) -> None:
    if not trial.has_struck:  # results that share a checkpoint by chance make a run a call shorter
        return
    tally.points[fault.kind] += 1
    tally.seen.update({address_of(path) for path, count in trial.calls.items() if count > 1})
    found = list(_differing(subject, trial))
    if not found:
        tally.survived[fault.kind] += 1
    elif trial.outcome is not None and not trial.repeated and _was_settled(trial.outcome):
        tally.survived[fault.kind] += 1
        tally.settled += 1
    else:
        where = f"call {fault.at} of {subject.calm.kernel_calls}"
        if fault.kind == "dies_inside":
            where = f"step {fault.at} of {subject.calm.step_calls}"
        shown = tuple(found[:MAX_SHOWN])
        tally.broken.append(BrokenPoint(subject.test.name, fault.kind, fault.at, where, shown))


def _was_settled(outcome: Outcome) -> bool:
    """Whether a step that happens at most once ended as unknown: it says itself what then happens."""
    return any((record.error or {}).get("code") == "outcome_unknown" for record in outcome.records.values())


def _differing(subject: _Subject, trial: Trial) -> list[str]:
    if trial.outcome is None:
        return ["the execution did not come to an end"]
    found = [f"{path} was recorded, and ran again" for path in trial.repeated]
    found += differing_places("execution", _seen(subject.outcome), _seen(trial.outcome))
    return found or [*differences(subject.test, trial.outcome)]


def _seen(outcome: Outcome) -> Json:
    """What must be the same after any crash."""
    return {
        "status": outcome.status,
        "output": outcome.output,
        "error": None if outcome.error is None else outcome.error.get("code"),
        "steps": {
            path: {
                "status": record.status,
                "output": record.output,
                "error": None if record.error is None else record.error.get("code"),
            }
            for path, record in sorted(outcome.records.items())
        },
    }
