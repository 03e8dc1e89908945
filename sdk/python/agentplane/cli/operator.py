"""What an operator does to a plane's database directly: organisations and the plane's own key."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
from functions.shared.auth.keys import NewKey, new_key

from agentplane.cli.output import UNREACHABLE, Failed


async def connect(db_url: str) -> asyncpg.Connection[asyncpg.Record]:
    """Connect as the owner. Ends with exit code 3 when there is no database."""
    try:
        return await asyncpg.connect(db_url, timeout=10)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        message = f"cannot connect to the database: {error}"
        raise Failed(message, hint="Check --db-url; the user must own the schemas.", exit_code=UNREACHABLE) from error


async def create_organisation(db_url: str, name: str, key: NewKey | None = None) -> dict[str, Any]:
    """Create an organisation with an operator key. Gives `{org_id, key_id, name, api_key}`."""
    key = key or new_key("operator")
    connection = await connect(db_url)
    try:
        created = await connection.fetchval(
            "select gateway.create_organisation($1, $2, $3)", name, key.key_hash, key.prefix
        )
    except asyncpg.UniqueViolationError as error:
        message = f"there is an organisation named {name!r} already"
        raise Failed(message, hint="Choose another name.") from error
    except (asyncpg.InvalidSchemaNameError, asyncpg.UndefinedFunctionError) as error:
        message = "this database holds no plane yet"
        raise Failed(message, hint="Run `agentplane dev --db-url …` once: it applies the migrations.") from error
    finally:
        await connection.close()
    answer: dict[str, Any] = json.loads(created) if isinstance(created, str) else created
    return {**answer, "name": name, "api_key": key.secret}
