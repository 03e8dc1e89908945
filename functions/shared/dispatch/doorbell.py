"""The seam between whoever makes a frame due and whoever runs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.shared.jsonvalue import Json, JsonObject


class Doorbell(Protocol):
    """Tells runners that frames may be due: in-process locally, a queue in the cloud."""

    async def ring(self, due: Sequence[JsonObject], *, delay_s: float = 0.0) -> None:
        """Pass on doorbells `{execution_id, frame, queue, org_id}`. Never raises: a lost one costs a sweep's delay.

        `delay_s`: they are due after so many seconds only.
        """
        ...


@runtime_checkable
class Waker(Protocol):
    """Tells the function of the chores that one has something to do."""

    async def wake(self, chore: str) -> None:
        """Let the chore of this name have its turn now. Never raises: a lost message costs a minute."""
        ...


@dataclass(frozen=True, slots=True)
class Address:
    """Which frame a doorbell means."""

    execution_id: str
    frame: str
    queue: str
    org_id: str = field(default="", compare=False)

    @classmethod
    def of(cls, message: Mapping[str, Json]) -> Self:
        """Read a doorbell; raises KeyError when it names no execution."""
        return cls(
            execution_id=str(message["execution_id"]),
            frame=str(message.get("frame") or ""),
            queue=str(message.get("queue") or "default"),
            org_id=str(message.get("org_id") or ""),
        )

    def message(self) -> JsonObject:
        """Give the doorbell that travels."""
        return {
            "execution_id": self.execution_id,
            "frame": self.frame,
            "queue": self.queue,
            "org_id": self.org_id,
        }


class SilentDoorbell:
    """Rings nobody: for functions whose work the sweeper finds, and for tests of lost doorbells."""

    async def ring(self, due: Sequence[JsonObject], *, delay_s: float = 0.0) -> None:
        """Drop them."""
