"""`python -m bench [w1 w2 …] [--quick]`: measures, prints tables, keeps the results; bench/README.md explains them.

`python -m bench cost`: what workflows cost on AWS; docs/deploy.md explains it.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import imports
from bench.harness import Bench
from bench.machine import describe, versions
from bench.systems import ALL
from bench.tables import report, write_into

HERE = Path(__file__).parent
WORKLOADS = ("w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8")
QUICK_WORKLOADS = WORKLOADS[:-1]  # HTTP takes its own time: `python -m bench w8`


def main() -> None:
    """Run what the command line names. Only a full run of everything changes the page and the kept results."""
    if sys.argv[1:2] == ["cost"]:
        _cost(sys.argv[2:])
        return
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="agentplane-bench-") as folder:
        results = asyncio.run(_run(arguments, Path(folder)))
    text = report(results)
    print(f"\n{text}")
    is_whole = not arguments.quick and set(arguments.workloads) == {*WORKLOADS, "imports"} and not arguments.systems
    if is_whole:
        write_into(HERE / "README.md", text)
    name = results["run"]["date"] if is_whole else "latest"
    path = HERE / "results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    print(f"Written to bench/results/{path.name}")


def _cost(arguments: list[str]) -> None:
    from bench.cost.__main__ import main as cost  # noqa: PLC0415  it needs the group `cloud` instead of the peers

    try:
        cost(arguments)
    except ModuleNotFoundError as error:
        sys.exit(f"{error}: run `make package`, then `.venv/bin/python -m bench cost`")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure against peers on one Postgres.")
    parser.add_argument("workloads", nargs="*", metavar="w1 … w8, imports", help="all without any")
    parser.add_argument("--quick", action="store_true", help="about two minutes, rough figures")
    parser.add_argument("--systems", nargs="+", choices=ALL, help="only these")
    arguments = parser.parse_args()
    known = {*WORKLOADS, "imports"}
    if unknown := set(arguments.workloads) - known:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    arguments.workloads = arguments.workloads or [*(QUICK_WORKLOADS if arguments.quick else (*WORKLOADS, "imports"))]
    return arguments


async def _run(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    wanted = tuple(arguments.systems or ALL)
    found: dict[str, list[dict[str, Any]]] = {}
    async with Bench(arguments.quick, wanted, folder) as bench:
        for name in arguments.workloads:
            began = time.perf_counter()
            print(f"{name} …", end=" ", flush=True)
            found[name] = await _workload(name, bench)
            print(f"{time.perf_counter() - began:.0f} s", flush=True)
        return {
            "run": {
                "date": time.strftime("%Y-%m-%d"),
                "quick": bench.is_quick,
                "repeats": bench.repeats,
                "seconds_per_repeat": bench.seconds,
            },
            "machine": describe() | {"postgres": await bench.postgres_version()},
            "versions": versions(bench.having()),
            "postgres_settings": await bench.postgres_settings(),
            "left_out": bench.left_out,
            "workloads": found,
        }


async def _workload(name: str, bench: Bench) -> list[dict[str, Any]]:
    if name == "imports":
        return await asyncio.to_thread(imports.run)
    module = importlib.import_module(f"bench.workloads.{name}")
    rows: list[dict[str, Any]] = await module.run(bench)
    return rows


if __name__ == "__main__":
    main()
