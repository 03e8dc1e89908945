"""The development sign-in alone, as an app; called by Supabase's own client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from supabase_auth import AsyncGoTrueClient

from functions.shared.config import Settings
from functions.shared.devauth import Accounts, auth_router
from functions.shared.web import create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

URL = "http://localhost:8400"


class Clock:
    """A clock that tests move."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, local_data=tmp_path, public_url=URL)


@pytest.fixture
def clock() -> Clock:
    import time  # noqa: PLC0415

    return Clock(time.time())


@pytest.fixture
def accounts(settings: Settings, clock: Clock) -> Accounts:
    return Accounts(settings, clock=clock)


@pytest.fixture
async def http(accounts: Accounts) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app("tests", auth_router(accounts))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as client:
        yield client


@pytest.fixture
def supabase(http: httpx.AsyncClient) -> AsyncGoTrueClient:
    """Supabase's own client, which does not know that this is not Supabase."""
    return AsyncGoTrueClient(
        url=f"{URL}/auth/v1", headers={"apikey": "sb_publishable_x"}, http_client=http, auto_refresh_token=False
    )
