"""Embedded servers of the tests' own, beside the one that all tests share."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from functions.shared.postgres.account import account_for
from functions.shared.postgres.binaries import find_binaries
from functions.shared.postgres.connection import connected
from functions.shared.postgres.server import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from pathlib import Path

FAST = {"fsync": "off", "full_page_writes": "off", "log_min_messages": "fatal"}


def embedded(data: Path, version: int = 18, **settings: str) -> EmbeddedPostgres:
    return EmbeddedPostgres(data, version=version, settings=FAST | settings)


@asynccontextmanager
async def database(server: EmbeddedPostgres, name: str) -> AsyncGenerator[str]:
    """An empty database for a while."""
    async with connected(server.url()) as connection:
        await connection.execute(f"create database {name}")
        yield server.url(name)
        await connection.execute(f"drop database {name} with (force)")


async def query(url: str, question: str) -> object:
    async with connected(url) as connection:
        return await connection.fetchval(question)


async def dump(server: EmbeddedPostgres, name: str) -> str:
    """Everything in a database but its history and what differs by chance: definitions, owners, grants and rows."""
    program = find_binaries(server.version, account_for(server.cluster)) / "bin" / "pg_dump"
    process = await asyncio.create_subprocess_exec(
        *(program, "--exclude-schema=supabase_migrations", server.url(name)), stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return "\n".join(_in_one_order(printed.decode().splitlines()))


def _in_one_order(lines: list[str]) -> Iterator[str]:
    """Rows and grants stand in the order in which they were made, which says nothing."""
    for kind, found in itertools.groupby(lines, _sortable()):
        group = list(found)
        if kind != "chance":
            yield from sorted(group) if kind else group


def _sortable() -> Callable[[str], str]:
    in_rows = False

    def kind(line: str) -> str:
        nonlocal in_rows
        was_in_rows, in_rows = in_rows, (in_rows and line != "\\.") or (line.startswith("COPY ") and not in_rows)
        if was_in_rows and in_rows:
            return "row"
        if line.startswith(("\\restrict", "\\unrestrict")):
            return "chance"
        return "grant" if line.startswith(("GRANT ", "REVOKE ")) else ""

    return kind
