"""The kernel verbs, typed: what a runner and a sweeper say to the database, and what it answers.

Every verb is one statement and safe to repeat.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from functions.shared.db.kernel_answers import (
    Checkpointed,
    Claimed,
    Extended,
    NotedStep,
    RecordRow,
    Refused,
    ShardSlice,
    Stale,
    Swept,
    WaitRow,
    checkpointed_of,
    claimed_of,
    record_of,
    row_of,
    seconds_of,
    waits_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.db.port import Database
    from functions.shared.jsonvalue import Json, JsonObject

__all__ = [
    "Checkpointed",
    "Claimed",
    "Extended",
    "NotedStep",
    "RecordRow",
    "Refused",
    "ShardSlice",
    "Stale",
    "Swept",
    "WaitRow",
    "act",
    "checkpoint",
    "claim",
    "claimed_of",
    "extend_lease",
    "get_violations",
    "load_below",
    "load_payloads",
    "report_dead",
    "report_owner_dead",
    "sweep",
]


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
    answer = row_of(
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
    return Refused(answer["reason"], seconds_of(answer.get("retry_in_ms")))


async def checkpoint(db: Database, payload: JsonObject) -> Checkpointed:
    """Append what ended and say what comes next; raises Stale. The payload is built by engine/flusher.py."""
    answer = row_of(await db.kernel("checkpoint", payload))
    if not answer["ok"]:
        raise Stale(answer.get("reason", "stale"))
    return checkpointed_of(answer)


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
    answer = row_of(await db.kernel("extend_lease", payload))
    if not answer["ok"]:
        raise Stale(answer.get("reason", "stale"))
    return Extended(
        cancel=answer.get("cancel"),
        over_budget=bool(answer.get("over_budget")),
        answered=waits_of(answer.get("answered")),
        lease_s=seconds_of(answer.get("lease_ms")) or lease_s,
    )


async def load_payloads(
    db: Database, *, execution_id: str, frame: str, epoch: int, refs: Sequence[str]
) -> dict[str, Json]:
    """Fetch outputs by their references (hex), in pages of at most 4 MB; raises Stale."""
    found: dict[str, Json] = {}
    missing: list[str] = list(dict.fromkeys(refs))
    while missing:
        answer = row_of(
            await db.kernel(
                "load_records",
                {"execution_id": execution_id, "frame": frame, "epoch": epoch, "refs": list(missing)},
            )
        )
        if not answer.get("ok", True):
            raise Stale(answer.get("reason", "stale"))
        page: dict[str, Json] = row_of(answer.get("payloads") or {})
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
        answer = row_of(
            await db.kernel(
                "load_records",
                {"execution_id": execution_id, "frame": frame, "epoch": epoch, "parent": parent, "after": after},
            )
        )
        if not answer.get("ok", True):
            raise Stale(answer.get("reason", "stale"))
        page = [record_of(row) for row in answer.get("records") or ()]
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


async def report_dead(
    db: Database, *, execution_id: str, frame: str, claim_ref: str | None = None, message_id: str | None = None
) -> Sequence[JsonObject]:
    """Tell that the holder with this claim is gone; answers what is due because of it.

    `message_id`: of a queue; means the holder with a claim that one of the message's deliveries has made.
    """
    payload: JsonObject = {"execution_id": execution_id, "frame": frame}
    payload |= {"claim_ref": claim_ref} if claim_ref is not None else {"message_id": message_id}
    answer = row_of(await db.kernel("report_dead", payload))
    return list(answer.get("due") or ())


async def report_owner_dead(db: Database, *, owner: str) -> Sequence[JsonObject]:
    """Tell that a former process of this name is gone; answers the frames that it held."""
    answer = row_of(await db.kernel("report_owner_dead", {"owner": owner}))
    return list(answer.get("due") or ())


async def sweep(
    db: Database,
    *,
    limit: int = 200,
    per_org: int = 50,
    backoff_s: float = 2.0,
    backoff_cap_s: float = 60.0,
    grace_s: float = 0.0,
    queues: Sequence[str] | None = None,
) -> Swept:
    """List what is due: expired leases, timers and lost doorbells. Also removes what has expired.

    A frame that nobody claims comes back after `backoff_s`, then twice as late each time, up to `backoff_cap_s`.
    `grace_s`: how long a doorbell may be under way before it counts as lost. `queues`: None for all.
    """
    payload: JsonObject = {
        "limit": limit,
        "per_org": per_org,
        "backoff_seconds": backoff_s,
        "backoff_cap_seconds": backoff_cap_s,
        "grace_seconds": grace_s,
    }
    if queues is not None:
        payload["queues"] = list(queues)
    answer = row_of(await db.kernel("sweep", payload))
    return Swept(list(answer.get("due") or ()), seconds_of(answer.get("next_due_in_ms")))


async def get_violations(db: Database) -> list[JsonObject]:
    """List broken invariants; anything but an empty list is a bug of the plane."""
    return cast("list[JsonObject]", await db.kernel("get_violations", {}))
