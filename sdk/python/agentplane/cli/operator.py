"""What an operator does to a plane's database directly: organisations and the plane's own key."""

from __future__ import annotations

import json
from typing import Any

import asyncpg

from agentplane.cli.output import UNREACHABLE, Failed
from functions.shared.auth.keys import SCOPES, new_key


async def connect(db_url: str) -> asyncpg.Connection[asyncpg.Record]:
    """Connect as the owner. Ends with exit code 3 when there is no database."""
    try:
        return await asyncpg.connect(db_url, timeout=10)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        message = f"cannot connect to the database: {error}"
        raise Failed(message, hint="Check --db-url; the user must own the schemas.", exit_code=UNREACHABLE) from error


async def create_organisation(db_url: str, name: str) -> dict[str, Any]:
    """Create an organisation with an operator key. Gives `{org_id, key_id, name, api_key}`."""
    key = new_key("operator")
    connection = await connect(db_url)
    try:
        created = await create_first_organisation(connection, name, key.key_hash, key.prefix)
    finally:
        await connection.close()
    return {**created, "name": name, "api_key": key.secret}


async def create_first_organisation(
    connection: asyncpg.Connection[asyncpg.Record], name: str, key_hash: str, prefix: str
) -> dict[str, Any]:
    """Create an organisation with a given key. Gives `{org_id, key_id}`."""
    try:
        created = await connection.fetchval(
            "select gateway.create_organisation($1, $2, $3, $4)", name, key_hash, prefix, list(SCOPES)
        )
    except (asyncpg.InvalidSchemaNameError, asyncpg.UndefinedFunctionError) as error:
        message = "this database holds no plane yet"
        raise Failed(message, hint="Run `agentplane dev --db-url …` once: it applies the migrations.") from error
    except asyncpg.PostgresError as error:
        if error.sqlstate == "PT409":
            raise Failed(str(error), hint="Choose another name.") from error
        raise
    return json.loads(created)
