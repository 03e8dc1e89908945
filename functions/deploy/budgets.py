"""What a package may weigh and cost: `budgets.toml`, read and compared."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functions.deploy.measure import Start
    from functions.deploy.packages import Package

_FILE = Path(__file__).with_name("budgets.toml")
MEGA = 1_000_000
DIRECT_UPLOAD = 50 * 2**20
UNZIPPED = 250 * 2**20


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one function's package may be. Sizes in millions of bytes; `ratio` to the calibration imports."""

    zip_mb: float
    unzipped_mb: float
    modules: int
    ratio: float
    forbidden: frozenset[str]


@cache
def budgets() -> dict[str, Budget]:
    """Give the budget of every function. Raises ValueError for a line that is not one."""
    groups: dict[str, Any] = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    found: dict[str, Budget] = {}
    for group in groups.values():
        for name, row in group["functions"].items():
            forbidden = frozenset[str](group["forbidden"]) - set(row.get("but", ()))
            try:
                found[name] = Budget(row["zip_mb"], row["unzipped_mb"], row["modules"], row["ratio"], forbidden)
            except KeyError as error:
                raise ValueError(f"{_FILE.name}: {name} has no {error}") from error
    return found


def broken_by_size(package: Package) -> Iterator[str]:
    """Say which limits of size a package breaks: its budget's, and Lambda's."""
    budget = budgets()[package.name]
    for what, size, most in (
        ("zip", package.zip_bytes, budget.zip_mb),
        ("unzipped", package.unzipped_bytes, budget.unzipped_mb),
    ):
        if size > most * MEGA:
            yield f"{package.name}: {what} {size / MEGA:.1f} MB of {most:g} MB"
    if package.zip_bytes > DIRECT_UPLOAD:
        yield f"{package.name}: zip {package.zip_bytes:,} bytes; a direct upload takes {DIRECT_UPLOAD:,}"
    if package.unzipped_bytes > UNZIPPED:
        yield f"{package.name}: unzipped {package.unzipped_bytes:,} bytes; Lambda takes {UNZIPPED:,}"


def broken_by_start(name: str, start: Start) -> Iterator[str]:
    """Say which limits a start breaks that are the same on every machine: modules, and which of them."""
    budget = budgets()[name]
    if len(start.modules) > budget.modules:
        yield f"{name}: {len(start.modules)} modules at import of {budget.modules}"
    if loaded := start.loaded(budget.forbidden):
        yield f"{name}: loads {', '.join(loaded)} at import"


def broken_by_time(name: str, start: Start) -> Iterator[str]:
    """Say whether the import takes longer, as a multiple of the calibration, than it may."""
    most = budgets()[name].ratio
    if start.ratio > most:
        yield f"{name}: the import takes {start.ratio:.1f} times the calibration; {most:g} are allowed"
