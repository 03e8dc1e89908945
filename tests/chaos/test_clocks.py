"""Which clocks the plane reads: a campaign with wrong ones proves nothing about those that it does not shift."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tests.chaos.nursery import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WALL = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"),
        ("date", "today"), ("time", "gmtime"), ("time", "localtime")}  # fmt: skip


def test_the_wall_clock_of_a_runner_is_read_only_for_the_times_that_others_give() -> None:
    # What runs frames; pages, sign-ins and deliveries tell people and others the time.
    runs = ("runner", "sweeper", *(f"shared/{each}" for each in ("db", "dispatch", "dsl", "engine", "steps", "tools")))
    files = [path for folder in runs for path in (ROOT / "functions" / folder).rglob("*.py")]
    assert len(files) > 80
    found = {(str(path.relative_to(ROOT)), call) for path in files for call in _readings(path)}
    assert found == {
        ("functions/shared/steps/fetch.py", "datetime.now"),  # Retry-After of an answer
        ("functions/runner/app.py", "time.time"),  # when a queue had a message first: a pause of three seconds at most
    }


def _readings(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if (owner, name) in WALL:
                yield f"{owner}.{name}"
            case ast.ImportFrom(module="time", names=names):
                yield from (f"time.{each.name}" for each in names if ("time", each.name) in WALL)
