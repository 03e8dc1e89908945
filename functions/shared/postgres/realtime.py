"""Whether browsers are told by Supabase Realtime that something happened: off until an operator switches it on.

python -m functions.shared.postgres.realtime on --db-url URL
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import TYPE_CHECKING, Literal

from functions.shared.postgres.connection import CONNECT_ERRORS, connected
from functions.shared.postgres.schema import SUPABASE, SchemaProblem, run_script
from functions.shared.postgres.urls import without_password

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.postgres.connection import Connection

SCRIPTS = {"on": SUPABASE / "realtime.sql", "off": SUPABASE / "realtime_off.sql"}


class RealtimeMissing(RuntimeError):
    """The database has no Realtime, or no plane; the message says which."""


async def switch(connection: Connection, to: Literal["on", "off"]) -> None:
    """Switch it, all or nothing; again is fine. Raises RealtimeMissing, and SchemaProblem for what may not be done."""
    for name, what in (("realtime.messages", "no Supabase Realtime"), ("plane.events", "no plane: migrate it first")):
        if await connection.fetchval("select to_regclass($1) is null", name):
            raise RealtimeMissing(f"This database has {what}.")
    async with connection.transaction():
        await run_script(connection, SCRIPTS[to].read_text(), name=SCRIPTS[to].name)


async def is_on(connection: Connection) -> bool:
    """Say whether events are sent."""
    return await connection.fetchval(
        "select exists (select from pg_catalog.pg_trigger"
        " where tgname = 'tell realtime' and tgrelid = to_regclass('plane.events'))"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; give its exit code: 0 done, 1 refused, 3 cannot connect."""
    parser = argparse.ArgumentParser(prog="python -m functions.shared.postgres.realtime")
    parser.add_argument("to", choices=["on", "off", "status"])
    parser.add_argument("--db-url", default=os.environ.get("AGENTPLANE_DB_URL"), help="the owner's address")
    given = parser.parse_args(arguments)
    if not given.db_url:
        parser.error("give --db-url, or set AGENTPLANE_DB_URL")
    return asyncio.run(_run(given.db_url, given.to))


async def _run(url: str, to: Literal["on", "off", "status"]) -> int:
    try:
        async with connected(url) as connection:
            if to != "status":
                await switch(connection, to)
            shown = "on" if await is_on(connection) else "off"
    except (RealtimeMissing, SchemaProblem) as error:
        print(error, file=sys.stderr)  # noqa: T201  a command line
        return 1
    except CONNECT_ERRORS as error:
        print(f"cannot connect to {without_password(url)}: {error}", file=sys.stderr)  # noqa: T201
        return 3
    print(f"realtime is {shown}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
