"""Waiting for something in the database, by looking again: quickly at first, then four times a second."""

from __future__ import annotations

import asyncio

_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _GROWTH = 0.02, 0.25, 1.5


class Pace:
    """Pauses that grow, within the seconds that the caller waits."""

    def __init__(self, seconds: float) -> None:
        self._clock = asyncio.get_running_loop().time
        self._until = self._clock() + seconds
        self._pause = _FIRST_PAUSE_S

    async def has_more(self) -> bool:
        """Pause; False when the time is up."""
        left = self._until - self._clock()
        if left <= 0:
            return False
        await asyncio.sleep(min(self._pause, left))
        self._pause = min(self._pause * _GROWTH, _LONGEST_PAUSE_S)
        return True
