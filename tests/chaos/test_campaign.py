"""A dozen seconds of what `make chaos` does for as long as you like: real processes, killed, frozen and cut off."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from tests.chaos.campaign import Campaign, Plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.chaos.report import Report

    Note = Callable[[str, object], None]

SECONDS = 12
CLOCK_PRECISION_S = 30


@pytest.fixture
def seed() -> int:
    """A new one each time; `SEED=` gives a former one again."""
    return int(os.environ.get("SEED") or random.SystemRandom().randrange(2**31))


async def test_workers_may_be_killed_and_frozen_with_wrong_clocks_and_lost_or_repeated_doorbells(
    tmp_path: Path, seed: int, record_property: Note
) -> None:
    report = await Campaign(Plan(SECONDS, seed, tmp_path, weights={"kill": 5, "freeze": 4})).run()
    _expect_nothing_wrong(report, record_property)
    assert report.counts["workers killed"]
    assert report.counts["workers frozen past their lease"]
    _expect_wrong_clocks(report)


async def test_postgres_may_be_restarted_at_once_under_load_and_workers_reconnect_by_themselves(
    tmp_path: Path, seed: int, record_property: Note
) -> None:
    report = await Campaign(Plan(SECONDS, seed, tmp_path, weights={"restart": 4, "kill": 1}, pause_s=(0.5, 2))).run()
    _expect_nothing_wrong(report, record_property)
    assert report.counts["Postgres restarted"]


def _expect_nothing_wrong(report: Report, note: Note) -> None:
    note("summary", report.summary)
    assert not report.problems, f"SEED={report.seed}\n{report}"
    assert report.counts["executions"] >= 24
    assert report.counts["  succeeded"] > 0


def _expect_wrong_clocks(report: Report) -> None:
    """Each worker says at its start what its clocks show: they are as wrong as they were meant to be."""
    shifts = set()
    for line in report.evidence.lines("hello"):
        shift = line.details["wall_shift_s"]
        shifts.add(shift)
        for clock in ("wall", "datetime"):
            true_time = report.wall_time_of(line.at)
            assert abs(line.details[clock] - true_time - shift) < CLOCK_PRECISION_S, line
    assert shifts & {-300, 300}
