"""Durations as text: `250ms`, `90s`, `1.5h`, `7d`."""

from __future__ import annotations

import re
from functools import lru_cache

DURATION_PATTERN = r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$"
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
MAX_SECONDS = 10 * 365 * 86400.0


HINT = "Write a number and ms, s, m, h or d, such as 90s or 1.5h."


class DurationError(ValueError):
    """The text is not a duration; `reason` says why, the message also what one looks like."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}. {HINT}")
        self.reason = reason


@lru_cache(maxsize=1024)
def seconds(text: str) -> float:
    """Read a duration, in seconds. Zero is allowed; raises DurationError for everything that is not one."""
    match = _DURATION.fullmatch(text.strip()) if len(text) <= 32 else None  # noqa: PLR2004  no number is longer
    if match is None:
        raise DurationError(f"{text[:40]!r} is not a duration")
    value = float(match[1]) * _UNITS[match[2]]
    if value > MAX_SECONDS:
        raise DurationError(f"{text!r} is longer than ten years")
    return value
