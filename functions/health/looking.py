"""Looks at the whole plane, at most once in a few seconds however many ask, and says in words how it is."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias
from weakref import WeakKeyDictionary

from functions.shared.db import health
from functions.shared.db.schema_version import SCHEMA_VERSION
from functions.shared.errors import PlaneError, Unavailable

if TYPE_CHECKING:
    from functions.shared.db.health import PlaneHealth
    from functions.shared.db.port import Database

State: TypeAlias = Literal["works", "slow", "down", "unknown"]

KEEP_S = 10.0
SLOW_DATABASE_MS = 500.0
# The sweeper comes once a minute: work that is due may wait so long, and its chores rest so long.
LATE_WORK_S = 180
LATE_CHORES_S = 300
MANY_FAILURES = 3


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen. `error`: of the database, when it did not answer; `plane` None: this function may not look."""

    database_ms: float | None
    schema: int | None
    error: PlaneError | None
    plane: PlaneHealth | None

    @property
    def database_state(self) -> State:
        if self.error is not None:
            return "down"
        return "slow" if (self.database_ms or 0) > SLOW_DATABASE_MS else "works"

    @property
    def work_state(self) -> State:
        """Whether work begins when it is due."""
        if self.error is not None:
            return "down"
        if self.plane is None:
            return "unknown"
        return "slow" if (self.plane.oldest_due_seconds or 0) > LATE_WORK_S else "works"

    @property
    def chores_state(self) -> State:
        """Whether the plane does what it does by itself."""
        if self.error is not None:
            return "down"
        if self.plane is None or not self.plane.chores:
            return "unknown"
        newest = min(chore.ran_seconds_ago for chore in self.plane.chores)
        is_failing = any(chore.failures >= MANY_FAILURES for chore in self.plane.chores)
        return "down" if newest > LATE_CHORES_S else "slow" if is_failing else "works"

    @property
    def engine_state(self) -> State:
        if self.plane is None:
            return "down" if self.error is not None else "unknown"
        return "slow" if self.plane.violations else "works"


@dataclass(slots=True)
class _Kept:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    at: float = 0.0
    sight: Sight | None = None


_kept: WeakKeyDictionary[Database, _Kept] = WeakKeyDictionary()


async def look(database: Database) -> Sight:
    """Give what was seen in the last ten seconds, else look."""
    kept = _kept.setdefault(database, _Kept())
    async with kept.lock:
        if kept.sight is None or time.monotonic() - kept.at > KEEP_S:
            kept.sight, kept.at = await _look(database), time.monotonic()
        return kept.sight


async def ask(database: Database) -> tuple[float, int]:
    """Give how long the database took to answer, in milliseconds, and the number of its schema. Raises Unavailable."""
    started = time.perf_counter()
    try:
        schema = await database.ping()
    except PlaneError as error:
        if isinstance(error, Unavailable):
            raise
        raise Unavailable(f"The database refuses to work: {error.code}.", code="database_unavailable") from error
    return round((time.perf_counter() - started) * 1000, 3), schema


def require_current(schema: int) -> None:
    """Refuse a database whose migrations these functions are ahead of. Raises Unavailable `database_outdated`."""
    if schema < SCHEMA_VERSION:
        raise Unavailable(
            f"The database has schema {schema}; these functions need {SCHEMA_VERSION}.",
            code="database_outdated",
            hint="Apply the migrations: agentplane migrate, or supabase db push.",
        )


async def _look(database: Database) -> Sight:
    try:
        took_ms, schema = await ask(database)
        require_current(schema)
    except PlaneError as error:
        return Sight(None, None, error, None)
    try:
        plane = await health.get_plane_health(database)
    except PlaneError as error:
        return Sight(took_ms, schema, error, None)
    return Sight(took_ms, schema, None, plane)
