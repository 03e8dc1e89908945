"""`python -m functions.deploy.package`: build the packages, and show what they weigh and cost at a start."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from functions.deploy.budgets import MEGA, broken_by_size, broken_by_start, broken_by_time
from functions.deploy.measure import Start, measured
from functions.deploy.needs import function_names
from functions.deploy.packages import OUT, Package, build

_HEAD = f"{'function':<12} {'zip MB':>7} {'unzipped MB':>12} {'modules':>8} {'import ms':>10} {'ratio':>6}  budget"


def main() -> int:
    """Print one line a function. Exit 1 when a budget is broken, 2 when nothing could be built."""
    options = _options()
    began = time.monotonic()
    try:
        packages = build(options.names, out=options.out, arch=options.arch, cache=options.cache)
    except (LookupError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    _say(f"{len(packages)} packages for {options.arch} in {time.monotonic() - began:.1f} s: {_below(options.out)}/")
    broken = list(_table(packages, measure=options.measure))
    for line in broken:
        sys.stderr.write(f"over budget: {line}\n")
    return 1 if broken else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m functions.deploy.package", description=__doc__)
    parser.add_argument("names", nargs="*", help="functions; all of them without a name")
    parser.add_argument("--out", type=Path, default=OUT, help="where the zips go (.build/packages)")
    parser.add_argument("--cache", type=Path, default=OUT.parent, help="what was installed and compressed (.build)")
    parser.add_argument("--arch", choices=("x86_64", "arm64"), default="x86_64")
    parser.add_argument("--no-measure", dest="measure", action="store_false", help="do not start the packages")
    options = parser.parse_args()
    if unknown := sorted({*options.names} - {*function_names()}):
        parser.error(f"there is no function {', '.join(unknown)}; there are {', '.join(function_names())}")
    if options.arch == "arm64":
        options.measure = False  # this machine cannot start them
    return options


def _table(packages: dict[str, Package], *, measure: bool) -> list[str]:
    """Print the table; give what is over budget."""
    _say(_HEAD if measure else f"{_HEAD[:33]}  budget")
    broken: list[str] = []
    with tempfile.TemporaryDirectory(prefix="agentplane-") as scratch:
        for package in packages.values():
            found = [*broken_by_size(package)]
            start = measured(package, Path(scratch)) if measure else None
            if start is not None:
                found += [*broken_by_start(package.name, start), *broken_by_time(package.name, start)]
            broken += found
            _say(_line(package, start) + ("  over" if found else "  ok"))
    return broken


def _line(package: Package, start: Start | None) -> str:
    line = f"{package.name:<12} {package.zip_bytes / MEGA:>7.1f} {package.unzipped_bytes / MEGA:>12.1f}"
    if start is None:
        return line
    return f"{line} {len(start.modules):>8} {start.import_ms:>10.0f} {start.ratio:>6.1f}"


def _below(folder: Path) -> str:
    return str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
