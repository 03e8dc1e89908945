"""What became of a doorbell, and of a frame that was owned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.shared.db.kernel import Claimed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a doorbell.

    `status`: refused, done, waiting, ready, stale or dropped. `again_in_s`: when to ring again; None: never.
    `reason` of a refusal: gone, busy, not_due or wrong_queue. `frames`: how many frames were worked on.
    """

    status: str
    reason: str | None = None
    again_in_s: float | None = None
    frames: int = 0


@dataclass(frozen=True, slots=True)
class Left:
    """How an owner left its frame.

    `status`: done, waiting, ready (passed on), stale (taken over), away (the database is) or dropped (it refused).
    """

    status: str
    again_in_s: float | None = None
    adopted: Claimed | None = None
    adopted_at: float = 0.0
