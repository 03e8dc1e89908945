"""Moves the messages of one queue to its function, as Lambda's event source mapping does for a standard queue.

A message is hidden while it is being worked on. What the function names in `batchItemFailures`, and a whole batch whose
invocation failed or was throttled, comes again when its visibility ends; each delivery counts; after `maxReceiveCount`
the queue's redrive policy moves it to the dead-letter queue. All else is deleted.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from functions.local_lambda.aws_services import ACCOUNT, REGION
from functions.local_lambda.function import Request, Throttled
from functions.local_lambda.lineage import Lineage

if TYPE_CHECKING:
    from functions.local_lambda.aws_services import AwsServices
    from functions.local_lambda.faults import Faults
    from functions.local_lambda.function import LocalFunction
    from functions.shared.jsonvalue import JsonObject

EMPTY_S = 1.0  # how long an empty queue is left alone when nobody says that something was sent


@dataclass(slots=True)
class QueueSource:
    """One queue → one function. `again_after_s`: when what failed comes again; None: when its visibility ends."""

    queue: str
    url: str
    function: LocalFunction
    services: AwsServices
    faults: Faults
    lineage: Lineage
    batch_size: int
    most: int
    visibility_s: float = 30.0
    again_after_s: float | None = None
    dead: QueueSource | None = None
    deliveries: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _running: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _is_paused: bool = False

    def wake(self, after_s: float = 0) -> None:
        """Look into the queue now, or then."""
        if after_s <= 0:
            self._wake.set()
        else:
            asyncio.get_running_loop().call_later(after_s + 0.01, self._wake.set)

    def pause(self) -> None:
        """Deliver nothing more for now."""
        self._is_paused = True

    def resume(self) -> None:
        """Deliver again."""
        self._is_paused = False
        self.wake()

    @property
    def at_work(self) -> int:
        """How many batches are being worked on."""
        return len(self._running)

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            self._wake.clear()
            if not self._is_paused and len(self._running) < self.most and (messages := await self._receive()):
                self._deliver(messages)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(EMPTY_S):  # not wait_for: before Python 3.12 it may swallow a cancel
                    await self._wake.wait()

    async def stop(self) -> None:
        """Give up what is on its way."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _receive(self) -> list[dict[str, Any]]:
        asked: dict[str, Any] = {
            "QueueUrl": self.url,
            "MaxNumberOfMessages": self.batch_size,
            "AttributeNames": ["All"],
            "WaitTimeSeconds": 0,
        }
        messages = cast(
            "list[dict[str, Any]]", (await self.services.sqs("ReceiveMessage", **asked)).get("Messages", [])
        )
        if self.again_after_s is not None:
            for message in messages:
                self._predate(message["Attributes"])
        if self.dead is not None:
            self.dead.wake()  # what was received too often has just gone there
        return self.faults.order(messages)

    def _predate(self, attributes: dict[str, str]) -> None:
        """Let what came again sooner have waited as long as it would have: once its visibility for each delivery."""
        waited_ms = (int(attributes["ApproximateReceiveCount"]) - 1) * self.visibility_s * 1000
        for name in ("SentTimestamp", "ApproximateFirstReceiveTimestamp"):
            attributes[name] = str(round(int(attributes[name]) - waited_ms))

    def _deliver(self, messages: list[dict[str, Any]]) -> None:
        self._start(messages)
        for message in messages:
            if self.faults.repeats():
                again = {**message, "Attributes": dict(message["Attributes"])}
                if self.faults.counts_again():
                    again["Attributes"]["ApproximateReceiveCount"] = str(
                        int(message["Attributes"]["ApproximateReceiveCount"]) + 1
                    )
                self._start([again])

    def _start(self, messages: list[dict[str, Any]]) -> None:
        task = asyncio.create_task(self._work_on(messages))
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()
        if not task.cancelled():
            task.result()

    async def _work_on(self, messages: list[dict[str, Any]]) -> None:
        await asyncio.sleep(self.faults.holds_back_s())
        trace, hops = self.lineage.next([message["MessageId"] for message in messages], self.queue)
        about = f"{self.queue}, {len(messages)} message{'s' * (len(messages) > 1)}"
        request = Request(self._event(messages), "queue", about, trace, hops, self.faults.kills_after_s())
        self.deliveries += len(messages)
        try:
            answer = await self.function.invoke(request)
        except Throttled:
            failed = {message["MessageId"] for message in messages}
        else:
            everything = {message["MessageId"] for message in messages}
            failed = everything if answer.error else failures_of(answer.body, everything)
        done = [message for message in messages if message["MessageId"] not in failed]
        if done:
            entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(done)]
            await self.services.sqs("DeleteMessageBatch", QueueUrl=self.url, Entries=entries)
        left = [message for message in messages if message["MessageId"] in failed]
        if left:
            await self._come_again(left)

    async def _come_again(self, messages: list[dict[str, Any]]) -> None:
        if self.again_after_s is None:
            self.wake(self.visibility_s)
            return
        await asyncio.sleep(self.again_after_s)
        entries = [
            {"Id": str(n), "ReceiptHandle": one["ReceiptHandle"], "VisibilityTimeout": 0}
            for n, one in enumerate(messages)
        ]
        await self.services.sqs("ChangeMessageVisibilityBatch", QueueUrl=self.url, Entries=entries)

    def _event(self, messages: list[dict[str, Any]]) -> JsonObject:
        return {
            "Records": [
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message["Attributes"],
                    "messageAttributes": {},
                    "md5OfBody": message["MD5OfBody"],
                    "eventSource": "aws:sqs",
                    "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.queue}",
                    "awsRegion": REGION,
                }
                for message in messages
            ]
        }


def failures_of(answer: bytes, messages: set[str]) -> set[str]:
    """Give the messages that come again. An answer that cannot be right means all of them, as at Lambda."""
    try:
        known: Any = json.loads(answer)
    except ValueError:
        return messages
    if not known or not isinstance(known, dict):
        return set()
    rows: Any = cast("dict[str, Any]", known).get("batchItemFailures")
    if not rows:
        return set()
    try:
        named = {str(row["itemIdentifier"]) for row in rows}
    except (TypeError, KeyError):
        return messages
    return messages if named - messages else named


def scheduled_event(function: str) -> JsonObject:
    """Give what EventBridge sends every minute."""
    return {
        "version": "0",
        "id": f"{function}-{time.time_ns():x}",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{function}-every-minute"],
        "detail": {},
    }
