"""Opens the database and the issuer's keys that the settings name, once a process, when the first request needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.errors import Unavailable

if TYPE_CHECKING:
    from fastapi import FastAPI

    from functions.shared.auth.tokens import TokenVerifier
    from functions.shared.config import Settings
    from functions.shared.db.port import Database


async def open_database(settings: Settings) -> Database:
    """Connect by asyncpg when there is a database address, else by PostgREST. Raises Unavailable."""
    runner_key = settings.runner_key.get_secret_value() if settings.runner_key else None
    if settings.database_url is not None:
        from functions.shared.db.asyncpg_adapter import AsyncpgDatabase  # noqa: PLC0415  only what is used is loaded

        return await AsyncpgDatabase.connect(settings.database_url.get_secret_value(), runner_key=runner_key)
    if settings.supabase_url and settings.supabase_publishable_key:
        from functions.shared.db.postgrest_adapter import PostgrestDatabase  # noqa: PLC0415

        return PostgrestDatabase.connect(
            settings.supabase_url, settings.supabase_publishable_key, runner_key=runner_key
        )
    raise Unavailable(
        "No database is configured.",
        code="database_not_configured",
        hint="Set AGENTPLANE_DATABASE_URL, or AGENTPLANE_SUPABASE_URL and AGENTPLANE_SUPABASE_PUBLISHABLE_KEY.",
    )


async def database_of(app: FastAPI) -> Database:
    """Give the app's database; the first caller opens it. On Lambda it outlives the event."""
    if app.state.database is None:
        async with app.state.database_lock:
            if app.state.database is None:
                app.state.database = await app.state.open_database()
    database: Database = app.state.database
    return database


def open_tokens(settings: Settings) -> TokenVerifier | None:
    """Give what verifies people's access tokens, or None where the settings name no issuer."""
    from functions.shared.auth.tokens import TokenVerifier  # noqa: PLC0415

    return TokenVerifier.from_settings(settings)


def tokens_of(app: FastAPI) -> TokenVerifier | None:
    """Give the app's verifier of access tokens; the first token makes it."""
    if app.state.tokens is None:
        app.state.tokens = app.state.open_tokens()
    tokens: TokenVerifier | None = app.state.tokens
    return tokens


async def close_database(app: FastAPI) -> None:
    """Close what was opened here."""
    database, app.state.database = app.state.database, None
    if database is not None:
        await database.close()
