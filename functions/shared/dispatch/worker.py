"""What functions without routes have in common: one event loop, and what they opened, for the life of the process."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

OpenedT = TypeVar("OpenedT")


class Worker(ABC, Generic[OpenedT]):
    """A handler that Lambda calls again and again. What could not be opened is tried again by the next event."""

    def __init__(self) -> None:
        self._loop: asyncio.Runner | None = None
        self._opened: OpenedT | None = None

    def __call__(self, event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:  # noqa: ANN401  the runtime's own type
        if self._loop is None:
            self._loop = asyncio.Runner()
        left_s = None if context is None else context.get_remaining_time_in_millis() / 1000
        return self._loop.run(self._handle(event, left_s))

    @abstractmethod
    async def open(self) -> OpenedT:
        """Open what all events need."""

    @abstractmethod
    async def handle(self, event: Mapping[str, Any], opened: OpenedT, deadline: float | None) -> dict[str, Any]:
        """Do what the event says. `deadline`: loop time at which this invocation ends; None: never."""

    @abstractmethod
    async def shut(self, opened: OpenedT) -> None:
        """Close what was opened."""

    def close(self) -> None:
        """Close everything; the next event begins anew."""
        if self._loop is not None:
            if self._opened is not None:
                self._loop.run(self.shut(self._opened))
            self._loop.close()
        self._loop = self._opened = None

    async def _handle(self, event: Mapping[str, Any], left_s: float | None) -> dict[str, Any]:
        deadline = None if left_s is None else asyncio.get_running_loop().time() + left_s
        if self._opened is None:
            self._opened = await self.open()
        return await self.handle(event, self._opened, deadline)
