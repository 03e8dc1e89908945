"""How a dispatcher talks to a frame that runs: look at your waits, or come to an end."""

from __future__ import annotations

import asyncio


class Control:
    """Two flags and the event that wakes the owner to see them."""

    __slots__ = ("is_poked", "is_stopping", "wake")

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self.is_poked = False
        self.is_stopping = False

    def poke(self) -> None:
        """Say that the frame was rung: something it waits for may have been answered."""
        self.is_poked = True
        self.wake.set()

    def stop(self) -> None:
        """Say that the process wants to end: start nothing more, record what there is, release the lease."""
        self.is_stopping = True
        self.wake.set()
