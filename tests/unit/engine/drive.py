"""Small factories: a checked workflow, a run of it with given results, facts as they are after some of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from functions.shared.dsl.checker import check
from functions.shared.dsl.compiled import Compiled, compile_document
from functions.shared.engine.interpreter import Answer, LeafResult, Outcome, run_in_memory
from functions.shared.engine.paths import address_of
from functions.shared.engine.plan import Open, Plan, Start
from functions.shared.engine.planner import Facts, Record, Wait, plan

WORK: dict[str, Any] = {"code": {"python": "result = 1"}}


@dataclass(frozen=True)
class Fails:
    code: str = "boom"


def workflow(steps: Mapping[str, Any], **top: Any) -> Compiled:
    """Compile a document that the checker accepts."""
    document = {"name": "a-test", "steps": dict(steps), **top}
    checked = check(document)
    errors = [problem for problem in checked.problems if problem.severity == "error"]
    assert not errors, errors
    return compile_document(document)


def leaf_of(results: Mapping[str, Any]) -> Any:
    """Results by path or address; what is not listed gives {at: path}."""

    def leaf(start: Start) -> LeafResult:
        result = results.get(start.path, results.get(address_of(start.path), {"at": start.path}))
        if callable(result):
            result = result(start)
        if isinstance(result, Fails):
            return LeafResult(error={"code": result.code, "message": f"{start.path} broke"})
        return result if isinstance(result, LeafResult) else LeafResult(result)

    return leaf


def play(steps: Mapping[str, Any] | Compiled, results: Mapping[str, Any] | None = None, **options: Any) -> Outcome:
    """Run to the end; `answers` is for waits, by path."""
    compiled = steps if isinstance(steps, Compiled) else workflow(steps, **options.pop("top", {}))
    answers: Mapping[str, Answer] = options.pop("answers", {})

    def answer(wait: Open) -> Answer:
        default = Answer("timed_out") if wait.kind == "timer" else Answer("answered", {"at": wait.path})
        return answers.get(wait.path, default)

    given = options.pop("given", {})
    return run_in_memory(compiled, given, leaf_of(results or {}), answer, **options)


def statuses(outcome: Outcome) -> dict[str, str]:
    return {path: record.status for path, record in outcome.records.items()}


def reason(record: Record) -> str:
    found = record.details["reason"]
    assert isinstance(found, dict)
    return str(found["code"])


def done(path: str, output: Any = None, *, parent: str = "", kind: str = "code", **more: Any) -> Record:
    return Record(path, parent, kind, more.pop("status", "succeeded"), output=output, **more)


def after(compiled: Compiled, *records: Record, waits: tuple[Wait, ...] = (), **more: Any) -> Plan:
    """Plan once, with these records."""
    given = more.pop("input", {})
    facts = Facts(input=given, records={record.path: record for record in records}, waits=waits, **more)
    return plan(compiled, facts)


def started(planned: Plan) -> list[str]:
    return [start.path for start in planned.start]


def cost(usd: str, output: Any = None) -> LeafResult:
    return LeafResult(output, cost_usd=Decimal(usd))
