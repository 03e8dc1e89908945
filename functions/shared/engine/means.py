"""How much time and money an owner has left."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.shared.db.kernel import Claimed


class Means:
    """`deadline`: loop time at which the invocation ends; None: never. `margin_s` is kept for the last checkpoint."""

    def __init__(self, claim: Claimed, *, deadline: float | None, margin_s: float) -> None:
        self._budget_usd = claim.budget_usd
        self._spent_usd = claim.spent_usd
        self._deadline = None if deadline is None else deadline - margin_s
        self._loop = asyncio.get_running_loop()

    def spend(self, usd: Decimal | None) -> None:
        """Count what a step has cost."""
        self._spent_usd += usd or Decimal(0)

    def left_usd(self) -> Decimal | None:
        """Dollars left of the execution's slice; None: no limit."""
        return None if self._budget_usd is None else max(self._budget_usd - self._spent_usd, Decimal(0))

    def has_time_for(self, seconds: float) -> bool:
        """Whether so much time is left."""
        return self._deadline is None or self._loop.time() + seconds <= self._deadline

    def at_most(self, seconds: float) -> float:
        """Give the time, or what is left of it."""
        return seconds if self._deadline is None else min(seconds, max(self._deadline - self._loop.time(), 0.1))
