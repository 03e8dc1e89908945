"""Calls for different frames that come while others are in the air leave together: one statement, one commit.

Nobody waits for company: a call leaves in the turn of the event loop in which it came, unless enough are in the air.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from functions.shared.db.failures import AnswerLost, NotSent, Refused
from functions.shared.db.json_text import to_text
from functions.shared.errors import PlaneError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from functions.shared.jsonvalue import Json, JsonObject

# Two, so that one is worked on while the answers to the other are; more would only make each smaller.
IN_AIR = 2
CALLS = 64
BYTES = 1_000_000
LARGEST_BYTES = 64_000

_LISTS = {"checkpoint": "checkpoints", "claim": "claims"}
GROUPED = frozenset(_LISTS)


@dataclass(frozen=True, slots=True)
class _Call:
    verb: str
    payload: JsonObject
    size: int
    answer: asyncio.Future[Json]

    @property
    def frame(self) -> tuple[Json, Json]:
        return self.payload["execution_id"], self.payload.get("frame")


_Group: TypeAlias = "list[_Call]"


class Together:
    """Sends claims and checkpoints. `alone` sends one with all its patience; `group` tries `move_together` once."""

    def __init__(
        self,
        alone: Callable[[str, JsonObject], Coroutine[object, object, Json]],
        group: Callable[[JsonObject], Coroutine[object, object, Json]],
    ) -> None:
        self._alone = alone
        self._group = group
        self._queue: deque[_Call] = deque()
        self._in_air = 0
        self._is_scheduled = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def call(self, verb: str, payload: JsonObject) -> Json:
        """Answer as the verb does. Who is cancelled stops waiting; the call may happen nevertheless."""
        size = len(to_text(payload)) if _is_plain(verb, payload) else LARGEST_BYTES
        if size >= LARGEST_BYTES:
            return await self._alone(verb, payload)
        loop = asyncio.get_running_loop()
        call = _Call(verb, payload, size, loop.create_future())
        self._queue.append(call)
        if not self._is_scheduled and self._in_air < IN_AIR:
            self._is_scheduled = True
            loop.call_soon(self._leave)
        return await call.answer

    async def close(self) -> None:
        """Give up what waits and what is in the air; who waits for it is cancelled."""
        while self._queue:
            self._queue.popleft().answer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _leave(self) -> None:
        self._is_scheduled = False
        while self._in_air < IN_AIR and (group := self._take()):
            self._in_air += 1
            self._begin(self._fly(group))

    def _take(self) -> _Group:
        """Take what fits in a group: no frame twice, because its second call depends on its first."""
        taken: _Group = []
        later: deque[_Call] = deque()
        frames: set[tuple[Json, Json]] = set()
        room = BYTES
        while self._queue and len(taken) < CALLS:
            call = self._queue.popleft()
            if call.answer.cancelled():
                continue
            if call.frame in frames or call.size > room:
                later.append(call)
                continue
            taken.append(call)
            frames.add(call.frame)
            room -= call.size
        self._queue.extendleft(reversed(later))
        return taken

    async def _fly(self, group: _Group) -> None:
        try:
            if len(group) == 1:
                await self._send_alone(group[0])
                return
            answers = await self._answers(group)
        except asyncio.CancelledError:
            for call in group:
                call.answer.cancel()
            raise
        finally:
            self._in_air -= 1
            self._leave()
        for call, answer in zip(group, answers, strict=True):
            if answer is None:
                self._begin(self._send_alone(call))
            elif not call.answer.done():
                call.answer.set_result(answer)

    async def _answers(self, group: _Group) -> Sequence[Json]:
        """Give an answer for each call; None: nothing is known to have happened, it has to be sent alone."""
        lists: dict[str, Json] = {
            name: [call.payload for call in group if call.verb == verb] for verb, name in _LISTS.items()
        }
        try:
            told = cast("dict[str, list[Json]]", await self._group(lists))
        except (NotSent, AnswerLost, Refused, PlaneError):
            # Whatever it was, each has its own: the same call again is answered as the first one was.
            return [None] * len(group)
        in_order = {verb: iter(told[name]) for verb, name in _LISTS.items()}
        return [next(in_order[call.verb]) for call in group]

    async def _send_alone(self, call: _Call) -> None:
        if call.answer.cancelled():
            return
        try:
            answer = await self._alone(call.verb, call.payload)
        except asyncio.CancelledError:
            call.answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001  it is the caller's, whatever it is
            if not call.answer.done():
                call.answer.set_exception(error)
        else:
            if not call.answer.done():
                call.answer.set_result(answer)

    def _begin(self, sending: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(sending, name="kernel calls")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _is_plain(verb: str, payload: JsonObject) -> bool:
    """Whether a call can be one of many: what opens, closes or parks takes locks that it has to wait for."""
    if verb == "claim":
        return not payload.get("frame") and bool(payload.get("known"))
    if payload.get("open") or payload.get("close"):
        return False
    next_status = payload.get("next", "running")
    return next_status == "running" or (next_status == "done" and not payload.get("frame"))
