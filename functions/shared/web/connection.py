"""Opens the database and the issuer's keys that the settings name, when the first request needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.auth.keys import read_peppers
from functions.shared.db.opening import open_database
from functions.shared.dispatch.doorbell import SilentDoorbell, Waker

if TYPE_CHECKING:
    from fastapi import FastAPI

    from functions.shared.auth.tokens import TokenVerifier
    from functions.shared.config import Settings
    from functions.shared.db.port import Database
    from functions.shared.dispatch.doorbell import Doorbell

__all__ = ["open_database"]


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


def doorbell_of(app: FastAPI) -> Doorbell:
    """Give the app's doorbell: its own, else that of the settings, made by the first request. Raises Unavailable."""
    if app.state.doorbell is None:
        known = settings_of(app)
        if not known.queue_urls:
            return SilentDoorbell()
        from functions.shared.dispatch import sqs  # noqa: PLC0415  only what is used is loaded

        app.state.doorbell = sqs.doorbell_of(known)
    bell: Doorbell = app.state.doorbell
    return bell


async def wake_chore(app: FastAPI, name: str) -> None:
    """Let a chore have its turn now: one of this process, else by its queue; without either when its time comes."""
    if app.state.wake is not None:
        app.state.wake(name)
    elif isinstance(bell := doorbell_of(app), Waker):
        await bell.wake(name)


async def close_database(app: FastAPI) -> None:
    """Close what was opened here."""
    database, app.state.database = app.state.database, None
    if database is not None:
        await database.close()
