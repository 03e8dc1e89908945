"""Runs one doorbell: claims the frame, owns it, and goes on with the parent that its end has made due."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, cast

from functions.shared.db import kernel
from functions.shared.db.kernel import Claimed, Refused
from functions.shared.dispatch.control import Control
from functions.shared.dispatch.doorbell import Address
from functions.shared.dsl.schema import accept_input
from functions.shared.engine.frame import Frame
from functions.shared.engine.outcome import Left, Outcome
from functions.shared.engine.owner import Owner
from functions.shared.engine.plan import Finish
from functions.shared.engine.release import release
from functions.shared.engine.verdicts import HOP_BUDGET, verdict_on
from functions.shared.errors import Internal, PlaneError, Unavailable
from functions.shared.log import logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.db.kernel import RecordRow
    from functions.shared.engine.policy import Engine
    from functions.shared.errors import FieldProblem
    from functions.shared.jsonvalue import Json, JsonObject

log = logger("engine")


async def run_frame(
    address: Address,
    engine: Engine,
    *,
    control: Control | None = None,
    deadline: float | None = None,
    claim_ref: str | None = None,
    is_fresh: bool = True,
) -> Outcome:
    """Run the frame that a doorbell means, as far as it goes. `deadline`: loop time at which this invocation ends.

    `is_fresh`: it has hardly begun, so that a step which needs more time than any has may start in this one.
    Raises PlaneError only when the claim itself could not be made.
    """
    control = control or Control()
    loop = asyncio.get_running_loop()
    claimed_at = loop.time()
    claim = await _claim(address, engine, claim_ref or uuid.uuid4().hex)
    if isinstance(claim, Refused):
        again_in_s = claim.retry_in_s if claim.reason == "not_due" else None
        return Outcome("refused", reason=claim.reason, again_in_s=again_in_s)
    frames = 0
    while True:
        left = await _own(claim, engine, control, claimed_at=claimed_at, deadline=deadline, is_fresh=is_fresh)
        is_fresh = False
        frames += 1
        if left.adopted is None:
            return Outcome(left.status, again_in_s=left.again_in_s, frames=frames)
        claim, claimed_at = left.adopted, left.adopted_at
        control.adopt(Address(claim.execution_id, claim.frame, claim.queue, claim.org_id))


async def _claim(address: Address, engine: Engine, claim_ref: str) -> Claimed | Refused:
    """Claim; should a document that was said to be known be gone by now, the same claim is asked for with it."""
    documents = engine.documents
    for known in (documents.known(), []):
        claim = await kernel.claim(
            engine.db,
            execution_id=address.execution_id,
            frame=address.frame,
            queue=address.queue,
            claim_ref=claim_ref,
            owner=engine.policy.owner,
            lease_s=engine.policy.lease_s,
            known=known,
        )
        if isinstance(claim, Refused) or claim.document is not None or documents.holds(claim.content_hash):
            return claim
    raise Internal(f"The document of execution {address.execution_id} was not sent.")


async def _own(
    claim: Claimed, engine: Engine, control: Control, *, claimed_at: float, deadline: float | None, is_fresh: bool
) -> Left:
    try:
        compiled = engine.documents.compiled(claim.content_hash, claim.document)
        if any(wait.kind == "shards" for wait in claim.waits):
            claim = replace(claim, records=_needed_now(claim))
        refs = [row.output_ref for row in claim.records if row.output_ref is not None and not _is_item(row, claim)]
        outputs = await kernel.load_payloads(
            engine.db, execution_id=claim.execution_id, frame=claim.frame, epoch=claim.epoch, refs=refs
        )
    except kernel.Stale:
        return Left("stale")
    except Unavailable:
        return await release(engine, claim, claim.seq, control, deadline=deadline)
    except PlaneError as error:
        log.warning("frame %s %r was dropped: %s", claim.execution_id, claim.frame, error.detail)
        return Left("dropped")
    accepted = accept_input(compiled.workflow, claim.input)
    frame = Frame.of(claim, cast("JsonObject", accepted.value), outputs, claimed_at=claimed_at)
    verdict = None if claim.finish is None else _finish_of(claim.finish)
    if verdict is None and accepted.problems and claim.shard is None:
        verdict = _refusal(accepted.problems)
    if (
        verdict is None
        and (verdict := verdict_on(claim)) is not None
        and (verdict.error or {}).get("code") == HOP_BUDGET
    ):
        log.error(
            "hop_budget: execution %s, frame %r: %d claims, %d in a row without a result",
            claim.execution_id,
            claim.frame,
            claim.claims,
            claim.idle_claims,
            extra={"event": HOP_BUDGET, "org_id": claim.org_id},
        )
    owner = Owner(engine, frame, compiled, control, deadline=deadline, is_fresh=is_fresh, verdict=verdict)
    left = await owner.run()
    if left.status == "away":
        return await release(engine, claim, frame.seq, control, deadline=deadline)
    return left


def _needed_now(claim: Claimed) -> list[RecordRow]:
    """Leave out what shards record: it is loaded when all of them have ended, unless it is too large to be kept.

    If they have, and everything came along, it is used as it is.
    """
    rows = list(claim.records)
    for wait in claim.waits:
        items = f"{wait.path}["
        if wait.kind != "shards":
            continue
        below = [row for row in rows if row.path.startswith(items)]
        if not wait.answered or any(row.output_ref is not None for row in below):
            rows = [row for row in rows if not row.path.startswith(items)]
    return rows


def _is_item(row: RecordRow, claim: Claimed) -> bool:
    """Whether the row is an item's of this shard: only the frame that opened the shards looks at its output."""
    return claim.shard is not None and row.parent == claim.shard.path


def _finish_of(finish: JsonObject) -> Finish:
    """Give the end that an earlier owner decided, and that only waits for what lives below."""
    status = cast("Literal['succeeded', 'failed', 'cancelled', 'timed_out']", finish["status"])
    return Finish(status, finish.get("output"), cast("JsonObject | None", finish.get("error")))


def _refusal(problems: Sequence[FieldProblem]) -> Finish:
    """End an execution whose input does not fit: a child's is only known when it begins."""
    message = "The input does not fit: " + "; ".join(
        f"{problem.pointer}: {problem.message}" for problem in problems[:10]
    )
    errors: list[Json] = [
        {"pointer": problem.pointer, "code": problem.code, "message": problem.message} for problem in problems[:50]
    ]
    return Finish("failed", None, {"code": "invalid_input", "message": message, "errors": errors})
