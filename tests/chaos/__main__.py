"""`make chaos SECONDS=600 SEED=…`: the long campaign, after short ones that must find something."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from functions.shared.log import configure_logging
from tests.chaos.campaign import Campaign, Plan

CONTROL_SECONDS = 15.0
# Which rules tell, each by itself, that zombies may write, and that Postgres forgets.
CONTROLS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "without the fence": (
        {"is_fenceless": True, "weights": {"freeze": 1}, "alive": 80, "pause_s": (0.05, 0.3)},
        {"no zombie records", "no record appears twice", "every zombie is refused"},
    ),
    "on a Postgres that forgets": (
        {"is_forgetful": True, "weights": {"restart": 1}, "pause_s": (1, 3)},
        {"what was acknowledged is there", "nothing runs again after it was recorded"},
    ),
}


def main() -> int:
    """Run it, print what was done and found; 1 when an invariant was broken, or when the control was not noticed."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--alive", type=int, default=24, help="executions that go on at the same time")
    parser.add_argument("--control", action="store_true", help="only the controls")
    given = parser.parse_args()
    configure_logging("ERROR")
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(2**31)
    _say(f"SEED={seed}: two controls of {CONTROL_SECONDS:.0f} s, then {given.seconds:.0f} s")
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    for name, (options, rules) in CONTROLS.items():
        control = Plan(CONTROL_SECONDS, seed, folder / name, progress_within_s=10, **options)
        found = asyncio.run(Campaign(control).run()).by_rule
        if not rules & set(found):
            _say(f"The control was not noticed: {name} only this was found: {sorted(found)}")
            return 1
        _say(f"{name[0].upper()}{name[1:]} {len(found)} rules are broken, as they must be: {'; '.join(sorted(found))}")
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
