"""What the kernel verbs answer, as values. Money is Decimal, durations are seconds (milliseconds on the wire)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.shared.jsonvalue import Json, JsonObject

Row: TypeAlias = "dict[str, Any]"


@dataclass(frozen=True, slots=True)
class RecordRow:
    """An ended step as the database keeps it. `output_ref` (hex) stands for an output that did not come along."""

    path: str
    parent: str
    kind: str
    status: str
    output: Json
    output_ref: str | None
    error: JsonObject | None
    details: JsonObject
    attempts: int
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class WaitRow:
    """A wait of this frame. `deadline_in_s` counts from the answer that brought it; None: no deadline."""

    token: str
    kind: str
    path: str
    name: str
    data: JsonObject
    answered: bool
    outcome: str | None
    payload: Json
    deadline_in_s: float | None


@dataclass(frozen=True, slots=True)
class NotedStep:
    """A step that an owner noted as in flight. `is_held`: it only passed on an earlier note, and did not run it."""

    attempt: int
    at_most_once: bool
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class ShardSlice:
    """The part [start, stop) of the list of the for_each at `path` that a shard frame works through."""

    path: str
    start: int
    stop: int
    max_parallel: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """The lease on a frame and all that is needed to continue it. `document` is None when its hash was known.

    `finish`: how it ends, decided already; it only waits for what lives below.
    """

    execution_id: str
    frame: str
    queue: str
    org_id: str
    root_execution_id: str
    epoch: int
    seq: int
    gen: int
    workflow: str
    version: int
    content_hash: str
    document: JsonObject | None
    input: JsonObject
    is_child: bool
    shard: ShardSlice | None
    cancel: str | None
    deadline_in_s: float | None
    budget_usd: Decimal | None
    spent_usd: Decimal
    over_budget: bool
    stall: int
    records_written: int
    in_flight: Mapping[str, NotedStep]
    lease_s: float
    now: str
    records: Sequence[RecordRow]
    waits: Sequence[WaitRow]
    finish: JsonObject | None = None
    workflow_id: str = ""
    agent_id: str | None = None
    agent: str | None = None
    claims: int = 0  # of this frame, since it was started or retried
    idle_claims: int = 0  # of them in a row, this one too, that recorded nothing


@dataclass(frozen=True, slots=True)
class Refused:
    """No lease: `gone`, `busy`, `not_due` or `wrong_queue`. `retry_in_s`: when to ask again; None: never."""

    reason: str
    retry_in_s: float | None


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """What a checkpoint made true. `status` is the frame's: running, ready, waiting or done."""

    seq: int
    status: str
    cancel: str | None
    over_budget: bool
    answered: Sequence[WaitRow]
    conflicts: Sequence[str]
    due_in_s: float | None
    due: Sequence[JsonObject]
    adopted: Claimed | None
    draining: int


@dataclass(frozen=True, slots=True)
class Extended:
    """What an owner learns between checkpoints."""

    cancel: str | None
    over_budget: bool
    answered: Sequence[WaitRow]
    lease_s: float


@dataclass(frozen=True, slots=True)
class Swept:
    """What is due now, and when something will be next (None: nothing is)."""

    due: Sequence[JsonObject]
    next_due_in_s: float | None


class Stale(Exception):
    """Somebody else holds the frame now. Drop everything silently: nothing that was just sent has been recorded."""


def checkpointed_of(answer: Mapping[str, Any]) -> Checkpointed:
    """Read what a checkpoint answered that was accepted."""
    adopted = answer.get("adopted")
    return Checkpointed(
        seq=answer["seq"],
        status=answer["status"],
        cancel=answer.get("cancel"),
        over_budget=bool(answer.get("over_budget")),
        answered=waits_of(answer.get("answered")),
        conflicts=list(answer.get("conflicts") or ()),
        due_in_s=seconds_of(answer.get("due_in_ms")),
        due=list(answer.get("due") or ()),
        adopted=claimed_of(row_of(adopted)) if adopted else None,
        draining=int(answer.get("draining") or 0),
    )


def claimed_of(answer: Mapping[str, Any]) -> Claimed:
    """Read the claim that an answer holds: of `claim`, or of `checkpoint` when it adopted the parent."""
    shard = answer.get("shard")
    return Claimed(
        execution_id=answer["execution_id"],
        frame=answer["frame"],
        queue=answer["queue"],
        org_id=answer["org_id"],
        root_execution_id=answer["root_execution_id"],
        epoch=answer["epoch"],
        seq=answer["seq"],
        gen=answer["gen"],
        workflow=answer["workflow"],
        version=answer["version"],
        content_hash=answer["content_hash"],
        document=answer.get("document"),
        input=answer["input"],
        is_child=bool(answer.get("parent")),
        shard=ShardSlice(shard["path"], shard["from"], shard["to"], shard["max_parallel"]) if shard else None,
        cancel=answer.get("cancel"),
        deadline_in_s=seconds_of(answer.get("deadline_in_ms")),
        budget_usd=_money(answer.get("budget_usd")),
        spent_usd=_money(answer.get("spent_usd")) or Decimal(0),
        over_budget=bool(answer.get("over_budget")),
        stall=int(answer.get("stall") or 0),
        records_written=int(answer.get("records_written") or 0),
        in_flight={
            path: NotedStep(
                int(noted.get("attempt") or 1), bool(noted.get("at_most_once")), is_held=bool(noted.get("is_held"))
            )
            for path, noted in row_of(answer.get("in_flight") or {}).items()
        },
        lease_s=seconds_of(answer.get("lease_ms")) or 30.0,
        now=answer["now"],
        records=[record_of(row) for row in answer.get("records") or ()],
        waits=waits_of(answer.get("waits")),
        finish=answer.get("finish"),
        workflow_id=answer.get("workflow_id") or "",
        agent_id=answer.get("agent_id"),
        agent=answer.get("agent"),
        claims=int(answer.get("claims") or 0),
        idle_claims=int(answer.get("idle_claims") or 0),
    )


def record_of(row: Row) -> RecordRow:
    """Read a record."""
    return RecordRow(
        path=row["path"],
        parent=row["parent"],
        kind=row["kind"],
        status=row["status"],
        output=row.get("output"),
        output_ref=row.get("output_ref"),
        error=row.get("error"),
        details=row.get("details") or {},
        attempts=int(row.get("attempts") or 1),
        cost_usd=_money(row.get("cost_usd")),
    )


def waits_of(rows: list[Row] | None) -> list[WaitRow]:
    """Read waits; None: there are none."""
    return [
        WaitRow(
            token=row["token"],
            kind=row["kind"],
            path=row["path"],
            name=row["name"],
            data=row.get("data") or {},
            answered=bool(row.get("answered")),
            outcome=row.get("outcome"),
            payload=row.get("payload"),
            deadline_in_s=seconds_of(row.get("deadline_in_ms")),
        )
        for row in rows or ()
    ]


def row_of(answer: object) -> Row:
    """Take an answer for the object that its verb answers."""
    return cast("Row", answer)


def seconds_of(milliseconds: float | None) -> float | None:
    """Give seconds; None stays None."""
    return None if milliseconds is None else float(milliseconds) / 1000


def _money(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))
