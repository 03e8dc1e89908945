"""`make chaos SECONDS=600 SEED=…`: the long campaign, after a short one without the fence that must find something."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

from functions.shared.log import configure_logging
from tests.chaos.campaign import Campaign, Plan

CONTROL_SECONDS = 15.0
# What must come to light when zombies may write.
CONTROL_RULES = {"no zombie records", "no record appears twice"}


def main() -> int:
    """Run it, print what was done and found; 1 when an invariant was broken, or when the control was not noticed."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--alive", type=int, default=24, help="executions that go on at the same time")
    parser.add_argument("--control", action="store_true", help="only the control")
    given = parser.parse_args()
    configure_logging("ERROR")
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(2**31)
    _say(f"SEED={seed}: {CONTROL_SECONDS:.0f} s without the fence, then {given.seconds:.0f} s")
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    control = Plan(
        CONTROL_SECONDS,
        seed,
        folder / "control",
        alive=80,
        pause_s=(0.05, 0.3),
        weights={"freeze": 1},
        is_fenceless=True,
        progress_within_s=10,
    )
    found = set(asyncio.run(Campaign(control).run()).by_rule)
    if not found >= CONTROL_RULES:
        _say(f"The control was not noticed: without the fence only this was found: {sorted(found)}")
        return 1
    _say(f"Without the fence {len(found)} rules are broken, as they must be: {', '.join(sorted(found))}")
    if given.control:
        return 0
    plan = Plan(given.seconds, seed, folder / "campaign", workers=given.workers, alive=given.alive)
    report = asyncio.run(Campaign(plan).run())
    _say(str(report))
    if report.problems:
        _say(f"What the workers noted and what Postgres printed is in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  a command prints


if __name__ == "__main__":
    sys.exit(main())
