"""Durations as text."""

from __future__ import annotations

import pytest

from functions.shared.dsl.durations import DurationError, seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0s", 0), ("250ms", 0.25), ("90s", 90), ("1.5h", 5400), ("2m", 120), ("7d", 604_800), (" 1s ", 1)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "text", ["", "5", "s", "1 s", "-1s", "1e3s", "1h30m", "2 hours", "1w", "٣s", "9" * 50 + "s", "4000d"]
)
def test_everything_else_is_not(text: str) -> None:
    with pytest.raises(DurationError):
        seconds(text)
