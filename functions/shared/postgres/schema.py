"""Loads `sql/`, the source of truth of the schema, in the order that `supabase/config.toml` names."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from functions.shared.postgres.statements import split_statements

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[3]
SUPABASE = ROOT / "supabase"


class SchemaProblem(RuntimeError):
    """A file of SQL was refused; the message names file, line and reason."""


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
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            for path in schema_files() if files is None else files:
                await run_script(connection, path.read_text(), name=_shown(path))
    finally:
        await connection.close()


async def run_script(connection: asyncpg.Connection[asyncpg.Record], script: str, *, name: str) -> None:
    """Run every statement of a script; `name` is shown in the error."""
    await connection.execute("reset search_path")
    for statement in split_statements(script):
        try:
            await connection.execute(statement.text)
        except asyncpg.PostgresError as error:
            raise SchemaProblem(_describe(error, name, statement.line, statement.text)) from error


def _describe(error: asyncpg.PostgresError, name: str, line: int, text: str) -> str:
    position = getattr(error, "position", None)
    if position:
        line += text.count("\n", 0, int(position) - 1)
    more = [f"{label}: {value}" for label in ("detail", "hint", "context") if (value := getattr(error, label, None))]
    return "\n  ".join([f"{name}:{line}: {error.message} (SQLSTATE {error.sqlstate})", *more])


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
