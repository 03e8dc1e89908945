"""The kernel verbs, typed: what a runner and a sweeper say to the database, and what it answers.

Every verb is one statement and safe to repeat. Money is Decimal, durations are seconds (milliseconds on the wire).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.shared.db.port import Database
    from functions.shared.jsonvalue import Json, JsonObject


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


_Row: TypeAlias = "dict[str, Any]"


async def claim(
    db: Database,
    *,
    execution_id: str,
    frame: str,
    queue: str,
    claim_ref: str,
    owner: str,
    lease_s: float,
    known: Sequence[str] = (),
) -> Claimed | Refused:
    """Take the lease of a frame. The same `claim_ref` again gives the same epoch again while it is held."""
    answer = _row(
        await db.kernel(
            "claim",
            {
                "execution_id": execution_id,
                "frame": frame,
                "queue": queue,
                "claim_ref": claim_ref,
                "owner": owner,
                "lease_seconds": lease_s,
                "known": list(known),
            },
        )
    )
    if answer["ok"]:
        return claimed_of(answer)
    return Refused(answer["reason"], _seconds(answer.get("retry_in_ms")))


async def checkpoint(db: Database, payload: JsonObject) -> Checkpointed:
    """Append what ended and say what comes next; raises Stale. The payload is built by engine/flusher.py."""
    answer = _row(await db.kernel("checkpoint", payload))
    if not answer["ok"]:
        raise Stale(answer.get("reason", "stale"))
    adopted = answer.get("adopted")
    return Checkpointed(
        seq=answer["seq"],
        status=answer["status"],
        cancel=answer.get("cancel"),
        over_budget=bool(answer.get("over_budget")),
        answered=_waits(answer.get("answered")),
        conflicts=list(answer.get("conflicts") or ()),
        due_in_s=_seconds(answer.get("due_in_ms")),
        due=list(answer.get("due") or ()),
        adopted=claimed_of(_row(adopted)) if adopted else None,
        draining=int(answer.get("draining") or 0),
    )


async def extend_lease(
    db: Database,
    *,
    execution_id: str,
    frame: str,
    epoch: int,
    lease_s: float,
    in_flight: JsonObject | None = None,
) -> Extended:
    """Keep the lease, and learn what was cancelled, spent or answered meanwhile; raises Stale."""
    payload: JsonObject = {
        "execution_id": execution_id,
        "frame": frame,
        "epoch": epoch,
        "lease_seconds": lease_s,
    }
    if in_flight is not None:
        payload["in_flight"] = in_flight
    answer = _row(await db.kernel("extend_lease", payload))
    if not answer["ok"]:
        raise Stale(answer.get("reason", "stale"))
    return Extended(
        cancel=answer.get("cancel"),
        over_budget=bool(answer.get("over_budget")),
        answered=_waits(answer.get("answered")),
        lease_s=_seconds(answer.get("lease_ms")) or lease_s,
    )


async def load_payloads(
    db: Database, *, execution_id: str, frame: str, epoch: int, refs: Sequence[str]
) -> dict[str, Json]:
    """Fetch outputs by their references (hex), in pages of at most 4 MB; raises Stale."""
    found: dict[str, Json] = {}
    missing: list[str] = list(dict.fromkeys(refs))
    while missing:
        answer = _row(
            await db.kernel(
                "load_records",
                {"execution_id": execution_id, "frame": frame, "epoch": epoch, "refs": list(missing)},
            )
        )
        if not answer.get("ok", True):
            raise Stale(answer.get("reason", "stale"))
        page: dict[str, Json] = _row(answer.get("payloads") or {})
        found |= page
        if not page:
            break
        missing = [ref for ref in missing if ref not in page]
    return found


async def load_below(
    db: Database, *, execution_id: str, frame: str, epoch: int, parent: str, limit_bytes: int
) -> list[RecordRow] | None:
    """Fetch the records whose parent is `parent`, in pages of at most 4 MB; raises Stale.

    None: their outputs are more than the limit together; the rest was not fetched.
    """
    rows: list[RecordRow] = []
    after = ""
    while True:
        answer = _row(
            await db.kernel(
                "load_records",
                {"execution_id": execution_id, "frame": frame, "epoch": epoch, "parent": parent, "after": after},
            )
        )
        if not answer.get("ok", True):
            raise Stale(answer.get("reason", "stale"))
        page = [_record(row) for row in answer.get("records") or ()]
        rows.extend(page)
        limit_bytes -= sum(len(json.dumps(row.output, ensure_ascii=False).encode()) for row in page)
        if limit_bytes < 0:
            return None
        if not page or not answer.get("more"):
            return rows
        after = page[-1].path


async def act(
    db: Database,
    *,
    execution_id: str,
    frame: str,
    epoch: int,
    verb: str,
    payload: JsonObject,
    idempotency_key: str,
) -> Json:
    """Run a tenant's verb as the execution's organisation, once for the key; raises Stale and what the verb raises."""
    answer = await db.kernel(
        "act",
        {
            "execution_id": execution_id,
            "frame": frame,
            "epoch": epoch,
            "verb": verb,
            "payload": payload,
            "idempotency_key": idempotency_key,
        },
    )
    if isinstance(answer, dict) and answer.get("ok") is False and answer.get("reason") == "stale":
        raise Stale("stale")
    return answer


async def report_dead(db: Database, *, execution_id: str, frame: str, claim_ref: str) -> Sequence[JsonObject]:
    """Tell that the holder with this claim is gone; answers what is due because of it."""
    answer = _row(
        await db.kernel("report_dead", {"execution_id": execution_id, "frame": frame, "claim_ref": claim_ref})
    )
    return list(answer.get("due") or ())


async def report_owner_dead(db: Database, *, owner: str) -> Sequence[JsonObject]:
    """Tell that a former process of this name is gone; answers the frames that it held."""
    answer = _row(await db.kernel("report_owner_dead", {"owner": owner}))
    return list(answer.get("due") or ())


async def sweep(db: Database, *, limit: int = 200, per_org: int = 50, backoff_s: float | None = None) -> Swept:
    """List what is due: expired leases, timers and lost doorbells. Also removes what has expired."""
    payload: JsonObject = {"limit": limit, "per_org": per_org}
    if backoff_s is not None:
        payload["backoff_seconds"] = backoff_s
    answer = _row(await db.kernel("sweep", payload))
    return Swept(list(answer.get("due") or ()), _seconds(answer.get("next_due_in_ms")))


async def get_violations(db: Database) -> list[JsonObject]:
    """List broken invariants; anything but an empty list is a bug of the plane."""
    return cast("list[JsonObject]", await db.kernel("get_violations", {}))


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
        deadline_in_s=_seconds(answer.get("deadline_in_ms")),
        budget_usd=_money(answer.get("budget_usd")),
        spent_usd=_money(answer.get("spent_usd")) or Decimal(0),
        over_budget=bool(answer.get("over_budget")),
        stall=int(answer.get("stall") or 0),
        records_written=int(answer.get("records_written") or 0),
        in_flight={
            path: NotedStep(
                int(noted.get("attempt") or 1), bool(noted.get("at_most_once")), is_held=bool(noted.get("is_held"))
            )
            for path, noted in _row(answer.get("in_flight") or {}).items()
        },
        lease_s=_seconds(answer.get("lease_ms")) or 30.0,
        now=answer["now"],
        records=[_record(row) for row in answer.get("records") or ()],
        waits=_waits(answer.get("waits")),
        finish=answer.get("finish"),
    )


def _record(row: _Row) -> RecordRow:
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


def _waits(rows: list[_Row] | None) -> list[WaitRow]:
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
            deadline_in_s=_seconds(row.get("deadline_in_ms")),
        )
        for row in rows or ()
    ]


def _row(answer: object) -> _Row:
    return cast("_Row", answer)


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else float(milliseconds) / 1000


def _money(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))
