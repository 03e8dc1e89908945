"""`python -m bench`: prints the tables that bench/README.md explains."""

from __future__ import annotations

import asyncio
import os
import platform

from bench import checkpoints, imports


def main() -> None:
    """Measure everything and print it."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| function | import ms | x calibration | modules | heavy |\n|---|---|---|---|---|")
    for row in imports.run():
        heavy = ", ".join(row["heavy"]) or "none"
        print(f"| {row['function']} | {row['ms']:.0f} | {row['ratio']:.1f} | {row['modules']} | {heavy} |")
    print("\n| concurrency | bare inserts/s | steps/s | steps / floor |\n|---|---|---|---|")
    for row in asyncio.run(checkpoints.run()):
        print(f"| {row['concurrency']} | {row['floor']:.0f} | {row['steps']:.0f} | {row['ratio']:.0%} |")


if __name__ == "__main__":
    main()
