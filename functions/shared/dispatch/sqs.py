"""Doorbells by SQS: ids only, signed, in batches; the organisation is the group by which a standard queue is fair."""

from __future__ import annotations

import asyncio
import json
import math
from typing import TYPE_CHECKING, Any

from functions.shared import aws
from functions.shared.dispatch.doorbell import Address, SilentDoorbell
from functions.shared.dispatch.signing import Signer
from functions.shared.log import logger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.shared.config import Settings
    from functions.shared.jsonvalue import Json, JsonObject

log = logger("dispatch")

CHORES = "chores"  # the queue of what the plane does by itself
LONGEST_DELAY_S = 900  # SQS keeps nothing back for longer
BATCH = 10
BATCHES_AT_ONCE = 8
RING_WITHIN_S = 10.0
AGAIN_AFTER_S = 0.2


class SqsDoorbell:
    """Sends doorbells to the queue of their frame, and chores to theirs. `queue_urls`: those that it may send to."""

    def __init__(self, queue_urls: Mapping[str, str], signer: Signer) -> None:
        self._urls = queue_urls
        self._signer = signer

    async def ring(self, due: Sequence[JsonObject], *, delay_s: float = 0.0) -> None:
        """Send doorbells, to be delivered after so many seconds, at most 900. Never raises."""
        by_queue: dict[str, dict[Address, JsonObject]] = {}
        for message in due:
            try:
                address = Address.of(message)
            except KeyError:
                log.warning("a doorbell without an execution was dropped")
                continue
            by_queue.setdefault(address.queue, {})[address] = _entry(
                self._signer.signed(address.message()), group=address.org_id, delay_s=delay_s
            )
        await self._send({queue: [*entries.values()] for queue, entries in by_queue.items()})

    async def wake(self, chore: str) -> None:
        """Let the chore of this name have its turn now. Never raises."""
        entry = _entry(self._signer.signed({"chore": chore}), group=chore.replace(" ", "-"), delay_s=0)
        await self._send({CHORES: [entry]})

    async def _send(self, by_queue: Mapping[str, Sequence[JsonObject]]) -> None:
        """Send what there is for each queue, several batches at the same time; what is lost is left to the schedule."""
        gate = asyncio.Semaphore(BATCHES_AT_ONCE)
        batches = [
            self._send_batch(gate, queue, self._urls[queue], entries[first : first + BATCH])
            for queue, entries in by_queue.items()
            if queue in self._urls
            for first in range(0, len(entries), BATCH)
        ]
        try:
            async with asyncio.timeout(RING_WITHIN_S):
                await asyncio.gather(*batches)
        except TimeoutError:
            log.warning("not all doorbells were sent within %.0f s; the sweeper rings again", RING_WITHIN_S)
        for queue in by_queue.keys() - self._urls.keys():
            log.debug("this function does not send to the queue %s", queue)

    async def _send_batch(self, gate: asyncio.Semaphore, queue: str, url: str, entries: Sequence[JsonObject]) -> None:
        """Send a batch, and once more what SQS did not take of it."""
        left = {str(number): entry for number, entry in enumerate(entries)}
        codes: set[str] = set()
        async with gate:
            try:
                for pause in (0.0, AGAIN_AFTER_S):
                    await asyncio.sleep(pause)
                    answer = await aws.ask(
                        "sqs", "send_message_batch", QueueUrl=url, Entries=[{"Id": n, **e} for n, e in left.items()]
                    )
                    refused = {each["Id"]: str(each["Code"]) for each in answer.get("Failed", ())}
                    left, codes = {name: left[name] for name in refused}, set(refused.values())
                    if not left:
                        return
            except aws.AwsFailed as error:  # which was tried again already
                codes = {error.code}
        log.warning(
            "%d messages to the queue %s were not sent (%s)",
            len(left),
            queue,
            ", ".join(sorted(codes)),
            extra={"event": "messages_not_sent", "queue": queue, "count": len(left)},
        )


def doorbell_of(settings: Settings) -> SqsDoorbell | SilentDoorbell:
    """Give the doorbell of a deployed function; without queues to send to nobody is rung. Raises Unavailable."""
    signer = Signer.from_settings(settings)
    if signer is None or not settings.queue_urls:
        return SilentDoorbell()
    return SqsDoorbell(settings.queue_urls, signer)


def _entry(message: Mapping[str, Json], *, group: str, delay_s: float) -> JsonObject:
    entry: dict[str, Any] = {"MessageBody": json.dumps(message, separators=(",", ":"))}
    if group:
        entry["MessageGroupId"] = group
    if delay_s > 0:
        entry["DelaySeconds"] = min(math.ceil(delay_s), LONGEST_DELAY_S)
    return entry
