"""Mocks of an inline test: which one serves a step, an item or a round."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from functions.shared.dsl.schema import accept
from functions.shared.engine.interpreter import Answer, LeafResult
from functions.shared.engine.paths import address_of, index_of, segments
from functions.shared.engine.questions import ASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from functions.shared.dsl.compiled import Compiled
    from functions.shared.engine.plan import Open, Start
    from functions.shared.jsonvalue import Json, JsonObject

EVALUATED_KINDS = frozenset({"transform", "fail", "group"})
HANDOFF_CODES = ("handoff_rejected", "handoff_dead", "agent_not_found")
REAL_TOOLS = frozenset({"json_query", "csv_read", "text_template"})


class MockProblem(Exception):
    """A test cannot go on: a mock is missing or makes no sense. The message says which one and what to write."""


@dataclass(frozen=True, slots=True)
class Mocks:
    """The `mock` of one test. `real` runs what is pure: code steps and the tools that only compute."""

    by_key: Mapping[str, Json]
    real: Callable[[Start], LeafResult] | None = None

    def run(self, start: Start) -> LeafResult:
        """Give a leaf's result; raises MockProblem."""
        if (key := self._key_for(start.path)) is None:
            if self.real is not None and _is_pure(start):
                return self.real(start)
            raise MockProblem(_missing(start.path, start.kind))
        value = self._value(key, start.path)
        if (question := _question_in(value)) is not None:
            if not start.answers:
                return LeafResult(asks=question)
            value = _then(key, value)
        if (error := _error_in(value)) is not None:
            return LeafResult(error=error)
        _check_schema(start, value)
        return LeafResult(value)

    def answer(self, wait: Open) -> Answer:
        """Give a wait's answer; raises MockProblem. Timers fire and events come at once."""
        if wait.kind == "budget":
            return Answer("stop")
        key = self._key_for(wait.path)
        if wait.kind == "timer":
            return Answer("timed_out")
        if key is None:
            if wait.kind == "event":
                return Answer("answered", {})
            raise MockProblem(_missing(wait.path, "workflow" if wait.kind == "child" else wait.kind))
        value = self._value(key, wait.path)
        if ASKS in wait.data:
            value = _answer_in(key, value)
        error = _error_in(value)
        if error is not None and error.get("code") == "timed_out":
            return Answer("timed_out")
        if wait.kind == "handoff":
            return _handed_back(key, value, error)
        if wait.kind == "child":
            return Answer("answered", value) if error is None else Answer("failed", error)
        if error is not None:
            raise MockProblem(f"mock `{key}`: {wait.path} waits, and can only fail with code timed_out")
        return _decided(key, value, wait) if wait.kind == "approval" else Answer("answered", value)

    def _key_for(self, path: str) -> str | None:
        """Give the key that fits, the one with the most indexes first."""
        keys = [key for key in self.by_key if _fits(key, path)]
        return max(keys, key=lambda key: key.count("["), default=None)

    def _value(self, key: str, path: str) -> Json:
        value, index = self.by_key[key], index_of(path)
        if index is None or not isinstance(value, list) or index_of(key) == index:
            return value
        if index >= len(value):
            have = f"{len(value)} entr{'y' if len(value) == 1 else 'ies'}"
            raise MockProblem(f"mock `{key}` has {have}, and {path} needs entry {index + 1}")
        return value[index]


def problems_of(mock: Mapping[str, Json], compiled: Compiled) -> list[str]:
    """Say what is wrong with the keys of `mock`, whether they are used or not."""
    kinds = {str(entry["path"]): str(entry["kind"]) for entry in compiled.index}
    problems: list[str] = []
    for key in mock:
        kind = kinds.get(address_of(key))
        if kind is None:
            near = get_close_matches(address_of(key), kinds, 1)
            meant = f"; did you mean `{near[0]}`?" if near else ""
            problems.append(f"mock `{key}` names no step of this workflow{meant}")
        elif kind == "group":
            inner = next((path for path in kinds if path.startswith(f"{address_of(key)}.")), "its steps")
            problems.append(f"mock `{key}`: a group is evaluated for real; mock its steps, such as `{inner}`")
        elif kind in EVALUATED_KINDS:
            problems.append(f"mock `{key}`: a {kind} step is evaluated for real; remove the mock")
    return problems


def _fits(key: str, path: str) -> bool:
    wanted, found = segments(key), segments(path)
    return len(wanted) == len(found) and all(
        name == own and index in {None, at} for (name, index), (own, at) in zip(wanted, found, strict=True)
    )


def _is_pure(start: Start) -> bool:
    return start.kind == "code" or (start.kind == "tool" and start.config.get("name") in REAL_TOOLS)


def _missing(path: str, kind: str) -> str:
    example = "{outcome: approve}" if kind == "approval" else "its output"
    return f"{path} is a step of kind {kind} and has no mock; add `{address_of(path)}: {example}` under `mock`"


def _error_in(value: Json) -> JsonObject | None:
    if not isinstance(value, dict) or set(value) != {"error"} or not isinstance(value["error"], dict):
        return None
    error = value["error"]
    if not isinstance(error.get("code"), str):
        return None
    return {"message": "a mocked failure", **error}


def _question_in(value: Json) -> JsonObject | None:
    """Give what a mocked step asks a person before it goes on: {ask: {message, form, outcomes}, answer, then}."""
    if not isinstance(value, dict) or not {"ask", "answer"} <= set(value) <= {"ask", "answer", "then"}:
        return None
    return {"message": "a mocked question", **value["ask"]} if isinstance(value["ask"], dict) else None


def _answer_in(key: str, value: Json) -> Json:
    if _question_in(value) is None or not isinstance(value, dict):
        raise MockProblem(f"mock `{key}`: the step asks a person; write {{ask: {{}}, answer: {{outcome}}, then: …}}")
    return value["answer"]


def _then(key: str, value: Json) -> Json:
    if not isinstance(value, dict) or "then" not in value:
        raise MockProblem(f"mock `{key}`: `then` is missing: what the step does once it has been answered")
    return value["then"]


def _check_schema(start: Start, value: Json) -> None:
    """A model can only answer what its schema allows; a mock of something else would prove nothing."""
    schema = start.config.get("output") if start.kind == "llm" else None
    problems = accept(schema, value).problems if isinstance(schema, dict) else []
    for problem in problems:
        place = f" at {problem.pointer}" if problem.pointer else ""
        raise MockProblem(f"the mock of {start.path} does not fit the step's `output` schema{place}: {problem.message}")


def _handed_back(key: str, output: Json, error: JsonObject | None) -> Answer:
    if error is None:
        return Answer("answered", output)
    if error["code"] not in HANDOFF_CODES:
        known = ", ".join(HANDOFF_CODES)
        raise MockProblem(f"mock `{key}`: handed-over work fails with one of the codes {known}, timed_out")
    return Answer("failed", error)


def _decided(key: str, value: Json, wait: Open) -> Answer:
    outcomes = wait.data.get("outcomes")
    allowed = outcomes if isinstance(outcomes, list) else []
    outcome = value.get("outcome") if isinstance(value, dict) else None
    if not isinstance(value, dict) or outcome not in allowed:
        choice = ", ".join(str(one) for one in allowed)
        raise MockProblem(f"mock `{key}` must be {{outcome, form}} with one of the outcomes {choice}")
    return Answer(str(outcome), {"decided_by": None, **value})
