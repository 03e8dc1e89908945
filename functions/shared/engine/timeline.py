"""When the steps of an execution were, and which chain of them its length came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from functions.shared.engine.paths import ON_ERROR, join, parent_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from functions.shared.dsl.compiled import Compiled, CompiledStep

CONTROL = frozenset({"group", "item", "round", "for_each", "loop"})
WAITING = frozenset({"approval", "wait", "workflow", "handoff", "agent"})


@dataclass(slots=True)
class Span:
    """A step that ran, or what encloses steps that ran: it lasts from the first of them to the last."""

    path: str
    row: Mapping[str, Any]
    started_at: datetime | None
    ended_at: datetime | None
    inner: list[Span] = field(default_factory=list["Span"])

    @property
    def is_leaf(self) -> bool:
        return not self.inner and self.row.get("kind") not in CONTROL

    @property
    def duration_ms(self) -> float:
        if self.started_at is None or self.ended_at is None:
            return 0.0
        return max(0.0, (self.ended_at - self.started_at).total_seconds() * 1000)

    @property
    def ended(self) -> float:
        return self.ended_at.timestamp() if self.ended_at else 0.0

    @property
    def started(self) -> float:
        return self.started_at.timestamp() if self.started_at else 0.0


def spans_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, Span]:
    """Give the span of every path that ran, and of everything around it."""
    spans: dict[str, Span] = {}
    for row in rows:
        if row["status"] != "skipped":
            spans[row["path"]] = Span(row["path"], row, _time(row.get("started_at")), _time(row.get("ended_at")))
    for path in [*spans]:
        _enclose(path, spans)
    # Deeper paths come first, so that what encloses them sees their final times.
    for span in sorted(spans.values(), key=_depth, reverse=True):
        if span.inner:
            started = [inner.started_at for inner in span.inner if inner.started_at]
            ended = [inner.ended_at for inner in span.inner if inner.ended_at]
            span.started_at = min(started, default=span.started_at)
            span.ended_at = max(ended, default=span.ended_at)
    return spans


def critical_path(compiled: Compiled, spans: Mapping[str, Span]) -> list[Span]:
    """Give the leaves, in order, that had to come one after the other: a shorter one of them shortens the whole."""
    chain = _chain_of_scope("", compiled.steps, spans)
    handled = _chain_of_scope(ON_ERROR, compiled.on_error, spans)
    return [*chain, *handled]


def _chain_of_scope(scope: str, steps: Mapping[str, CompiledStep], spans: Mapping[str, Span]) -> list[Span]:
    """Walk back from the step that ended last, each time to the need that ended last."""
    chain: list[list[Span]] = []
    here = _last(steps, scope, spans)
    seen: set[str] = set()
    while here is not None and here.path not in seen:
        seen.add(here.path)
        step = steps[here.path.rpartition(".")[2]]
        chain.append(_chain_of_step(step, here, spans))
        here = _last(step.needs, scope, spans)
    return [span for part in reversed(chain) for span in part]


def _chain_of_step(step: CompiledStep, span: Span, spans: Mapping[str, Span]) -> list[Span]:
    parts = [inner for inner in span.inner if inner.path.endswith("]")]
    if not parts:
        return _chain_of_instance(step, span, spans)
    return [leaf for part in _one_after_the_other(parts) for leaf in _chain_of_instance(step, part, spans)]


def _chain_of_instance(step: CompiledStep, span: Span, spans: Mapping[str, Span]) -> list[Span]:
    return _chain_of_scope(span.path, step.steps, spans) if step.kind == "group" else [span]


def _one_after_the_other(parts: list[Span]) -> list[Span]:
    """Items share places: the one that ended last began when another had made room; rounds follow each other anyway."""
    here: Span | None = max(parts, key=lambda part: part.ended)
    chain: list[Span] = []
    while here is not None:
        chain.append(here)
        began = here.started
        before = [part for part in parts if part.ended <= began and part not in chain]
        here = max(before, key=lambda part: part.ended, default=None)
    return chain[::-1]


def _last(names: Iterable[str], scope: str, spans: Mapping[str, Span]) -> Span | None:
    found = [span for name in names if (span := spans.get(join(scope, name))) is not None]
    return max(found, key=lambda span: span.ended, default=None)


def _enclose(path: str, spans: dict[str, Span]) -> None:
    above = parent_of(path)
    if not above or above == ON_ERROR:
        return
    if above not in spans:
        spans[above] = Span(above, {"path": above, "kind": "group", "status": "running"}, None, None)
        _enclose(above, spans)
    spans[above].inner.append(spans[path])


def _depth(span: Span) -> int:
    return span.path.count(".") + span.path.count("[")


def _time(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value if isinstance(value, datetime) else None


def leaves(spans: Mapping[str, Span]) -> Sequence[Span]:
    """Give the spans that are steps and not what encloses them."""
    return [span for span in spans.values() if span.is_leaf]
