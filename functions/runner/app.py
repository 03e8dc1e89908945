"""Runs the frames that doorbells name: one doorbell as the event, or a batch of them as queue messages."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from functions.shared.config import settings
from functions.shared.dispatch.doorbell import Address, Doorbell, SilentDoorbell
from functions.shared.engine.assembly import engine_of
from functions.shared.engine.outcome import Outcome
from functions.shared.engine.runner import run_frame
from functions.shared.errors import PlaneError
from functions.shared.log import configure_logging, logger
from functions.shared.web.connection import open_database

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.engine.policy import Engine

log = logger("runner")

WAIT_INLINE_S = 5.0


class Runner:
    """Keeps one event loop and one database for the life of the process."""

    def __init__(self, doorbell: Doorbell | None = None) -> None:
        self._doorbell = doorbell or SilentDoorbell()
        self._loop: asyncio.Runner | None = None
        self._engine: Engine | None = None

    def __call__(self, event: Mapping[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401  the runtime's own type
        """Run what the event names. A batch answers `{batchItemFailures}`, a doorbell its outcome."""
        if self._loop is None:
            self._loop = asyncio.Runner()
        left_s = context.get_remaining_time_in_millis() / 1000 if context is not None else None
        return self._loop.run(self._handle(event, left_s))

    def close(self) -> None:
        """Close the database and the loop."""
        if self._loop is not None:
            if self._engine is not None:
                self._loop.run(self._engine.db.close())
            self._loop.close()
        self._loop = self._engine = None

    async def _handle(self, event: Mapping[str, Any], left_s: float | None) -> dict[str, Any]:
        deadline = None if left_s is None else asyncio.get_running_loop().time() + left_s
        if self._engine is None:
            configure_logging(settings().log_level)
            self._engine = engine_of(settings(), await open_database(settings()), self._doorbell)
        engine = self._engine
        records = event.get("Records")
        if records is None:
            outcome = await _run(event, engine, deadline, claim_ref=None)
            return {"status": outcome.status, "reason": outcome.reason, "again_in_s": outcome.again_in_s}
        failed = await asyncio.gather(*(_failed(record, engine, deadline) for record in records))
        return {"batchItemFailures": [{"itemIdentifier": name} for name in failed if name is not None]}


async def _failed(record: Mapping[str, Any], engine: Engine, deadline: float | None) -> str | None:
    """Run one message; give its id when it should be delivered again, which only a database that is away deserves."""
    attempt = record.get("attributes", {}).get("ApproximateReceiveCount", "1")
    try:
        await _run(json.loads(record["body"]), engine, deadline, claim_ref=f"{record['messageId']}:{attempt}")
    except PlaneError as error:
        log.warning("message %s comes again: %s", record["messageId"], error.detail)
        return str(record["messageId"])
    except (ValueError, KeyError):
        log.exception("message %s is not a doorbell and was dropped", record["messageId"])
    return None


async def _run(message: Mapping[str, Any], engine: Engine, deadline: float | None, *, claim_ref: str | None) -> Outcome:
    """Run a frame; one that is due in a moment is waited for."""
    address = Address.of(message)
    outcome = await run_frame(address, engine, deadline=deadline, claim_ref=claim_ref)
    if outcome.reason == "not_due" and outcome.again_in_s is not None and outcome.again_in_s <= WAIT_INLINE_S:
        await asyncio.sleep(outcome.again_in_s)
        outcome = await run_frame(address, engine, deadline=deadline, claim_ref=claim_ref)
    return outcome


handler = Runner()
