"""What the planner answers: decisions to record, steps to start, waits to open, and whether it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from functions.shared.engine.facts import Record, Shard
from functions.shared.engine.frozen import frozen
from functions.shared.engine.retry import RetryPolicy
from functions.shared.jsonvalue import Json, JsonObject


@frozen
class Start:
    """Run this step now. `config` is its spec with every template rendered.

    The owner records the result as Record(path, parent, kind, ...). With `verifies` set it is the look-up of an
    at-most-once step whose result was lost, and `verifies` is that step's next attempt: hand the look-up's record to
    `verification.settle`, which says what to do.
    """

    path: str
    parent: str
    kind: str
    config: JsonObject
    attempt: int
    retry: RetryPolicy
    timeout_s: float
    effect: Literal["at_least_once", "at_most_once"] = "at_least_once"
    on_unknown: str = "fail"
    verifies: Start | None = None
    idempotency_key: str | None = None  # None: the owner's own, stable one
    cache: JsonObject | None = None  # {key, ttl_s}
    budget_usd: str | None = None  # what is left of the step's own budget
    answers: tuple[JsonObject, ...] = ()  # of people whom the step has asked: {kind, outcome, form, decided_by, kept}


@dataclass(frozen=True, slots=True)
class Deadline:
    """Either seconds from the moment of opening, or an RFC 3339 time."""

    after_s: float | None = None
    at: str | None = None


@dataclass(frozen=True, slots=True)
class Child:
    """An execution of the workflow `ref` (name or name@version), `budget_usd` at most."""

    ref: str
    input: JsonObject
    budget_usd: str | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """Open this wait now: approval, event, timer, child, shards, handoff, unknown or budget (`path` '')."""

    kind: str
    path: str
    name: str
    match: JsonObject | None = None
    deadline: Deadline | None = None
    data: JsonObject = field(default_factory=dict[str, Json])
    child: Child | None = None
    shards: tuple[Shard, ...] = ()
    handoff: JsonObject | None = None  # {to, match, packet, context, reason, max_attempts}


@dataclass(frozen=True, slots=True)
class Finish:
    """The end: of the execution, or of the slice when the frame is a shard."""

    status: Literal["succeeded", "failed", "cancelled", "timed_out"]
    output: Json = None
    error: JsonObject | None = None  # {code, message, path}


@frozen
class Plan:
    """One answer of the planner; do `stop`, `close`, `record`, `open`, `start` in this order.

    `stop`: running paths to cancel; each has its `cancelled` record in `record`, a late result is dropped.
    `close`: tokens of open waits that nobody needs any more.
    `load`: parents whose records must be loaded before planning again (the items that shards recorded).
    """

    record: tuple[Record, ...] = ()
    start: tuple[Start, ...] = ()
    open: tuple[Open, ...] = ()
    stop: tuple[str, ...] = ()
    close: tuple[str, ...] = ()
    load: tuple[str, ...] = ()
    finish: Finish | None = None
