"""Clocks that are wrong: the wall clock of a process by minutes, and its event loop's by any amount."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import datetime, timedelta, tzinfo


def shift_wall_clock(seconds: float) -> None:
    """Let everything that the plane's code reads the time from be wrong by so much, in this process.

    `time.time` and `time.time_ns` for all; `datetime.now` for the plane's modules, which must be loaded already:
    pydantic's compiled core needs the real class.
    """
    true_time, true_time_ns = time.time, time.time_ns
    time.time = lambda: true_time() + seconds
    time.time_ns = lambda: true_time_ns() + round(seconds * 1e9)

    class ShiftedDatetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=seconds)

    for name, module in list(sys.modules.items()):
        if name.startswith("functions.") and getattr(module, "datetime", None) is datetime:
            module.datetime = ShiftedDatetime  # type: ignore[attr-defined]


def loop_with_shifted_time(seconds: float) -> asyncio.AbstractEventLoop:
    """Make an event loop whose `time()` is off: only differences of it may matter."""

    class ShiftedLoop(asyncio.SelectorEventLoop):
        def time(self) -> float:
            return time.monotonic() + seconds

    return ShiftedLoop()
