"""What a chore is, and what it gets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from functions.shared.config import Settings
from functions.shared.db.port import Database
from functions.shared.jsonvalue import JsonObject


@dataclass(frozen=True, slots=True)
class Plane:
    """What chores work with: the database, by its kernel verbs, and the settings of the process.

    `noted`: when this process last told the database of each chore.
    """

    db: Database
    settings: Settings
    noted: dict[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do again and again: bounded, safe to repeat, and safe beside itself in another process.

    `every_s`: how long a process rests between two of them. `run` answers the doorbells to ring.
    """

    name: str
    every_s: float
    run: Callable[[Plane], Awaitable[Sequence[JsonObject]]]
