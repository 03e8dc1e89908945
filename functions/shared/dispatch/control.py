"""How a dispatcher talks to a frame that runs: look at your waits, or come to an end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.shared.dispatch.doorbell import Address


class Control:
    """Two flags and the event that wakes the owner to see them. `adopt` tells that another frame runs under it now."""

    __slots__ = ("adopt", "is_poked", "is_stopping", "wake")

    def __init__(self, adopt: Callable[[Address], None] = lambda _: None) -> None:
        self.wake = asyncio.Event()
        self.is_poked = False
        self.is_stopping = False
        self.adopt = adopt

    def poke(self) -> None:
        """Say that the frame was rung: something it waits for may have been answered."""
        self.is_poked = True
        self.wake.set()

    def stop(self) -> None:
        """Say that the process wants to end: start nothing more, record what there is, release the lease."""
        self.is_stopping = True
        self.wake.set()
