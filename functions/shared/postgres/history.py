"""The migrations of a checkout and those that a database has had, in the table that the Supabase CLI keeps too."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.shared.postgres.schema import SUPABASE
from functions.shared.postgres.statements import split_statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from functions.shared.postgres.connection import Connection

MIGRATIONS = SUPABASE / "migrations"
_FILE = re.compile(r"(?P<version>\d{14})_(?P<name>\w+)\.sql")

# As the Supabase CLI makes it, so that either may come first.
_CREATE_TABLE = """
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
alter table supabase_migrations.schema_migrations add column if not exists statements text[];
alter table supabase_migrations.schema_migrations add column if not exists name text;
"""


class MigrationProblem(RuntimeError):
    """Database and checkout do not fit together, or a migration failed; the message says which and the way out."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of `supabase/migrations`."""

    version: str
    name: str
    script: str

    @property
    def statements(self) -> list[str]:
        return [statement.text for statement in split_statements(self.script)]

    def __str__(self) -> str:
        return f"{self.version}_{self.name}"


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """Give the migrations of a folder, oldest first. Raises MigrationProblem for a wrong or a doubled name."""
    found: dict[str, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        parts = _FILE.fullmatch(path.name)
        if parts is None:
            raise MigrationProblem(f"{path.name} is not called <14 digits>_<name>.sql.")
        if other := found.get(parts["version"]):
            raise MigrationProblem(
                f"{path.name} and {other}.sql have the same version. Give the newer one a later time."
            )
        found[parts["version"]] = Migration(parts["version"], parts["name"], path.read_text())
    return list(found.values())


async def read_history(connection: Connection) -> dict[str, list[str] | None]:
    """Give the statements of each applied migration by version; None where they were not kept."""
    if await connection.fetchval("select to_regclass('supabase_migrations.schema_migrations')") is None:
        return {}
    rows = await connection.fetch("select version, statements from supabase_migrations.schema_migrations")
    return {row["version"]: row["statements"] for row in rows}


async def record(connection: Connection, migration: Migration) -> None:
    """Write a migration into the history, in the transaction that applied it."""
    await connection.execute(_CREATE_TABLE)
    await connection.execute(
        "insert into supabase_migrations.schema_migrations (version, name, statements) values ($1, $2, $3)",
        migration.version,
        migration.name,
        migration.statements,
    )


def pending_migrations(migrations: Sequence[Migration], history: Mapping[str, list[str] | None]) -> list[Migration]:
    """Give what is not applied yet. Raises MigrationProblem when the history is not a beginning of these migrations."""
    known = {migration.version for migration in migrations}
    latest_here, latest_there = max(known, default=""), max(history, default="")
    if strange := sorted(set(history) - known):
        listed = ", ".join(strange)
        if strange[-1] > latest_here:
            raise MigrationProblem(
                f"The database has migrations that this checkout does not know: {listed}. "
                "It belongs to a newer version. Update the checkout; going back is not possible."
            )
        raise MigrationProblem(
            f"The database has migrations that this checkout does not know: {listed}. Is it the right database?"
        )
    for migration in migrations:
        if migration.version in history:
            _require_unchanged(migration, history[migration.version])
        elif migration.version < latest_there:
            raise MigrationProblem(
                f"{migration} is older than {latest_there}, which the database has had already. "
                "Migrations are only ever added at the end: give it a later time."
            )
    return [migration for migration in migrations if migration.version not in history]


def _require_unchanged(migration: Migration, applied: list[str] | None) -> None:
    if applied is None:
        return
    # The CLI keeps leading comments with a statement, we do not: compare what both mean.
    if [each.text for each in split_statements(";\n".join(applied) + ";")] != migration.statements:
        raise MigrationProblem(
            f"{migration} was changed after the database had it. Restore the file, and say what is "
            "new in a migration of its own: `make migration NAME=what_it_does`."
        )
