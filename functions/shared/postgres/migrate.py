"""Applies `supabase/migrations` to a database: one at a time, each in one transaction, in the CLI's own history.

python -m functions.shared.postgres.migrate plan --db-url URL       what is pending
python -m functions.shared.postgres.migrate apply --db-url URL      apply it
python -m functions.shared.postgres.migrate new NAME                write the migration that sql/ asks for
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
from typing import TYPE_CHECKING

from functions.shared.postgres.connection import CONNECT_ERRORS, connected
from functions.shared.postgres.drafting import draft
from functions.shared.postgres.history import (
    MIGRATIONS,
    Migration,
    MigrationProblem,
    pending_migrations,
    read_history,
    read_migrations,
    record,
)
from functions.shared.postgres.schema import SchemaProblem, run_script
from functions.shared.postgres.urls import without_password

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from functions.shared.postgres.connection import Connection

__all__ = ["MigrationProblem", "apply", "main", "plan"]

LOCK_SECONDS = 2.0
LOCK_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0)
_LOCK = 7_305_804_402_613  # any number, the same in every process


async def plan(url: str, folder: Path = MIGRATIONS) -> list[Migration]:
    """Give the migrations that `apply` would apply. Raises MigrationProblem when they do not fit this database."""
    async with connected(url) as connection:
        return pending_migrations(read_migrations(folder), await read_history(connection))


async def apply(url: str, folder: Path = MIGRATIONS, *, lock_s: float = LOCK_SECONDS) -> list[Migration]:
    """Apply what is pending; give what was applied. Whoever comes at the same time waits, then finds nothing to do.

    A migration waits `lock_s` at most for a table that is in use, then makes way and tries again: a plane that works
    meanwhile is never held up for longer. Raises MigrationProblem; what was applied before the failing one stays.
    """
    async with connected(url) as connection:
        await connection.execute("set statement_timeout = 0")
        await connection.execute("select pg_advisory_lock($1)", _LOCK)  # given back when the connection closes
        pending = pending_migrations(read_migrations(folder), await read_history(connection))
        await connection.execute(f"set lock_timeout = '{round(lock_s * 1000)}ms'")
        for migration in pending:
            await _apply_one(connection, migration)
        return pending


async def _apply_one(connection: Connection, migration: Migration) -> None:
    for pause in (*LOCK_PAUSES_S, None):
        try:
            async with connection.transaction():
                await run_script(connection, migration.script, name=f"{migration}.sql")
                await record(connection, migration)
        except SchemaProblem as error:
            if not error.is_lock_timeout or pause is None:
                raise MigrationProblem(str(error)) from error
            await asyncio.sleep(pause)
        else:
            return


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; give its exit code: 0 done, 1 refused, 3 cannot connect."""
    parser = argparse.ArgumentParser(prog="python -m functions.shared.postgres.migrate")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("plan", "show what is pending"), ("apply", "apply what is pending")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--db-url", default=os.environ.get("AGENTPLANE_DB_URL"), help="the owner's address")
    commands.add_parser("new", help="write the migration that sql/ asks for").add_argument("name", type=_name)
    given = parser.parse_args(arguments)
    if given.command == "new":
        return asyncio.run(_new(given.name))
    if not given.db_url:
        parser.error("give --db-url, or set AGENTPLANE_DB_URL")
    return asyncio.run(_migrate(given.command, given.db_url))


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a name: small letters, digits and _, such as faster_checkpoints"
        )
    return text


async def _new(name: str) -> int:
    try:
        written = await draft(name)
    except (MigrationProblem, SchemaProblem) as error:
        print(error, file=sys.stderr)  # noqa: T201  a command line
        return 1
    if written is None:
        _print("nothing to do: the migrations give what sql/ says")
        return 0
    _print(f"written  {written.path.stem}")
    for part in written.by_hand:
        _print(f"by hand  {part}")
    return 1 if written.by_hand else 0


async def _migrate(command: str, url: str) -> int:
    try:
        migrations = await (plan(url) if command == "plan" else apply(url))
    except MigrationProblem as error:
        print(error, file=sys.stderr)  # noqa: T201  a command line
        return 1
    except CONNECT_ERRORS as error:
        print(f"cannot connect to {without_password(url)}: {error}", file=sys.stderr)  # noqa: T201
        return 3
    word = "pending" if command == "plan" else "applied"
    _print("\n".join(f"{word}  {migration}" for migration in migrations) or "up to date")
    return 0


def _print(text: str) -> None:
    print(text)  # noqa: T201  a command line


if __name__ == "__main__":
    sys.exit(main())
