"""What an operator does to a plane's database directly: organisations and the plane's own key."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from agentplane.cli.output import UNREACHABLE, Failed
from functions.shared.auth.keys import SCOPES, new_key, read_peppers
from functions.shared.postgres.connection import CONNECT_ERRORS, Connection, PostgresError, connected, problem_of

__all__ = ["create_first_organisation", "create_organisation", "owner_of", "read_peppers"]

NO_PLANE = {"3F000", "42883", "42P01"}  # no such schema, function, table


@asynccontextmanager
async def owner_of(db_url: str) -> AsyncGenerator[Connection]:
    """Connect as the owner. Ends with exit code 3 when there is no database."""
    opened = connected(db_url)
    try:
        connection = await opened.__aenter__()
    except CONNECT_ERRORS as error:
        message = f"cannot connect to the database: {error}"
        raise Failed(message, hint="Check --db-url; the user must own the schemas.", exit_code=UNREACHABLE) from error
    try:
        yield connection
    finally:
        await opened.__aexit__(None, None, None)


async def create_organisation(db_url: str, name: str, peppers: Sequence[str] = ("",)) -> dict[str, Any]:
    """Create an organisation with an operator key, kept by the first pepper: `{org_id, key_id, name, api_key}`."""
    key = new_key("operator", peppers)
    async with owner_of(db_url) as connection:
        created = await create_first_organisation(connection, name, key.key_hash, key.prefix)
    return {**created, "name": name, "api_key": key.secret}


async def create_first_organisation(connection: Connection, name: str, key_hash: str, prefix: str) -> dict[str, Any]:
    """Create an organisation with a given key. Gives `{org_id, key_id}`."""
    try:
        created = await connection.fetchval(
            "select gateway.create_organisation($1, $2, $3, $4)", name, key_hash, prefix, list(SCOPES)
        )
    except PostgresError as error:
        state, text, _ = problem_of(error)
        if state in NO_PLANE:
            message = "this database holds no plane yet"
            raise Failed(message, hint="Run `agentplane dev --db-url URL` once: it applies the migrations.") from error
        if state == "PT409":
            raise Failed(text, hint="Choose another name.") from error
        raise
    return json.loads(created)
