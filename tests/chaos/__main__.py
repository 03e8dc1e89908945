"""`make chaos SECONDS=600 SEED=…`: the long campaign."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.campaign import Campaign, Plan


def main() -> int:
    """Run it, print what was done and found; 1 when an invariant was broken."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--alive", type=int, default=24)
    parser.add_argument("--no-fence", action="store_true", help="take the fence away: must find problems")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(2**31)
    print(f"chaos for {given.seconds:.0f} s, SEED={seed}", flush=True)  # noqa: T201  a command prints
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    plan = Plan(given.seconds, seed, folder, workers=given.workers, alive=given.alive, is_fenceless=given.no_fence)
    report = asyncio.run(Campaign(plan).run())
    print(report)  # noqa: T201
    if report.problems:
        print(f"what the workers noted is in {folder}")  # noqa: T201
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
