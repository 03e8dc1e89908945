"""Runs the frames that doorbells name: one doorbell as the event, or a batch of them as queue messages."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.shared.config import settings
from functions.shared.db import kernel
from functions.shared.db.opening import open_database
from functions.shared.dispatch import sqs
from functions.shared.dispatch.control import Control
from functions.shared.dispatch.doorbell import Address, Doorbell
from functions.shared.dispatch.messages import Message, failures, read_body, read_messages
from functions.shared.dispatch.signing import Signer
from functions.shared.dispatch.worker import Worker
from functions.shared.engine.assembly import engine_of
from functions.shared.engine.runner import run_frame
from functions.shared.errors import PlaneError
from functions.shared.log import configure_logging, logger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.engine.outcome import Outcome
    from functions.shared.engine.policy import Engine

log = logger("runner")

WAIT_INLINE_S = 5.0
KEEP_S = 10.0  # what a wait inline leaves of the invocation
DUPLICATES_WITHIN_S = 3.0
FRESH = 0.2  # of its time an invocation may have used when a step still gets all that is left


@dataclass(frozen=True, slots=True)
class Opened:
    """What outlives an event. `queues`: those it runs. `gate` bounds how many frames run at the same time."""

    engine: Engine
    signer: Signer | None
    queues: tuple[str, ...]
    gate: asyncio.Semaphore


class Runner(Worker[Opened]):
    """A batch answers `{batchItemFailures}`, a doorbell its outcome."""

    def __init__(self, doorbell: Doorbell | None = None) -> None:
        super().__init__()
        self._doorbell = doorbell

    async def open(self) -> Opened:
        """Read the settings; the first claim dials the database."""
        known = settings()
        configure_logging(known.log_level)
        bell = self._doorbell or sqs.doorbell_of(known)
        engine = engine_of(known, await open_database(known), bell)
        return Opened(engine, Signer.from_settings(known), known.queues, asyncio.Semaphore(known.concurrency))

    async def shut(self, opened: Opened) -> None:
        """Close the database."""
        await opened.engine.db.close()

    async def handle(self, event: Mapping[str, Any], opened: Opened, deadline: float | None) -> dict[str, Any]:
        """Run what the event names."""
        now = asyncio.get_running_loop().time()
        fresh_until = None if deadline is None else now + (deadline - now) * FRESH
        invocation = Invocation(opened, deadline, fresh_until)
        if (records := event.get("Records")) is not None:
            failed = await asyncio.gather(*map(invocation.take, read_messages(records, opened.signer)))
            return failures([name for name in failed if name is not None])
        address = read_body(event, opened.signer)
        if not isinstance(address, Address):
            log.warning("a doorbell that is not one of the plane's was dropped", extra={"event": "message_dropped"})
            return {"status": "dropped", "reason": "not_ours", "again_in_s": None}
        outcome = await invocation.run(address)
        return {"status": outcome.status, "reason": outcome.reason, "again_in_s": outcome.again_in_s}


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of the function. Loop times: it ends at `deadline` and is fresh until `fresh_until`; None: for ever."""

    opened: Opened
    deadline: float | None
    fresh_until: float | None

    async def take(self, message: Message) -> str | None:
        """Run what a message means; give its id when it should be delivered again."""
        if not isinstance(message.what, Address) or message.what.queue not in self.opened.queues:
            log.warning("message %s is not for this runner: dropped", message.id, extra={"event": "message_dropped"})
            return None
        # With a part of its own, because a queue may deliver a message twice with the same count.
        claim_ref = f"{message.id}:{message.delivery}:{secrets.token_hex(4)}"
        try:
            async with self.opened.gate:
                outcome = await self.run(message.what, claim_ref=claim_ref)
                if outcome.reason == "busy" and message.delivery > 1:
                    await self._take_over(message, claim_ref)
        except PlaneError as error:
            log.warning("message %s comes again: %s", message.id, error.detail)
            return message.id
        except Exception:
            log.exception("message %s comes again", message.id)
            await self._report_broken(message.what, claim_ref)
            return message.id
        return None

    async def _take_over(self, message: Message, claim_ref: str) -> None:
        """Free the frame if a former delivery of this message holds it: that has died, or else this would not be here.

        Unless it is a duplicate. Queues make those within a moment, and what died they deliver again much later.
        """
        assert isinstance(message.what, Address)  # noqa: S101  nothing else is run
        early_s = message.first_at + DUPLICATES_WITHIN_S - time.time()
        if early_s > 0:
            await asyncio.sleep(min(early_s, DUPLICATES_WITHIN_S))
        if await self._report_dead(message.what, message_id=message.id):
            await self.run(message.what, claim_ref=claim_ref)

    async def run(self, address: Address, *, claim_ref: str | None = None) -> Outcome:
        """Run a frame, and have it rung again when it says so. One that is due in a moment is waited for."""
        last = [address]  # the one that is left at the end: it may be a parent that was adopted
        outcome = await self._run(address, claim_ref, last)
        if outcome.reason == "not_due" and self._has_time_to_wait(outcome.again_in_s):
            await asyncio.sleep(outcome.again_in_s or 0)
            outcome = await self._run(address, claim_ref, last)
        # A refused one is left to who parked it, which has rung for then: else duplicates of messages would live on.
        if outcome.status == "waiting" and outcome.again_in_s is not None and outcome.again_in_s <= sqs.LONGEST_DELAY_S:
            await self.opened.engine.doorbell.ring([last[-1].message()], delay_s=max(outcome.again_in_s, 1.0))
        return outcome

    async def _run(self, address: Address, claim_ref: str | None, last: list[Address]) -> Outcome:
        is_fresh = self.fresh_until is None or asyncio.get_running_loop().time() < self.fresh_until
        return await run_frame(
            address,
            self.opened.engine,
            control=Control(last.append),
            deadline=self.deadline,
            claim_ref=claim_ref,
            is_fresh=is_fresh,
        )

    def _has_time_to_wait(self, seconds: float | None) -> bool:
        if seconds is None or seconds > WAIT_INLINE_S:
            return False
        return self.deadline is None or asyncio.get_running_loop().time() + seconds + KEEP_S < self.deadline

    async def _report_dead(self, address: Address, **claim: str) -> bool:
        """Say whether it held the frame."""
        due = await kernel.report_dead(
            self.opened.engine.db, execution_id=address.execution_id, frame=address.frame, **claim
        )
        return bool(due)

    async def _report_broken(self, address: Address, claim_ref: str) -> None:
        """Free at once what this delivery held; else its lease does."""
        try:
            await self._report_dead(address, claim_ref=claim_ref)
        except PlaneError as error:
            log.warning("frame %s %r is left to its lease: %s", address.execution_id, address.frame, error.detail)


handler = Runner()
