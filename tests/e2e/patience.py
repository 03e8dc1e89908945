"""Waiting for something that happens elsewhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


async def eventually(condition: Callable[[], object], *, within: float = 10) -> float:
    """Wait until the condition holds; gives the seconds that it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not condition():
        assert loop.time() < began + within, f"not so after {within} s"
        await asyncio.sleep(0.005)
    return loop.time() - began
