"""The pages as an app on a real database, beside the development sign-in, called as a browser would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from functions.pages.app import routers
from functions.shared.config import Settings
from functions.shared.web import create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from fastapi import FastAPI

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.people import Issuer

URL = "https://plane.test"


class Browser:
    """Keeps cookies and sends forms of our own pages."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=headers)

    async def post(self, path: str, fields: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        form = {"form_token": await self.form_token(), **(fields or {})}
        return await self.client.post(path, data=form, headers={"Sec-Fetch-Site": "same-origin", **headers})

    async def form_token(self) -> str:
        page = (await self.client.get("/sign-out")).text
        return page.partition('name="form_token" value="')[2].partition('"')[0]

    def keep(self, **cookies: str) -> None:
        for name, value in cookies.items():
            self.client.cookies.set(f"__Host-agentplane-{name}", value)


@pytest.fixture
def app_with(database: AsyncpgDatabase, issuer: Issuer) -> Callable[..., FastAPI]:
    """Gives the pages with these settings."""

    def make(**settings: Any) -> FastAPI:
        app = create_app("tests", *routers)
        app.state.database = database
        app.state.tokens = issuer.verifier()
        app.state.settings = Settings(_env_file=None, **{"public_url": URL, **settings})
        return app

    return make


@pytest.fixture
async def browser(app_with: Callable[..., FastAPI]) -> AsyncIterator[Browser]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app_with()), base_url=URL) as client:
        yield Browser(client)
