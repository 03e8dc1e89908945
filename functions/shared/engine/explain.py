"""Why an execution went as it did: every branch with its reason, the critical path, what cost, what was repeated."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from functions.shared.engine.joins import CLEAN_UP
from functions.shared.engine.paths import ON_ERROR, address_of, join
from functions.shared.engine.timeline import WAITING, Span, critical_path, leaves, spans_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from functions.shared.dsl.compiled import Compiled, CompiledStep
    from functions.shared.jsonvalue import Json, JsonObject

MAX_DECISIONS = 1_000
MAX_ENTRIES = 100


def explain(compiled: Compiled, steps: Sequence[Mapping[str, Any]]) -> JsonObject:
    """Explain from step rows {path, kind, status, started_at, ended_at, attempts, cost_usd, is_cost_unknown, details}.

    Gives {decisions: [{path, decision, code, message}], critical_path: [{path, kind, ms, share}], critical_ms,
    slowest: {path, kind, ms, share} or null, cost_drivers: [{path, steps, cost_usd, share, is_cost_unknown}],
    retries: [{path, attempts, wasted, errors}], is_truncated}. Shares are of 1: of the critical path's time, of the
    working time for `slowest` (waiting for people, time or children is no work), of the known cost.
    """
    spans = spans_of(steps)
    decisions = [*_decisions(compiled, steps)]
    chain = critical_path(compiled, spans)
    critical_ms = sum(span.duration_ms for span in chain)
    return {
        "decisions": [*decisions[:MAX_DECISIONS]],
        "critical_path": [_timed(span, critical_ms) for span in chain[:MAX_ENTRIES]],
        "critical_ms": round(critical_ms, 3),
        "slowest": _slowest(leaves(spans)),
        "cost_drivers": [*_cost_drivers(steps)],
        "retries": [*_retries(steps)],
        "is_truncated": len(decisions) > MAX_DECISIONS or len(chain) > MAX_ENTRIES,
    }


# Decisions


def _decisions(compiled: Compiled, rows: Iterable[Mapping[str, Any]]) -> Iterator[JsonObject]:
    known = {row["path"]: row for row in rows}
    defined = {step.address: step for step in (*_all(compiled.steps.values()), *_all(compiled.on_error.values()))}
    for path, row in known.items():
        step = defined.get(address_of(path))
        if step is not None:
            for decision, code, message in _decided(step, row, known):
                yield {"path": path, "decision": decision, "code": code, "message": message}


def _decided(
    step: CompiledStep, row: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str, str]]:
    details: Mapping[str, Any] = row.get("details") or {}
    status = row["status"]
    if status in {"skipped", "cancelled"}:
        reason: Mapping[str, Any] = details.get("reason") or {}
        yield status, reason.get("code") or status, reason.get("message") or f"it was {status}"
        return
    if not row["path"].endswith("]"):
        yield from _why_it_ran(step, row, known)
    yield from _whom_it_asked(details)
    if row["kind"] == "loop":
        yield _end_of_loop(step, details)
    if row["kind"] == "for_each":
        yield "repeated", "for_each", f"{details.get('items', 0)} items, {details.get('failed', 0)} of them failed"
    if status == "failed":
        yield from _why_it_failed(step, row)


def _why_it_ran(
    step: CompiledStep, row: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str, str]]:
    if step.step.when is not None:
        yield "ran", "when_true", f"its condition held: {step.step.when}"
    scope = row["path"].rpartition(".")[0]
    needs = {name: known[path] for name in sorted(step.needs) if (path := join(scope, name)) in known}
    idle = [name for name, need in needs.items() if need["status"] in {"skipped", "cancelled"}]
    if scope == ON_ERROR:
        yield "ran", "on_error", "the execution had failed"
    elif needs and step.step.requires == CLEAN_UP:
        states = ", ".join(f"{name} {need['status']}" for name, need in needs.items())
        yield "ran", "needs_ended", f"it requires that its needs have ended, whatever happened: {states}"
    elif idle:
        ran = ", ".join(name for name in needs if name not in idle)
        yield "ran", "join", f"it requires some of its needs: {ran} ran, though {', '.join(idle)} did not"


def _whom_it_asked(details: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    asked: object = details.get("asked")
    for answer in cast("list[dict[str, Any]]", asked) if isinstance(asked, list) else []:
        who = "a person decided" if answer.get("decided_by") else "nobody answered in time, so it took"
        yield "asked", str(answer.get("kind")), f"{answer.get('reason')}: {who} {answer.get('outcome')}"


def _end_of_loop(step: CompiledStep, details: Mapping[str, Any]) -> tuple[str, str, str]:
    rounds, until = details.get("rounds", 0), step.step.loop.until if step.step.loop else None
    if details.get("exhausted") is False:
        return "repeated", "until_met", f"after {rounds} rounds its condition held: {until}"
    if details.get("exhausted") is True:
        return "repeated", "max_reached", f"it reached its most, {rounds} rounds"
    return "repeated", "round_failed", f"round {rounds} failed"


def _why_it_failed(step: CompiledStep, row: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    error: Mapping[str, Any] = row.get("error") or {}
    code, message = error.get("code") or "failed", error.get("message") or "it failed"
    is_item = row["path"].endswith("]")
    goes_on = step.step.on_item_error == "continue" if is_item else step.step.on_error == "continue"
    if goes_on and "fatal" not in (row.get("details") or {}):
        yield "continued", code, f"it failed, and the execution went on: {message}"
    else:
        yield "failed", code, message


# Time


def _timed(span: Span, whole_ms: float) -> JsonObject:
    share = round(span.duration_ms / whole_ms, 4) if whole_ms else 0.0
    return {"path": span.path, "kind": span.row.get("kind"), "ms": round(span.duration_ms, 3), "share": share}


def _slowest(spans: Sequence[Span]) -> JsonObject | None:
    working = [span for span in spans if span.row.get("kind") not in WAITING and span.started_at is not None]
    whole_ms = sum(span.duration_ms for span in working)
    longest = max(working, key=lambda span: span.duration_ms, default=None)
    return None if longest is None else _timed(longest, whole_ms)


# Money and attempts


def _cost_drivers(rows: Iterable[Mapping[str, Any]]) -> list[JsonObject]:
    """By step, items and rounds together, the dearest first; what has no known price comes last and is marked."""
    cost: dict[str, Decimal] = {}
    steps: dict[str, int] = {}
    unknown: set[str] = set()
    for row in rows:
        address = address_of(row["path"])
        if row.get("cost_usd") is not None:
            cost[address] = cost.get(address, Decimal(0)) + Decimal(str(row["cost_usd"]))
        if row.get("is_cost_unknown"):
            unknown.add(address)
        if row.get("cost_usd") is not None or row.get("is_cost_unknown"):
            steps[address] = steps.get(address, 0) + 1
    whole = sum(cost.values(), Decimal(0))
    order = sorted(steps, key=lambda address: (-cost.get(address, Decimal(0)), address))
    return [
        {
            "path": address,
            "steps": steps[address],
            "cost_usd": f"{cost[address]:.9f}" if address in cost else None,
            "share": round(float(cost[address] / whole), 4) if whole and address in cost else None,
            "is_cost_unknown": address in unknown,
        }
        for address in order[:MAX_ENTRIES]
    ]


def _retries(rows: Iterable[Mapping[str, Any]]) -> list[JsonObject]:
    repeated = [row for row in rows if (row.get("attempts") or 0) > 1]
    repeated.sort(key=lambda row: -int(row["attempts"]))
    return [
        {
            "path": row["path"],
            "attempts": row["attempts"],
            "wasted": row["attempts"] - (1 if row["status"] == "succeeded" else 0),
            "errors": [*_errors(row)],
        }
        for row in repeated[:MAX_ENTRIES]
    ]


def _errors(row: Mapping[str, Any]) -> Iterator[Json]:
    """Give the errors of the attempts, as the step's details list them."""
    details: Mapping[str, Any] = row.get("details") or {}
    attempts: object = details.get("attempts")
    for attempt in cast("list[object]", attempts) if isinstance(attempts, list) else []:
        if isinstance(attempt, dict):
            noted = cast("dict[str, Any]", attempt)
            error: Mapping[str, Any] = noted.get("error") or {}
            yield {"attempt": noted.get("attempt"), "code": error.get("code"), "message": error.get("message")}


def _all(steps: Iterable[CompiledStep]) -> Iterator[CompiledStep]:
    for step in steps:
        yield step
        yield from _all(step.steps.values())
