"""Runs the `tests:` of a document offline, and says what they cover."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from functions.shared.dsl.schema import accept_input
from functions.shared.engine.coverage import Coverage, cover
from functions.shared.engine.interpreter import Outcome, Stuck, run_in_memory
from functions.shared.engine.joins import was_stopped
from functions.shared.engine.mocks import MockProblem, Mocks, problems_of
from functions.shared.engine.paths import address_of, ancestors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from functions.shared.dsl.compiled import Compiled
    from functions.shared.dsl.models import InlineTest
    from functions.shared.engine.facts import Record
    from functions.shared.engine.interpreter import LeafResult
    from functions.shared.engine.plan import Start
    from functions.shared.jsonvalue import Json, JsonObject

MAX_SHOWN = 300


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test. `failures` says, each in a line, what was not as expected; `status` is None when it could not run."""

    __test__ = False

    name: str
    failures: tuple[str, ...]
    status: str | None = None
    error: JsonObject | None = None
    records: dict[str, Record] = field(default_factory=dict[str, "Record"])

    @property
    def passed(self) -> bool:
        return not self.failures


@dataclass(frozen=True, slots=True)
class TestReport:
    """All tests of a document."""

    __test__ = False

    tests: tuple[TestResult, ...]
    coverage: Coverage

    @property
    def passed(self) -> bool:
        return all(test.passed for test in self.tests)

    def as_json(self) -> JsonObject:
        return {
            "passed": self.passed,
            "tests": [
                {
                    "name": test.name,
                    "passed": test.passed,
                    "failures": [*test.failures],
                    "status": test.status,
                    "error": test.error,
                }
                for test in self.tests
            ],
            "coverage": self.coverage.as_json(),
        }


def run_tests(compiled: Compiled, real: Callable[[Start], LeafResult] | None = None) -> TestReport:
    """Run every test of the document.

    `real` runs code steps and the tools that only compute; without it they need mocks like everything else that acts.
    """
    results = tuple(run_test(compiled, test, real) for test in compiled.workflow.tests)
    return TestReport(results, cover(compiled, [result.records for result in results]))


def run_test(compiled: Compiled, test: InlineTest, real: Callable[[Start], LeafResult] | None = None) -> TestResult:
    """Run one test."""
    failures = problems_of(test.mock, compiled)
    accepted = accept_input(compiled.workflow, test.input)
    failures += [f"input {problem.pointer or '/'}: {problem.message}" for problem in accepted.problems]
    if failures or not isinstance(accepted.value, dict):
        return TestResult(test.name, tuple(failures))
    mocks = Mocks(test.mock, real)
    try:
        outcome = run_in_memory(compiled, accepted.value, mocks.run, mocks.answer)
    except MockProblem as problem:
        return TestResult(test.name, (str(problem),))
    except Stuck as stuck:
        return TestResult(test.name, (f"the planner cannot go on, which is a defect of the plane: {stuck}",))
    return TestResult(test.name, tuple(differences(test, outcome)), outcome.status, outcome.error, outcome.records)


def differences(test: InlineTest, outcome: Outcome) -> Iterable[str]:
    """Say, each in a line, what is not as the test expects."""
    expect = test.expect
    wanted = expect.status or (None if expect.failed is not None else "succeeded")
    if wanted is not None and outcome.status != wanted:
        yield f"status: expected {wanted}, got {outcome.status}{_because(outcome)}"
    if expect.has_output and outcome.output != expect.output:
        yield from differing_places("output", expect.output, outcome.output)
    if expect.skipped is not None:
        yield from _compare_names("skipped", expect.skipped, outcome)
    if expect.failed is not None:
        yield from _compare_names("failed", expect.failed, outcome)


def _because(outcome: Outcome) -> str:
    if outcome.error is None:
        return ""
    error = outcome.error
    return f": {error.get('path')}: {error.get('message')} ({error.get('code')})"


def _compare_names(status: str, wanted: list[str], outcome: Outcome) -> Iterable[str]:
    """Every listed step must have ended so, and no other one; what a failure kept from starting need not be listed."""
    ended = {path: record for path, record in outcome.records.items() if record.status == status}
    names = {name for path in ended for name in (path, address_of(path))}
    for name in wanted:
        if name not in names:
            yield f"{status}: expected {name}, which {_was(name, outcome)}"
    implied = {above for path in ended for above in ancestors(path)} if status == "failed" else set[str]()
    for path, record in ended.items():
        is_implied = path in implied or (status == "skipped" and was_stopped(record))
        if not is_implied and path not in wanted and address_of(path) not in wanted:
            yield f"{status}: {path} is not listed, and was {status}{_why(record)}"


def _was(name: str, outcome: Outcome) -> str:
    found = [record for path, record in outcome.records.items() if name in {path, address_of(path)}]
    if not found:
        return "never came to be decided"
    return f"{found[0].status}{_why(found[0])}"


def _why(record: Record) -> str:
    reason = record.error or record.details.get("reason")
    return f": {reason.get('message')}" if isinstance(reason, dict) else ""


def differing_places(place: str, expected: Json, got: Json) -> Iterable[str]:
    """Name the places where two values differ, the deepest ones, rather than the whole values."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for key in [*expected, *(key for key in got if key not in expected)]:
            inner = f"{place}.{key}"
            if key not in got:
                yield f"{inner}: expected {_shown(expected[key])}, and it is missing"
            elif key not in expected:
                yield f"{inner}: not expected, got {_shown(got[key])}"
            elif expected[key] != got[key]:
                yield from differing_places(inner, expected[key], got[key])
        return
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for index, (one, other) in enumerate(zip(expected, got, strict=True)):
            if one != other:
                yield from differing_places(f"{place}[{index}]", one, other)
        return
    yield f"{place}: expected {_shown(expected)}, got {_shown(got)}"


def _shown(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
