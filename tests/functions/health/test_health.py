"""Health over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from functions.health.app import app
from functions.shared.config import settings
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from tests.functions.conftest import app_state

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.functions.conftest import Organisation

    ClientOf = Callable[..., Awaitable[httpx.AsyncClient]]


async def test_live_needs_neither_key_nor_database() -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://plane") as client:
        answer = await client.get("/api/health")

    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"


async def test_ready_means_that_the_database_answers(client_of: ClientOf) -> None:
    answer = await (await client_of(app)).get("/api/health/ready")

    assert answer.status_code == 200
    assert answer.json()["database"] == "ok"
    assert answer.json()["database_ms"] > 0


async def test_every_link_of_live_can_be_followed(client_of: ClientOf, org: Organisation) -> None:
    client = await client_of(app, org.agent)

    for path in (await client.get("/api/health")).json()["links"].values():
        assert (await client.get(path)).status_code == 200


async def test_a_dead_database_is_503_with_retry_after_and_live_stays_200() -> None:
    async def connect_to_nothing() -> AsyncpgDatabase:
        return await AsyncpgDatabase.connect("postgresql://nobody@127.0.0.1:1/none")

    with app_state(app, open_database=connect_to_nothing, database=None):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://plane") as client:
            ready, live = await client.get("/api/health/ready"), await client.get("/api/health")

    assert (ready.status_code, ready.json()["code"]) == (503, "database_unavailable")
    assert int(ready.headers["retry-after"]) >= 1
    assert ready.json()["retryable"] is True
    assert live.status_code == 200


async def test_an_unconfigured_database_says_which_settings_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY"):
        monkeypatch.delenv(f"AGENTPLANE_{name}", raising=False)
    settings.cache_clear()
    with app_state(app, database=None):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://plane") as client:
            ready = await client.get("/api/health/ready")

    assert (ready.status_code, ready.json()["code"]) == (503, "database_not_configured")
    settings.cache_clear()
    assert "AGENTPLANE_DATABASE_URL" in ready.json()["hint"]


async def test_a_fresh_engine_is_sound_and_idle(client_of: ClientOf, org: Organisation) -> None:
    answer = await (await client_of(app, org.agent)).get("/api/health/engine")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "queue": {"ready": 0, "running": 0, "waiting": 0, "oldest_due_seconds": None},
        "violations": {},
    }


async def test_without_the_runners_key_the_invariants_are_unknown(
    module_db_url: str, authenticator_url: Callable[[str], str], org: Organisation
) -> None:
    database = await AsyncpgDatabase.connect(authenticator_url(module_db_url))
    headers = {"Authorization": f"Bearer {org.agent}"}
    with app_state(app, database=database):
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://plane", headers=headers
        ) as client:
            answer = await client.get("/api/health/engine")
    await database.close()

    assert (answer.status_code, answer.json()["status"], answer.json()["violations"]) == (200, "unknown", None)
