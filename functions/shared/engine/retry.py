"""How long to wait before another attempt."""

from __future__ import annotations

from typing import Literal

from functions.shared.engine.frozen import frozen


@frozen
class RetryPolicy:
    """At most `max_attempts` in all; seconds before the second one and at most."""

    max_attempts: int = 3
    backoff: Literal["exponential", "constant"] = "exponential"
    first_s: float = 1.0
    longest_s: float = 30.0


def delay_s(policy: RetryPolicy, attempt: int, jitter: float) -> float:
    """Seconds between the failure of `attempt` (from 1) and the next one.

    `jitter` in 0..1 takes off at most half ("equal jitter"): a crowd that failed together does not come back together.
    """
    doublings = 0 if policy.backoff == "constant" else min(attempt - 1, 60)
    return min(policy.first_s * 2.0**doublings, policy.longest_s) * (1 - jitter / 2)
