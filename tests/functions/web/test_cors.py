"""Browsers of other origins: nothing unless the settings name them, and never with cookies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from functions.shared.config import Settings
from functions.shared.web import create_app
from functions.state.app import router as state

if TYPE_CHECKING:
    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.functions.conftest import Organisation

PAGE = "https://app.example"
ASKS = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


def client(*origins: str, database: AsyncpgDatabase | None = None) -> httpx.AsyncClient:
    app = create_app("tests", state)
    app.state.settings = Settings(_env_file=None, cors_origins=origins)  # type: ignore[call-arg]
    app.state.database = database
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://plane")


def cors(answer: httpx.Response) -> list[str]:
    return sorted(name for name in answer.headers if name.startswith("access-control"))


async def test_a_preflight_is_answered_without_a_key() -> None:
    async with client(PAGE) as browser:
        answer = await browser.options("/api/state", headers=ASKS)

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert {"Authorization", "Idempotency-Key", "AgentPlane-Agent"} <= set(
        answer.headers["access-control-allow-headers"].split(", ")
    )
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origins", [(), ("https://other.example",)])
async def test_other_origins_get_nothing(origins: tuple[str, ...]) -> None:
    async with client(*origins) as browser:
        asked = await browser.options("/api/state", headers=ASKS)
        sent = await browser.get("/api/state", headers={"Origin": PAGE})

    assert cors(asked) == cors(sent) == []
    assert sent.status_code == 401


async def test_an_allowed_page_reads_answers_and_their_headers_also_of_errors(
    database: AsyncpgDatabase, org: Organisation
) -> None:
    headers = {"Origin": PAGE, "Authorization": f"Bearer {org.agent}"}
    async with client(PAGE, database=database) as browser:
        read = await browser.get("/api/state?component=c", headers=headers)
        missing = await browser.get("/api/state?component=c&key=k", headers=headers)
        anonymous = await browser.get("/api/state?component=c", headers={"Origin": PAGE})

    assert [each.status_code for each in (read, missing, anonymous)] == [200, 404, 401]
    for answer in (read, missing, anonymous):
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "RateLimit" in answer.headers["access-control-expose-headers"]
        assert answer.headers["vary"] == "Origin"


async def test_every_origin_may_be_allowed() -> None:
    async with client("*") as browser:
        answer = await browser.options("/api/state", headers=ASKS)

    assert answer.headers["access-control-allow-origin"] == "*"
