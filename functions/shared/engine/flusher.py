"""The one writer of a frame: one call to the database at a time, repeated through outages while the lease lasts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from functions.shared.db import kernel
from functions.shared.db.kernel import Checkpointed, Extended, Stale
from functions.shared.engine.frozen import frozen
from functions.shared.engine.outbox import Decided, Item, Opened, Outbox, checkpoint_payload
from functions.shared.engine.results import Ended
from functions.shared.errors import PlaneError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from functions.shared.engine.frame import Frame
    from functions.shared.engine.plan import Finish
    from functions.shared.engine.policy import Engine
    from functions.shared.jsonvalue import JsonObject

_Coroutine: TypeAlias = "Coroutine[object, object, Checkpointed | Extended]"
_Call: TypeAlias = "_Coroutine | asyncio.Task[Checkpointed | Extended]"

DATABASE_PAUSES_S = (0.1, 0.3, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A checkpoint that the database refused for what was in it. Several items are tried again one at a time first."""

    items: Sequence[Item]
    finish: Finish | None
    error: PlaneError


Answer: TypeAlias = Checkpointed | Extended | Rejected


@frozen
class _Batch:
    items: Sequence[Item]
    results: int  # how many results were ever queued up to the end of this batch
    noted: Mapping[str, int]
    finish: Finish | None


class Flusher:
    """Writes what the outbox holds. `acknowledged` results are recorded; `noted`: attempts known to be in flight.

    A call is in the air from when it was put together; it is sent by `answer`, or by `go_on` if there is more to do.
    """

    def __init__(self, engine: Engine, frame: Frame, on_answer: Callable[[], None]) -> None:
        self.outbox = Outbox()
        self.acknowledged = 0
        self.noted: Mapping[str, int] = {}
        self.contact_at = frame.claimed_at
        self.sent_at = frame.claimed_at
        self._engine = engine
        self._frame = frame
        self._on_answer = on_answer
        self._call: _Call | None = None
        self._batch: _Batch | None = None
        self._one_at_a_time = 0

    @property
    def is_busy(self) -> bool:
        """Whether a call is in the air."""
        return self._call is not None

    @property
    def has_answer(self) -> bool:
        """Whether the call that went on by itself has its answer."""
        return isinstance(self._call, asyncio.Task) and self._call.done()

    def checkpoint(self, in_flight: Callable[[int], JsonObject], next_status: str, finish: Finish | None) -> None:
        """Send the next batch. `in_flight(n)` gives what is running once n results are recorded.

        `next_status` and `finish` hold for the batch that empties the outbox; one before it leaves the frame running.
        """
        is_single = self._one_at_a_time > 0
        items, results = self.outbox.take(single=is_single)
        self._one_at_a_time = max(0, self._one_at_a_time - len(items))
        if self.outbox.items or (is_single and items):
            next_status, finish = "running", None
        noted = in_flight(results)
        self._batch = _Batch(items, results, _attempts(noted), finish)
        address: JsonObject = {**self._address(), "seq": self._frame.seq + 1}
        payload = checkpoint_payload(
            address,
            items,
            in_flight=noted,
            next_status=next_status,
            finish=finish,
            lease_s=self._engine.policy.lease_s,
        )
        self._begin(self._through_outages(lambda: kernel.checkpoint(self._engine.db, payload)))

    def extend(self, in_flight: JsonObject | None) -> None:
        """Extend the lease and ask what happened meanwhile; `in_flight` is noted if given."""
        self._batch = None if in_flight is None else _Batch((), self.acknowledged, _attempts(in_flight), None)
        claim, lease_s = self._frame.claim, self._engine.policy.lease_s
        self._begin(
            self._through_outages(
                lambda: kernel.extend_lease(
                    self._engine.db,
                    execution_id=claim.execution_id,
                    frame=claim.frame,
                    epoch=claim.epoch,
                    lease_s=lease_s,
                    in_flight=in_flight,
                )
            )
        )

    def go_on(self) -> None:
        """Let the call that is in the air go on by itself, beside whatever else happens."""
        if isinstance(self._call, asyncio.Task) or self._call is None:
            return
        self._call = asyncio.create_task(self._call, name="flush")
        self._call.add_done_callback(lambda _: self._on_answer())

    async def answer(self) -> Answer:
        """Wait for the answer of the call in the air; raises Stale, or Unavailable when the database was away."""
        call, batch = cast("_Call", self._call), self._batch
        self._call = self._batch = None
        try:
            answer = await call
        except Unavailable:
            raise
        except PlaneError as error:
            if batch is None or not (batch.items or batch.finish):
                raise
            if len(batch.items) > 1:
                self.outbox.give_back(batch.items)
                self._one_at_a_time = len(batch.items)
                return Rejected((), None, error)
            return Rejected(batch.items, batch.finish, error)
        self.contact_at = self.sent_at
        if batch is not None:
            self.acknowledged = max(self.acknowledged, batch.results)
            self.noted = batch.noted
        if isinstance(answer, Checkpointed):
            self._frame.seq = answer.seq
            self._count_deadlines(batch.items if batch else ())
            self._frame.written += sum(isinstance(item, Ended | Decided) for item in batch.items) if batch else 0
            # The database leaves the lease alone while more than a third of it is left: no more than that is certain.
            at_least = self.sent_at + self._engine.policy.lease_s / 3
            self._frame.lease_until = max(self._frame.lease_until, at_least)
        else:
            self._frame.lease_until = self.sent_at + answer.lease_s
        return answer

    async def end(self) -> None:
        """Give up the call that is in the air."""
        if isinstance(self._call, asyncio.Task):
            self._call.cancel()
            await asyncio.gather(self._call, return_exceptions=True)
        elif self._call is not None:
            self._call.close()

    def _count_deadlines(self, items: Sequence[Item]) -> None:
        """Count the deadlines of waits from when the database has opened them."""
        now = asyncio.get_running_loop().time()
        for item in items:
            if not isinstance(item, Opened):
                continue
            token, after_ms = cast("str", item.payload["token"]), item.payload.get("deadline_ms")
            if token in self._frame.due_at and isinstance(after_ms, int):
                self._frame.due_at[token] = now + after_ms / 1000

    def _begin(self, call: _Coroutine) -> None:
        self.sent_at = asyncio.get_running_loop().time()
        self._call = call

    async def _through_outages(self, call: Callable[[], _Coroutine]) -> Checkpointed | Extended:
        """Repeat the identical call while the database is away; after the lease it is somebody else's to try."""
        loop, attempt = asyncio.get_running_loop(), 0
        while True:
            try:
                return await call()
            except Stale:
                raise
            except Unavailable:
                pause = DATABASE_PAUSES_S[min(attempt, len(DATABASE_PAUSES_S) - 1)]
                attempt += 1
                if loop.time() + pause >= self._frame.lease_until:
                    raise
                await asyncio.sleep(pause)

    def _address(self) -> JsonObject:
        claim = self._frame.claim
        return {"execution_id": claim.execution_id, "frame": claim.frame, "epoch": claim.epoch}


def _attempts(in_flight: JsonObject) -> dict[str, int]:
    return {path: cast("dict[str, int]", noted)["attempt"] for path, noted in in_flight.items()}
