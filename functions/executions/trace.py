"""The trace of an execution: a tree of spans with latency, tokens and cost, the slowest step, and totals."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from functions.shared.engine.paths import ON_ERROR, parent_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from functions.shared.jsonvalue import Json, JsonObject

_CONTROL = frozenset({"group", "item", "round", "for_each", "loop"})
_WAITING = frozenset({"approval", "wait", "workflow", "handoff", "agent"})


@dataclass(slots=True)
class _Span:
    """A step that has, had or will have a time. Times are null for a step that waits to be told of."""

    step: Mapping[str, Any]
    started_at: datetime | None
    ended_at: datetime | None
    children: list[_Span] = field(default_factory=list["_Span"])

    @property
    def is_leaf(self) -> bool:
        return self.step["kind"] not in _CONTROL and not self.children

    @property
    def duration_ms(self) -> float | None:
        if self.started_at is None or self.ended_at is None:
            return None
        return max(0.0, (self.ended_at - self.started_at).total_seconds() * 1000)


def trace_of(answer: Mapping[str, Any]) -> JsonObject:
    """Build the trace from what the verb `get_trace` answers. Milliseconds; offsets count from the start."""
    execution = answer["execution"]
    began = datetime.fromisoformat(execution["created_at"])
    now = datetime.fromisoformat(answer["now"])
    ended = datetime.fromisoformat(execution["ended_at"]) if execution["ended_at"] else None
    spans = _tree(answer["steps"], now=now, is_running=ended is None)
    flat = [*_flat(spans)]
    working = [span for span in flat if _has_worked(span)]
    return {
        "execution_id": execution["id"],
        "workflow": execution["workflow"],
        "version": execution["version"],
        "status": execution["status"],
        "started_at": execution["created_at"],
        "ended_at": execution["ended_at"],
        "duration_ms": _rounded(((ended or now) - began).total_seconds() * 1000),
        "spans": [_shown(span, began) for span in spans],
        "slowest": _slowest(working),
        "totals": _totals(execution, flat, working),
        "is_truncated": answer["is_truncated"],
    }


def _tree(steps: Sequence[Mapping[str, Any]], *, now: datetime, is_running: bool) -> list[_Span]:
    spans = {step["path"]: _span_of(step, now) for step in steps}
    for path in [*spans]:
        _add_enclosing(path, spans, is_running=is_running)
    roots: list[_Span] = []
    for path, span in spans.items():
        above = spans.get(parent_of(path))
        (above.children if above is not None else roots).append(span)
    for span in roots:
        _settle_times(span)
    return _in_order(roots)


def _span_of(step: Mapping[str, Any], now: datetime) -> _Span:
    started, ended = step.get("started_at"), step.get("ended_at")
    is_open = step["status"] in {"running", "waiting"}
    return _Span(
        step,
        datetime.fromisoformat(started) if started else None,
        now if is_open and started else datetime.fromisoformat(ended) if ended else None,
    )


def _add_enclosing(path: str, spans: dict[str, _Span], *, is_running: bool) -> None:
    """A group that is not over has no record; what is below it hangs on a span that stands for it."""
    above = parent_of(path)
    while above and above != ON_ERROR and above not in spans:
        kind = "item" if above.endswith("]") else "group"
        status = "running" if is_running else "cancelled"
        spans[above] = _Span({"path": above, "kind": kind, "status": status}, None, None)
        above = parent_of(above)


def _settle_times(span: _Span) -> None:
    """A group lasts from the begin of its first step to the end of its last: deciding it takes no time."""
    for child in span.children:
        _settle_times(child)
    started = [child.started_at for child in span.children if child.started_at]
    ended = [child.ended_at for child in span.children if child.ended_at]
    if started and (span.started_at is None or min(started) < span.started_at):
        span.started_at = min(started)
    if ended and (span.ended_at is None or max(ended) > span.ended_at):
        span.ended_at = max(ended)


def _in_order(spans: list[_Span]) -> list[_Span]:
    for span in spans:
        span.children = _in_order(span.children)
    return sorted(spans, key=_key)


def _key(span: _Span) -> tuple[bool, float, str]:
    return (span.started_at is None, span.started_at.timestamp() if span.started_at else 0.0, span.step["path"])


def _flat(spans: Iterable[_Span]) -> Iterable[_Span]:
    for span in spans:
        yield span
        yield from _flat(span.children)


def _has_worked(span: _Span) -> bool:
    step = span.step
    return (
        span.is_leaf
        and step["kind"] not in _WAITING
        and step["status"] in {"succeeded", "failed", "running"}
        and not step.get("is_carried")
    )


def _shown(span: _Span, began: datetime) -> JsonObject:
    step = span.step
    path: str = step["path"]
    return {
        "path": path,
        "name": path.rpartition(".")[2],
        "kind": step["kind"],
        "status": step["status"],
        "started_at": span.started_at.isoformat() if span.started_at else None,
        "ended_at": span.ended_at.isoformat()
        if span.ended_at and step["status"] not in {"running", "waiting"}
        else None,
        "offset_ms": _rounded((span.started_at - began).total_seconds() * 1000) if span.started_at else None,
        "duration_ms": _rounded(span.duration_ms),
        "attempts": step.get("attempts", 0),
        "error": step.get("error"),
        "usage": step.get("usage"),
        "cost_usd": step.get("cost_usd"),
        "is_cost_unknown": step.get("is_cost_unknown", False),
        "is_carried": step.get("is_carried", False),
        "children": [_shown(child, began) for child in span.children],
    }


def _slowest(working: Sequence[_Span]) -> JsonObject | None:
    timed = [(span, duration) for span in working if (duration := span.duration_ms) is not None]
    if not timed:
        return None
    total = sum(duration for _, duration in timed)
    span, longest = max(timed, key=lambda pair: pair[1])
    return {
        "path": span.step["path"],
        "kind": span.step["kind"],
        "duration_ms": _rounded(longest),
        "share": round(longest / total, 4) if total else None,
    }


def _totals(execution: Mapping[str, Any], flat: Sequence[_Span], working: Sequence[_Span]) -> JsonObject:
    own = [span.step for span in flat if not span.step.get("is_carried")]
    leaves = [span for span in flat if span.is_leaf]
    statuses = ("succeeded", "failed", "skipped", "cancelled", "running", "waiting")
    used = [step["usage"] for step in own if step.get("usage")]
    waited = [span.duration_ms or 0.0 for span in leaves if span.step["kind"] in _WAITING]
    return {
        "steps": len(leaves),
        **{status: sum(span.step["status"] == status for span in leaves) for status in statuses},
        "attempts": sum(int(span.step.get("attempts") or 0) for span in leaves if not span.step.get("is_carried")),
        "input_tokens": sum(int(usage["input_tokens"] or 0) for usage in used),
        "output_tokens": sum(int(usage["output_tokens"] or 0) for usage in used),
        "step_cost_usd": f"{sum((Decimal(step['cost_usd']) for step in own if step.get('cost_usd')), Decimal(0)):.9f}",
        "unknown_costs": sum(bool(step.get("is_cost_unknown")) for step in own),
        "cost_usd": execution["cost_usd"],
        "known_cost_usd": execution["known_cost_usd"],
        "working_ms": _rounded(sum(span.duration_ms or 0.0 for span in working)),
        "waiting_ms": _rounded(sum(waited)),
    }


def _rounded(milliseconds: float | None) -> Json:
    return None if milliseconds is None else round(milliseconds, 3)
