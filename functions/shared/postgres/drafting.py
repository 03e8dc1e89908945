"""Writes the next migration: what turns the schema that the migrations give into the one that `sql/` gives."""

from __future__ import annotations

import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from functions.shared.postgres.catalogue import read_catalogue
from functions.shared.postgres.changes import changes_between
from functions.shared.postgres.connection import PostgresError, connected, problem_of
from functions.shared.postgres.history import MIGRATIONS, read_migrations
from functions.shared.postgres.schema import load_schema, run_script, schema_files
from functions.shared.postgres.server import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
    from pathlib import Path

    from functions.shared.postgres.catalogue import Catalogue
    from functions.shared.postgres.changes import Changes
    from functions.shared.postgres.connection import Connection

SCRATCH = "scratch"
# What says things that belong to the server, or come from outside, and may be said again: it goes first, as it stands.
SAID_AGAIN = ("00_roles.sql", "05_extensions.sql")
_VERSION = "%Y%m%d%H%M%S"


@dataclass(frozen=True, slots=True)
class Draft:
    """A new migration. `by_hand`: what is still to be written in it; until then it refuses to run."""

    path: Path
    by_hand: tuple[str, ...]


async def draft(name: str, folder: Path = MIGRATIONS, files: Sequence[Path] | None = None) -> Draft | None:
    """Write the migration `name`; None when `sql/` says nothing new.

    `files` instead of those of `sql/`. Raises SchemaProblem and MigrationProblem for what does not load.
    """
    migrations = read_migrations(folder)
    first = _said_anew(schema_files() if files is None else files, [migration.script for migration in migrations])

    async def by_migrations(url: str) -> None:
        async with connected(url) as connection:
            for migration in migrations:
                await run_script(connection, migration.script, name=f"{migration}.sql")
            for script in first:
                await run_script(connection, script, name=name)

    async def by_sql(url: str) -> None:
        await load_schema(url, files)

    with tempfile.TemporaryDirectory(prefix="agentplane-migration-") as scratch:
        async with EmbeddedPostgres(scratch, settings={"fsync": "off", "max_connections": "20"}) as server:
            old = await _catalogue_of(server, by_migrations)
            new = await _catalogue_of(server, by_sql)
            changes = changes_between(old, new)
            if not changes and not first:
                return None
            by_hand = [*changes.by_hand, *await _refused(server, by_migrations, changes)]
    path = folder / f"{_next_version([migration.version for migration in migrations])}_{name}.sql"
    path.write_text(_script(name, first, changes, by_hand))
    return Draft(path, tuple(by_hand))


def _said_anew(files: Sequence[Path], before: Sequence[str]) -> list[str]:
    """Give the scripts of SAID_AGAIN that no migration holds as they are now."""
    scripts = [path.read_text().strip() for path in files if path.name in SAID_AGAIN]
    return [script for script in scripts if not any(script in earlier for earlier in before)]


async def _catalogue_of(server: EmbeddedPostgres, load: Callable[[str], Awaitable[None]]) -> Catalogue:
    async with _scratch(server, load) as connection:
        return await read_catalogue(connection)


async def _refused(server: EmbeddedPostgres, load: Callable[[str], Awaitable[None]], changes: Changes) -> list[str]:
    """Run the statements on what the migrations give; say which ones Postgres refuses."""
    refused: list[str] = []
    async with _scratch(server, load) as connection:
        await connection.execute("set check_function_bodies = off")
        for statement in changes.statements:
            try:
                await connection.execute(statement)
            except PostgresError as error:
                refused.append(f"{statement.splitlines()[0]} is refused: {problem_of(error)[1]}")
    return refused


@asynccontextmanager
async def _scratch(server: EmbeddedPostgres, load: Callable[[str], Awaitable[None]]) -> AsyncGenerator[Connection]:
    """A database with a schema for a while. The roles go too: they belong to the whole server."""
    async with connected(server.url()) as admin:
        await admin.execute(f"create database {SCRATCH}")
        await load(server.url(SCRATCH))
        async with connected(server.url(SCRATCH)) as connection:
            yield connection
        await admin.execute(f"drop database {SCRATCH} with (force)")
        for role in await admin.fetch("select rolname from pg_roles where not rolsuper and rolname !~ '^pg_'"):
            await admin.execute(f'drop role "{role["rolname"]}"')


def _next_version(versions: Sequence[str]) -> str:
    """Give the time now, or a second after the last migration if that is later."""
    now = datetime.now(UTC).strftime(_VERSION)
    last = max(versions, default="")
    if now > last:
        return now
    return (datetime.strptime(last, _VERSION).replace(tzinfo=UTC) + timedelta(seconds=1)).strftime(_VERSION)


def _script(name: str, first: Sequence[str], changes: Changes, by_hand: Sequence[str]) -> str:
    parts = [
        f"-- Made by `make migration NAME={name}` from sql/. Read it, and run the tests.",
        *first,
        *map(_reminder, by_hand),
    ]
    statements = _paragraphs(changes.statements)
    if any("function" in statement for statement in changes.statements):
        opening = "-- Functions may name each other in any order.\nset check_function_bodies = off;"
        statements = [opening, *statements, "reset check_function_bodies;"]
    return "\n\n".join([*parts, *statements]) + "\n"


def _paragraphs(statements: Sequence[str]) -> list[str]:
    """Keep statements of one line together, and set the long ones apart."""
    paragraphs: list[str] = []
    for statement in statements:
        if paragraphs and "\n" not in statement and not paragraphs[-1].startswith("CREATE"):
            paragraphs[-1] += f"\n{statement}"
        else:
            paragraphs.append(statement)
    return paragraphs


def _reminder(what: str) -> str:
    """A statement that fails until somebody has replaced it."""
    return f"do $write_this$ begin raise exception $say$Write this part by hand: {what}$say$; end $write_this$;"
