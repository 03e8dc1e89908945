"""Runs chores: once each, as the scheduled sweeper does, or for ever, as a plane on one machine does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from functions.shared.errors import PlaneError
from functions.shared.log import logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.chores.chore import Chore, Plane
    from functions.shared.dispatch.doorbell import Doorbell

log = logger("chores")
BACK_OFF_LONGEST_S = 30.0


async def run_chores(plane: Plane, chores: Sequence[Chore], doorbell: Doorbell) -> None:
    """Do each once; one that fails keeps no other from its turn."""
    for chore in chores:
        await _do(plane, chore, doorbell)


async def _do(plane: Plane, chore: Chore, doorbell: Doorbell) -> bool:
    try:
        await doorbell.ring(await chore.run(plane))
    except PlaneError as error:
        log.warning("the chore %s failed: %s", chore.name, error.detail)
    except Exception:
        log.exception("the chore %s failed", chore.name)
    else:
        return True
    return False


class ChoreRunner:
    """Does chores in the background of a process until it is stopped; one that fails is tried less and less often."""

    def __init__(self, plane: Plane, chores: Sequence[Chore], doorbell: Doorbell) -> None:
        self._plane = plane
        self._chores = chores
        self._doorbell = doorbell
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; each chore has a task of its own."""
        self._tasks = [asyncio.create_task(self._repeat(chore), name=f"chore {chore.name}") for chore in self._chores]

    async def stop(self) -> None:
        """End; what is under way is undone or done by the next one."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _repeat(self, chore: Chore) -> None:
        pause = chore.every_s
        while True:
            is_done = await _do(self._plane, chore, self._doorbell)
            pause = chore.every_s if is_done else min(BACK_OFF_LONGEST_S, max(chore.every_s, pause * 2))
            await asyncio.sleep(pause)
