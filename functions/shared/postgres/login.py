"""A login of the functions' own for the direct path: with the rights of `authenticator`, whose password Supabase keeps.

AGENTPLANE_LOGIN_PASSWORD=… python -m functions.shared.postgres.login NAME --db-url URL
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
from typing import TYPE_CHECKING

from functions.shared.postgres.connection import CONNECT_ERRORS, PostgresError, connected
from functions.shared.postgres.urls import without_password

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.postgres.connection import Connection

GROUP = "plane_functions"
# The direct path has no function-level timeouts, so they stand on the role that logs in; as 00_roles.sql says them.
TIMEOUTS = (("statement_timeout", "8s"), ("lock_timeout", "2s"), ("idle_in_transaction_session_timeout", "5s"))


async def ensure_login(connection: Connection, name: str, password: str) -> None:
    """Make the role, or give an existing one this password. Raises PostgresError, ValueError for what is no name."""
    login = checked_name(name)
    quoted = await connection.fetchval("select quote_literal($1::text)", password)
    async with connection.transaction():
        if not await connection.fetchval("select exists (select from pg_catalog.pg_roles where rolname = $1)", login):
            await connection.execute(f"create role {login} login inherit")
        await connection.execute(f"alter role {login} password {quoted}")
        await connection.execute(f"grant {GROUP} to {login}")
        for setting, value in TIMEOUTS:
            await connection.execute(f"alter role {login} set {setting} = '{value}'")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; give its exit code: 0 done, 1 refused, 3 cannot connect."""
    parser = argparse.ArgumentParser(prog="python -m functions.shared.postgres.login")
    parser.add_argument("name", type=checked_name, help="the role, such as agentplane_functions")
    parser.add_argument("--db-url", default=os.environ.get("AGENTPLANE_DB_URL"), help="the owner's address")
    given = parser.parse_args(arguments)
    password = os.environ.get("AGENTPLANE_LOGIN_PASSWORD")
    if not given.db_url or not password:
        parser.error("give --db-url, or set AGENTPLANE_DB_URL; and set AGENTPLANE_LOGIN_PASSWORD")
    return asyncio.run(_ensure(given.db_url, given.name, password))


async def _ensure(url: str, name: str, password: str) -> int:
    try:
        async with connected(url) as connection:
            try:
                await ensure_login(connection, name, password)
            except PostgresError as error:
                print(f"{name} was not made: {error}", file=sys.stderr)  # noqa: T201  a command line
                return 1
    except CONNECT_ERRORS as error:
        print(f"cannot connect to {without_password(url)}: {error}", file=sys.stderr)  # noqa: T201
        return 3
    print(f"{name} may log in, with the rights of {GROUP}")  # noqa: T201
    return 0


def checked_name(text: str) -> str:
    """Give the name back. Raises ValueError when it is not one that may be written into a statement."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", text) or text.startswith(("pg_", "plane_")):
        raise ValueError(f"{text!r} is not a name: small letters, digits and _, not pg_… or plane_…")
    return text


if __name__ == "__main__":
    sys.exit(main())
