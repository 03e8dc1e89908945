"""Gives a frame back that was dropped because the database was away: an outage is nobody's crash."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from functions.shared.db import kernel
from functions.shared.engine.outcome import Left
from functions.shared.errors import PlaneError, Unavailable
from functions.shared.log import logger

if TYPE_CHECKING:
    from functions.shared.db.kernel import Claimed
    from functions.shared.dispatch.control import Control
    from functions.shared.engine.policy import Engine
    from functions.shared.jsonvalue import JsonObject

log = logger("engine")

PAUSE_S = 0.5
WITHIN_S = 30.0


async def release(engine: Engine, claim: Claimed, seq: int, control: Control, *, deadline: float | None) -> Left:
    """Set the frame ready as soon as the database answers again; what was noted as in flight stays noted.

    `seq`: the last one that was acknowledged. A checkpoint whose answer was lost is answered now, and then followed.
    """
    loop = asyncio.get_running_loop()
    until = min(loop.time() + WITHIN_S, float("inf") if deadline is None else deadline - PAUSE_S)
    while True:
        payload: JsonObject = {
            "execution_id": claim.execution_id,
            "frame": claim.frame,
            "epoch": claim.epoch,
            "seq": seq + 1,
            "records": [],
            "open": [],
            "close": [],
            "next": "ready",
            "lease_seconds": engine.policy.lease_s,
        }
        sent_at = loop.time()
        try:
            answer = await kernel.checkpoint(engine.db, payload)
        except kernel.Stale:
            return Left("stale")
        except Unavailable as error:
            if control.is_stopping or loop.time() + PAUSE_S >= until:
                log.warning("frame %s %r is left to its lease: %s", claim.execution_id, claim.frame, error.detail)
                return Left("dropped")
            await asyncio.sleep(PAUSE_S)
            continue
        except PlaneError as error:
            log.warning("frame %s %r was dropped: %s", claim.execution_id, claim.frame, error.detail)
            return Left("dropped")
        await engine.ring(answer.due)
        if answer.adopted is not None:
            return Left("done", adopted=answer.adopted, adopted_at=sent_at)
        if answer.status != "running":
            return Left(answer.status, again_in_s=answer.due_in_s)
        seq = answer.seq
