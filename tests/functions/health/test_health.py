"""Health over HTTP."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest

from functions.health import looking
from functions.health.app import app
from functions.health.looking import LATE_CHORES_S, Sight, look, require_current
from functions.health.status import status_page
from functions.shared.chores import Chore, Plane, run_chores
from functions.shared.config import Settings, settings
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.db.health import ChoreRun, PlaneHealth
from functions.shared.db.schema_version import SCHEMA_VERSION, schema_version_of
from functions.shared.dispatch.doorbell import SilentDoorbell
from functions.shared.errors import Unavailable
from functions.shared.web.html import render
from tests.functions.conftest import app_state

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg

    from functions.shared.jsonvalue import JsonObject
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
        "version": "0.1.0",
        "queue": {"ready": 0, "running": 0, "waiting": 0, "oldest_due_seconds": None},
        "violations": {},
        "plane_overdue": 0,
        "plane_oldest_due_seconds": None,
        "chores": [],
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


async def test_ready_tells_the_schema_and_refuses_an_older_one(
    client_of: ClientOf, org: Organisation, database: AsyncpgDatabase, superuser: asyncpg.Connection
) -> None:
    client = await client_of(app)
    assert (await client.get("/api/health/ready")).json()["schema_version"] == SCHEMA_VERSION

    undo = superuser.transaction()
    await undo.start()
    told = await superuser.fetchval("select api.ping()")
    await undo.rollback()
    assert schema_version_of(told) == SCHEMA_VERSION
    assert schema_version_of("ok") == 1
    with pytest.raises(Unavailable) as refused:
        require_current(1)
    assert refused.value.code == "database_outdated"


async def test_the_engine_s_health_tells_when_each_chore_was_done_and_how_often_it_failed(
    client_of: ClientOf, org: Organisation, database: AsyncpgDatabase, superuser: asyncpg.Connection
) -> None:
    async def work(_plane: Plane) -> list[JsonObject]:
        return []

    async def fail(_plane: Plane) -> list[JsonObject]:
        raise Unavailable("no")

    plane = Plane(database, Settings(_env_file=None))
    for _ in range(2):
        await run_chores(plane, (Chore("works", 1.0, work), Chore("fails", 1.0, fail)), SilentDoorbell())
    looking._kept.clear()
    seen = (await (await client_of(app, org.agent)).get("/api/health/engine")).json()
    await superuser.execute("delete from gateway.chore_runs")

    chores = {chore["name"]: chore for chore in seen["chores"]}
    assert (chores["works"]["failures"], chores["fails"]["failures"]) == (0, 2)
    assert 0 <= chores["works"]["ran_seconds_ago"] < 60


async def test_a_hundred_looks_at_the_engine_ask_the_database_once(database: AsyncpgDatabase) -> None:
    looking._kept.clear()
    first = await look(database)
    assert all([await look(database) is first for _ in range(100)])


async def test_the_page_of_status_needs_no_key_and_names_no_organisation(
    client_of: ClientOf, org: Organisation
) -> None:
    client = await client_of(app)
    page = await client.get("/status")

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert '<meta http-equiv="refresh" content="30">' in page.text
    assert "script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for secret in (org.id, "postgres", "0.1.0", "asyncpg"):
        assert secret not in page.text
    style = re.search(r'href="(/assets/[^"]+)"', page.text)
    assert style
    assert (await client.get(style[1])).status_code == 200


async def test_the_page_of_status_is_there_when_the_database_is_not() -> None:
    async def connect_to_nothing() -> AsyncpgDatabase:
        return await AsyncpgDatabase.connect("postgresql://nobody@127.0.0.1:1/none")

    with app_state(app, open_database=connect_to_nothing, database=None):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://plane") as client:
            page = await client.get("/status")

    assert page.status_code == 200
    assert "Something does not work" in page.text
    assert "127.0.0.1" not in page.text


AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
CHORE = ChoreRun("agents", 5, 3, 0)


@pytest.mark.parametrize(
    ("sight", "summary", "states"),
    [
        (Sight(1.0, 2, None, PlaneHealth(0, None, (CHORE,), {}, "18")), "Everything works", ["works"] * 5),
        (
            Sight(900.0, 2, None, PlaneHealth(3, 4000, (CHORE,), {"rule": 1}, "18")),
            "There are delays",
            ["works", "slow", "slow", "works", "slow"],
        ),
        (
            Sight(1.0, 2, None, PlaneHealth(0, 100, (ChoreRun("agents", LATE_CHORES_S + 1, 3, 0),), {}, "18")),
            "Something does not work",
            ["works", "works", "works", "down", "works"],
        ),
        (
            Sight(1.0, 2, None, None),
            "Everything that is watched works",
            ["works", "works", "unknown", "unknown", "unknown"],
        ),
        (
            Sight(None, None, Unavailable("secret address"), None),
            "Something does not work",
            ["works", "down", "down", "down", "down"],
        ),
    ],
)
def test_the_page_says_how_each_part_is(sight: Sight, summary: str, states: list[str]) -> None:
    page = status_page(sight, AT)

    assert (page.summary, [part.state for part in page.parts]) == (summary, states)
    assert "secret address" not in render(page).body.decode()
