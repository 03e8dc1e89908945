"""Apps on a real database, called as a client of an organisation. Each test makes its own organisations."""

from __future__ import annotations

from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import pytest

from functions.shared.auth.keys import new_key
from functions.shared.config import Settings
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.sealing import new_master_key
from tests.organisations import create_key, create_org
from tests.people import Issuer, User, create_member

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

    from fastapi import FastAPI


SETTINGS = Settings(_env_file=None, master_key=new_master_key())  # type: ignore[call-arg]


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation with the secrets of two keys, and a way to make more."""

    id: str
    operator: str
    agent: str
    connection: asyncpg.Connection

    async def key(self, scopes: Sequence[str], kind: str = "agent") -> str:
        key = new_key()
        await create_key(self.connection, self.id, key, scopes=[*scopes], kind=kind)
        return key.secret

    async def member(self, role: str = "approver", **fields: Any) -> User:
        """Make somebody a member; `.token()` is what they send."""
        return await create_member(self.connection, self.id, role, **fields)


@pytest.fixture
async def superuser(module_db_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(module_db_url)
    yield connection
    await connection.close()


@pytest.fixture
async def database(
    module_db_url: str, authenticator_url: Callable[[str], str], runner_key: str
) -> AsyncIterator[AsyncpgDatabase]:
    """The database as the deployed functions have it."""
    database = await AsyncpgDatabase.connect(authenticator_url(module_db_url), runner_key=runner_key)
    yield database
    await database.close()


@pytest.fixture
def new_org(superuser: asyncpg.Connection) -> Callable[[], Awaitable[Organisation]]:
    async def make() -> Organisation:
        made = await create_org(superuser)
        return Organisation(made.id, made.operator_secret, made.agent_secret, superuser)

    return make


@pytest.fixture
async def org(new_org: Callable[[], Awaitable[Organisation]]) -> Organisation:
    return await new_org()


@contextmanager
def app_state(app: FastAPI, **values: object) -> Iterator[None]:
    """Gives an app another state for a while."""
    before = {name: getattr(app.state, name) for name in values}
    for name, value in values.items():
        setattr(app.state, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(app.state, name, value)


@pytest.fixture
async def client_of(
    database: AsyncpgDatabase, issuer: Issuer
) -> AsyncIterator[Callable[..., Awaitable[httpx.AsyncClient]]]:
    """Gives a client of an app: `await client_of(app, org.agent)`; without a secret it sends no key.

    A person's token is a secret too: `await client_of(app, approver.token())`. The apps trust the tests' issuer.
    """
    async with AsyncExitStack() as stack:
        tokens = issuer.verifier()

        async def connect(app: FastAPI, secret: str | None = None, **headers: str) -> httpx.AsyncClient:
            settings = app.state.settings or SETTINGS
            stack.enter_context(app_state(app, database=database, tokens=tokens, settings=settings))
            if secret:
                headers["Authorization"] = f"Bearer {secret}"
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://plane", headers=headers)
            return await stack.enter_async_context(client)

        yield connect
