"""Opens the database and the issuer's keys that the settings name, when the first request needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.auth.keys import read_peppers
from functions.shared.errors import Unavailable

if TYPE_CHECKING:
    from fastapi import FastAPI

    from functions.shared.auth.tokens import TokenVerifier
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


def settings_of(app: FastAPI) -> Settings:
    """Give the settings that the app was made with, else the process's."""
    from functions.shared.config import settings  # noqa: PLC0415  the environment is read when it is needed

    known: Settings | None = app.state.settings
    return known or settings()


def peppers_of(app: FastAPI) -> tuple[str, ...]:
    """Give the peppers by which keys are kept, the current one first."""
    return read_peppers(settings_of(app).key_pepper.get_secret_value())


def wake_chore(app: FastAPI, name: str) -> None:
    """Let a chore of this process have its turn now; elsewhere it has it when its time comes."""
    if app.state.wake is not None:
        app.state.wake(name)


async def close_database(app: FastAPI) -> None:
    """Close what was opened here."""
    database, app.state.database = app.state.database, None
    if database is not None:
        await database.close()
