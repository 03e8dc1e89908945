"""Rings for what is due and nobody runs: expired leases, timers, lost doorbells. Every minute, and for dead letters.

A queue that is behind makes everything in it look lost. So a frame is rung again later each time, each sweep rings for
so many at most, and for few while a queue is deep: else the sweeper makes a slow queue slower, for ever.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.shared import aws
from functions.shared.config import settings
from functions.shared.db import kernel
from functions.shared.db.opening import open_database
from functions.shared.dispatch import sqs
from functions.shared.dispatch.doorbell import Address, Doorbell
from functions.shared.dispatch.messages import Message, failures, read_messages
from functions.shared.dispatch.signing import Signer
from functions.shared.dispatch.worker import Worker
from functions.shared.errors import PlaneError
from functions.shared.log import configure_logging, logger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.db.port import Database
    from functions.shared.jsonvalue import JsonObject

log = logger("sweeper")

PAGE = 200
GRACE_S = 30.0  # a doorbell that is younger is on its way
BACKOFF_S = 60.0
BACKOFF_CAP_S = 900.0
RINGS = 2_000  # of one sweep and queue
DEEP = 1_000  # messages that wait: so many are enough to keep all runners busy
TRICKLE = 20  # what a sweep rings for even then, because what waits may be of no use
KEEP_S = 5.0  # what a sweep leaves of its invocation
RING_AGAIN_S = 60.0  # after a dead letter


@dataclass(frozen=True, slots=True)
class Opened:
    """What outlives an event. `deep`: a queue of so many messages gets only a trickle."""

    db: Database
    bell: Doorbell
    signer: Signer | None
    queue_urls: Mapping[str, str]
    deep: int


class Sweeper(Worker[Opened]):
    """The schedule's event answers `{rung, next_due_in_s}`, a batch of dead letters `{batchItemFailures}`.

    An event `{"grace_seconds": 0}` sweeps what has only just become due, too: for an operator in a hurry.
    """

    def __init__(self, doorbell: Doorbell | None = None, *, deep: int = DEEP) -> None:
        super().__init__()
        self._doorbell = doorbell
        self._deep = deep

    async def open(self) -> Opened:
        """Read the settings; the first sweep dials the database."""
        known = settings()
        configure_logging(known.log_level)
        bell = self._doorbell or sqs.doorbell_of(known)
        urls = {queue: url for queue, url in known.queue_urls.items() if queue != sqs.CHORES}
        return Opened(await open_database(known), bell, Signer.from_settings(known), urls, self._deep)

    async def shut(self, opened: Opened) -> None:
        """Close the database."""
        await opened.db.close()

    async def handle(self, event: Mapping[str, Any], opened: Opened, deadline: float | None) -> dict[str, Any]:
        """Sweep, or bury what a queue has given up."""
        if (records := event.get("Records")) is None:
            return await _sweep(opened, deadline, grace_s=float(event.get("grace_seconds", GRACE_S)))
        failed = [await _bury(letter, opened) for letter in read_messages(records, opened.signer)]
        return failures([name for name in failed if name is not None])


async def _sweep(opened: Opened, deadline: float | None, *, grace_s: float) -> dict[str, Any]:
    """Ring in pages, until nothing is due, the queues have enough, or the time is over."""
    loop = asyncio.get_running_loop()
    rung, next_due_in_s = 0, None
    for queue, room in (await _rooms(opened.queue_urls, opened.deep)).items():
        left = room
        while left > 0 and (deadline is None or loop.time() + KEEP_S < deadline):
            asked = min(PAGE, left)
            swept = await kernel.sweep(
                opened.db,
                limit=asked,
                per_org=asked,
                backoff_s=BACKOFF_S,
                backoff_cap_s=BACKOFF_CAP_S,
                grace_s=grace_s,
                queues=[queue] if queue else None,
            )
            await opened.bell.ring(swept.due)
            rung, next_due_in_s = rung + len(swept.due), swept.next_due_in_s
            left = left - len(swept.due) if len(swept.due) == asked else 0
    if rung:
        log.info("rang for %d frames", rung, extra={"event": "swept", "count": rung})
    return {"rung": rung, "next_due_in_s": next_due_in_s}


async def _rooms(queue_urls: Mapping[str, str], deep: int) -> dict[str, int]:
    """Give for how many frames of each queue to ring; '' stands for all of them, where there are no queues."""
    if not queue_urls:
        return {"": RINGS}
    depths = await asyncio.gather(*map(_depth, queue_urls.values()))
    rooms: dict[str, int] = {}
    for queue, known in zip(queue_urls, depths, strict=True):
        depth = deep if known is None else known
        rooms[queue] = min(max(deep - depth, TRICKLE), RINGS)
        if depth >= deep:
            log.warning("the queue %s is %d messages deep", queue, depth, extra={"event": "queue_deep", "queue": queue})
    return rooms


async def _depth(url: str) -> int | None:
    """Give how many messages wait, those that are delayed not counted; None: the queue does not say."""
    name = "ApproximateNumberOfMessages"
    try:
        answer = await aws.ask("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=[name])
        return int(answer["Attributes"][name])
    except aws.AwsFailed as error:
        log.warning("a queue's depth is not known: %s", error, extra={"event": "queue_depth_unknown"})
        return None


async def _bury(letter: Message, opened: Opened) -> str | None:
    """Free what the message's last delivery held, and ring for it later; give its id when that was not possible.

    When it held nothing, the frame is as any other that is due: the sweep rings for it, later each time.
    """
    log.warning("message %s was given up by its queue", letter.id, extra={"event": "dead_letter"})
    if not isinstance(letter.what, Address):
        return None  # a chore: its schedule has it done
    address = letter.what
    try:
        freed: list[JsonObject] = [
            *await kernel.report_dead(
                opened.db, execution_id=address.execution_id, frame=address.frame, message_id=letter.id
            )
        ]
    except PlaneError as error:
        log.warning("message %s: %s", letter.id, error.detail)
        return letter.id if error.retryable else None
    await opened.bell.ring(freed, delay_s=RING_AGAIN_S)
    return None


handler = Sweeper()
