"""Opens the database that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.auth.keys import read_peppers
from functions.shared.errors import Unavailable

if TYPE_CHECKING:
    from functions.shared.config import Settings
    from functions.shared.db.port import Database


async def open_database(settings: Settings) -> Database:
    """Connect by asyncpg when there is a database address, else by PostgREST. Raises Unavailable."""
    runner_key = settings.runner_key.get_secret_value() if settings.runner_key else None
    peppers = read_peppers(settings.key_pepper.get_secret_value())
    if settings.database_url is not None:
        from functions.shared.db.asyncpg_adapter import AsyncpgDatabase  # noqa: PLC0415  only what is used is loaded

        return await AsyncpgDatabase.connect(
            settings.database_url.get_secret_value(),
            runner_key=runner_key,
            peppers=peppers,
            max_connections=settings.database_connections,
            pooled=settings.is_pooled,
        )
    if settings.supabase_url and settings.supabase_publishable_key:
        from functions.shared.db.postgrest_adapter import PostgrestDatabase  # noqa: PLC0415

        return PostgrestDatabase.connect(
            settings.supabase_url, settings.supabase_publishable_key, runner_key=runner_key, peppers=peppers
        )
    raise Unavailable(
        "No database is configured.",
        code="database_not_configured",
        hint="Set AGENTPLANE_DATABASE_URL, or AGENTPLANE_SUPABASE_URL and AGENTPLANE_SUPABASE_PUBLISHABLE_KEY.",
    )
