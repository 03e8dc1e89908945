"""When a delivery is tried again: pure."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MINUTE, HOUR = 60.0, 3600.0
# After the first attempt, which is at once: nine more within about three days, as Standard Webhooks recommends.
PAUSES_S = (5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
LONGEST_S = 24 * HOUR
_JITTER = 0.2


def pause_before_next(
    attempts: int, asked_s: float | None = None, pauses: Sequence[float] = PAUSES_S, *, chance: float | None = None
) -> float | None:
    """Give the seconds before the next attempt after so many; None when there is none.

    Up to a fifth is added by chance, so that what failed together does not come back together. What the receiver asked
    for is waited for, up to a day.
    """
    if attempts > len(pauses):
        return None
    chance = random.random() if chance is None else chance  # noqa: S311  no secret depends on it
    pause = pauses[attempts - 1] * (1 + _JITTER * chance)
    return max(pause, min(asked_s or 0.0, LONGEST_S))
