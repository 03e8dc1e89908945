"""Loads `sql/`, the source of truth of the schema, in the order that `supabase/config.toml` names."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from functions.shared.postgres.connection import PostgresError, connected, problem_of
from functions.shared.postgres.statements import split_statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.postgres.connection import Connection

ROOT = Path(__file__).resolve().parents[3]
SUPABASE = ROOT / "supabase"
LOCK_NOT_AVAILABLE = "55P03"


class SchemaProblem(RuntimeError):
    """A file of SQL was refused; the message names file, line and reason."""

    @property
    def is_lock_timeout(self) -> bool:
        """Whether it only waited for longer than it may for a table that somebody uses."""
        return isinstance(self.__cause__, PostgresError) and problem_of(self.__cause__)[0] == LOCK_NOT_AVAILABLE


def schema_files(supabase: Path = SUPABASE) -> list[Path]:
    """Give the files of `sql/` in loading order: the globs of `[db.migrations] schema_paths`, each sorted by name."""
    config = tomllib.loads((supabase / "config.toml").read_text())
    ordered: dict[Path, None] = {}
    for pattern in config["db"]["migrations"]["schema_paths"]:
        base = (supabase / pattern).parent.resolve()
        ordered.update(dict.fromkeys(sorted(base.glob(Path(pattern).name), key=lambda path: path.name)))
    return list(ordered)


async def load_schema(url: str, files: Sequence[Path] | None = None) -> None:
    """Load all files into an empty database, in one transaction. Raises SchemaProblem with the file and line."""
    async with connected(url) as connection, connection.transaction():
        # Functions may name each other in any order; `find_broken_functions` checks them when all are there.
        await connection.execute("set local check_function_bodies = off")
        for path in schema_files() if files is None else files:
            await run_script(connection, path.read_text(), name=_shown(path))


def joined_schema() -> str:
    """Give all files of `sql/` as one script, each under its name."""
    parts = [f"-- {_shown(path)}\n{path.read_text().strip()}\n" for path in schema_files()]
    return "\n".join(
        [
            "-- Functions may name each other in any order.\nset check_function_bodies = off;\n",
            *parts,
            "reset check_function_bodies;\n",
        ]
    )


async def find_broken_functions(connection: Connection) -> dict[str, str]:
    """Check the body of every function of the plane; give the reason by the function's name."""
    found = await connection.fetch(
        "select oid::regprocedure::text as name, pg_get_functiondef(oid) as definition from pg_proc"
        " where pronamespace in ('api'::regnamespace, 'gateway'::regnamespace, 'plane'::regnamespace) and prokind = 'f'"
    )
    broken: dict[str, str] = {}
    for function in found:
        await connection.execute("begin")
        try:
            await connection.execute(function["definition"])
        except PostgresError as error:
            broken[function["name"]] = problem_of(error)[1]
        finally:
            await connection.execute("rollback")
    return broken


async def run_script(connection: Connection, script: str, *, name: str) -> None:
    """Run every statement of a script; `name` is shown in the error."""
    await connection.execute("reset search_path")
    for statement in split_statements(script):
        try:
            await connection.execute(statement.text)
        except PostgresError as error:
            raise SchemaProblem(_describe(error, name, statement.line, statement.text)) from error


def _describe(error: PostgresError, name: str, line: int, text: str) -> str:
    code, message, known = problem_of(error)
    if position := known.pop("position", None):
        line += text.count("\n", 0, int(position) - 1)
    more = [f"{label}: {value}" for label, value in known.items()]
    return "\n  ".join([f"{name}:{line}: {message} (SQLSTATE {code})", *more])


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
