"""Runs chores: once each, as the scheduled function does, or for ever, as a plane on one machine does."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from functions.shared.errors import PlaneError
from functions.shared.log import logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.chores.chore import Chore, Plane
    from functions.shared.dispatch.doorbell import Doorbell
    from functions.shared.jsonvalue import JsonObject

log = logger("chores")
BACK_OFF_LONGEST_S = 30.0
NOTE_EVERY_S = 20.0


async def run_chores(plane: Plane, chores: Sequence[Chore], doorbell: Doorbell) -> list[str]:
    """Do each once; one that fails keeps no other from its turn. Answers the names of those that failed."""
    return [chore.name for chore in chores if not await _do(plane, chore, doorbell)]


async def _do(plane: Plane, chore: Chore, doorbell: Doorbell) -> bool:
    begun, is_done = time.monotonic(), False
    try:
        await doorbell.ring(await chore.run(plane))
        is_done = True
    except PlaneError as error:
        log.warning("the chore %s failed: %s", chore.name, error.detail)
    except Exception:
        log.exception("the chore %s failed", chore.name)
    await _note(plane, chore, begun, is_done=is_done)
    return is_done


async def _note(plane: Plane, chore: Chore, begun: float, *, is_done: bool) -> None:
    """Let the database know, for the page of status: a success every few seconds, a failure always."""
    now = time.monotonic()
    if is_done and now - plane.noted.get(chore.name, -NOTE_EVERY_S) < NOTE_EVERY_S:
        return
    payload: JsonObject = {"name": chore.name, "took_ms": round((now - begun) * 1000), "has_failed": not is_done}
    with suppress(PlaneError):
        await plane.db.kernel("note_chore", payload)
        plane.noted[chore.name] = now


class ChoreRunner:
    """Does chores in the background of a process until it is stopped; one that fails is tried less and less often."""

    def __init__(self, plane: Plane, chores: Sequence[Chore], doorbell: Doorbell) -> None:
        self._plane = plane
        self._chores = chores
        self._doorbell = doorbell
        self._tasks: list[asyncio.Task[None]] = []
        self._woken = {chore.name: asyncio.Event() for chore in chores}

    def start(self) -> None:
        """Begin; each chore has a task of its own."""
        self._tasks = [asyncio.create_task(self._repeat(chore), name=f"chore {chore.name}") for chore in self._chores]

    def wake(self, name: str) -> None:
        """Let the chore of this name, if there is one, have its next turn now."""
        if (woken := self._woken.get(name)) is not None:
            woken.set()

    async def stop(self) -> None:
        """End; what is under way is undone or done by the next one."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _repeat(self, chore: Chore) -> None:
        pause = chore.every_s
        while True:
            self._woken[chore.name].clear()  # who wakes it from here on is heard after this turn
            is_done = await _do(self._plane, chore, self._doorbell)
            pause = chore.every_s if is_done else min(BACK_OFF_LONGEST_S, max(chore.every_s, pause * 2))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken[chore.name].wait(), pause)
