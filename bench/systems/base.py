"""What the harness asks of a system. Each runs in a process of its own, in a database of its own."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Protocol

OUTPUT: dict[str, Any] = {"ok": True}  # what every step gives


def message(size: int) -> dict[str, Any]:
    """Give a turn of a conversation of that many bytes, which compress no better than random text."""
    return {"role": "user", "content": secrets.token_urlsafe(size)[:size]}


def intervals_ms(at: Sequence[float]) -> list[float]:
    """Give the milliseconds between moments that are given in seconds."""
    return [(later - earlier) * 1000 for earlier, later in pairwise(at)]


class System(Protocol):
    """The part that every system has."""

    async def prepare(self, url: str) -> None:
        """Install the schema into an empty database, as its superuser."""
        ...

    async def open(self, url: str, concurrency: int) -> None:
        """Connect and start what a production process would start, for that many executions at a time."""
        ...

    async def close(self) -> None: ...

    async def run_sequential(self, executions: int, steps: int, concurrency: int) -> None:
        """Run executions from start to recorded end, `concurrency` at a time."""
        ...


class FansOut(Protocol):
    """A system that joins parallel steps."""

    async def fan_out(self, width: int) -> None:
        """Run one execution of `width` parallel steps and a last one that needs them all."""
        ...


class Resumes(Protocol):
    """A system that continues an execution in another process."""

    async def fill(self, steps: int) -> None:
        """Leave an execution with that many finished steps at rest, as a crash or a wait would."""
        ...

    async def resume(self, steps: int) -> float:
        """Take it up as a new process would; give the milliseconds until its next step has begun, and hold it there."""
        ...

    async def rest(self, steps: int) -> None:
        """Bring it to rest again, so that it can be resumed once more."""
        ...


class Converses(Protocol):
    """A system that keeps a conversation."""

    async def converse(self, turns: int, size: int) -> list[float]:
        """Hold one conversation of `turns` messages of `size` bytes; give the milliseconds of each turn."""
        ...


class Approves(Protocol):
    """A system in which an execution waits for a person without holding a process."""

    async def approve(self, count: int, *, doorbell: bool) -> list[float]:
        """Let `count` executions wait and answer them; give the milliseconds from each answer to its next step.

        Without `doorbell` the answer's message to the runners is lost.
        """
        ...
