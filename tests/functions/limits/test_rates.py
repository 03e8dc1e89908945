"""Limits on requests: leased by each process, right over all of them, told in every answer."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from functions.limits.app import router as limits
from functions.me.app import router as me
from functions.shared.auth.keys import new_key
from functions.shared.config import Settings
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.web import create_app
from functions.shared.web.rates import Rate
from functions.state.app import router as state

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from fastapi import FastAPI

    from tests.functions.conftest import Organisation

LISTED = "/api/state?component=c"
LEFT = re.compile(r'"(\w+)";r=(\d+);t=(\d+)')


def app_with(database: AsyncpgDatabase | None, **settings: Any) -> FastAPI:
    app = create_app("tests", limits, me, state)
    app.state.settings = Settings(_env_file=None, **settings)  # type: ignore[call-arg]
    app.state.database = database
    return app


def client_of_app(app: FastAPI, secret: str, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, client=("10.1.2.3", 1)),
        base_url="http://plane",
        headers={"Authorization": f"Bearer {secret}", **headers},
    )


@pytest.fixture
async def processes(
    module_db_url: str, authenticator_url: Callable[[str], str]
) -> AsyncIterator[Callable[..., Awaitable[list[FastAPI]]]]:
    """Apps that share nothing but the database, as processes on several machines do."""
    opened: list[AsyncpgDatabase] = []

    async def start(count: int, **settings: Any) -> list[FastAPI]:
        url = authenticator_url(module_db_url)
        opened.extend([await AsyncpgDatabase.connect(url, max_connections=4) for _ in range(count)])
        return [app_with(database, **settings) for database in opened]

    yield start
    for database in opened:
        await database.close()


async def test_every_answer_says_what_is_left(database: AsyncpgDatabase, org: Organisation) -> None:
    async with client_of_app(app_with(database, rate_limit="100/60"), org.agent) as client:
        first = await client.get("/api/me")
        missing = await client.get("/api/state?component=c&key=none")
        wrong = await client.post("/api/state", json={"component": "c"})

    assert [each.status_code for each in (first, missing, wrong)] == [200, 404, 422]
    assert {each.headers["ratelimit-policy"] for each in (first, missing, wrong)} == {'"key";q=100;w=60'}
    assert [LEFT.fullmatch(each.headers["ratelimit"])[2] for each in (first, missing, wrong)] == ["99", "98", "97"]  # type: ignore[index]


async def test_who_sends_too_much_is_told_when_to_come_back(database: AsyncpgDatabase, org: Organisation) -> None:
    async with client_of_app(app_with(database, rate_limit="4/60"), org.agent) as client:
        answers = [await client.get("/api/me") for _ in range(6)]

    assert [each.status_code for each in answers] == [200] * 4 + [429] * 2
    for refused in answers[4:]:
        problem = refused.json()
        assert (problem["code"], problem["retryable"], problem["kind"]) == ("rate_limited", True, "key")
        assert 14 <= int(refused.headers["retry-after"]) <= 15
        assert refused.headers["ratelimit-policy"] == '"key";q=4;w=60'
        assert refused.headers["ratelimit"].startswith('"key";r=0;t=1')
    assert answers[3].headers["ratelimit"].startswith('"key";r=0;')


async def test_what_is_waited_for_comes_back(database: AsyncpgDatabase, org: Organisation) -> None:
    async with client_of_app(app_with(database, rate_limit="5/1"), org.agent) as client:
        before = [(await client.get("/api/me")).status_code for _ in range(7)]
        await asyncio.sleep(0.45)
        after = [(await client.get("/api/me")).status_code for _ in range(2)]

    assert before[:5] == [200] * 5
    assert 429 in before
    assert after == [200, 200]


async def test_requests_that_fail_are_not_free(database: AsyncpgDatabase, org: Organisation) -> None:
    async with client_of_app(app_with(database, rate_limit="6/600"), org.agent) as client:
        codes = [(await client.get("/api/state?component=c&key=none")).status_code for _ in range(12)]

    assert codes.count(404) <= 7  # the quota, and at most one whose lease was undone with it
    assert codes[-4:] == [429] * 4


async def test_an_agent_has_a_share_of_its_own_and_its_key_has_another(
    database: AsyncpgDatabase, org: Organisation
) -> None:
    app = app_with(database, rate_limit="100/60", agent_rate_limit="3/60")
    async with (
        client_of_app(app, org.agent, **{"AgentPlane-Agent": "busy"}) as busy,
        client_of_app(app, org.agent, **{"AgentPlane-Agent": "calm"}) as calm,
    ):
        codes = [(await busy.get(LISTED)).status_code for _ in range(4)]
        refused = await busy.get(LISTED)
        other = await calm.get(LISTED)

    assert codes == [200, 200, 200, 429]
    assert refused.json()["kind"] == "agent"
    assert other.status_code == 200
    assert refused.headers["ratelimit-policy"] == '"key";q=100;w=60, "agent";q=3;w=60'


async def test_a_limit_of_the_organisation_replaces_the_default(database: AsyncpgDatabase, org: Organisation) -> None:
    async with client_of_app(app_with(database, rate_limit="1000/60"), org.operator) as operator:
        key_id = (await operator.get("/api/me")).json()["key"]["id"]
        body = {"kind": "key", "subject": key_id, "quota": 2, "window_seconds": 60}
        listed = (await operator.put("/api/limits/rates", json=body)).json()["rates"]
    async with (
        client_of_app(app_with(database), org.operator) as limited,
        client_of_app(app_with(database), org.agent) as free,
    ):
        codes = [(await limited.get("/api/me")).status_code for _ in range(4)]
        lifted = (await free.get("/api/me")).headers["ratelimit-policy"]

    assert listed == [body | {"burst": 2}]
    assert 429 in codes[2:]
    assert lifted == '"key";q=60000;w=60'


async def test_without_a_limit_nothing_is_told_and_requests_are_counted(
    database: AsyncpgDatabase, org: Organisation
) -> None:
    async with client_of_app(app_with(database, rate_limit=""), org.agent) as client:
        answers = [await client.get("/api/me") for _ in range(5)]

    assert all("ratelimit" not in each.headers for each in answers)
    counted = await org.connection.fetchval("select sum(counted) from plane.rate_buckets where org_id = $1", org.id)
    assert counted > 0


async def test_the_rate_is_right_over_several_processes_within_the_documented_bound(
    processes: Callable[..., Awaitable[list[FastAPI]]], org: Organisation
) -> None:
    rate, count, seconds = Rate(100, 1, 40), 4, 2.0
    apps = await processes(count, rate_limit="100/1/40")
    batch = min(50, rate.quota // 20, rate.burst // 20)
    passed = 0

    async def send(client: httpx.AsyncClient, until: float) -> None:
        nonlocal passed
        while time.monotonic() < until:
            answer = await client.get("/api/me")
            passed += answer.status_code == 200
            assert answer.status_code in (200, 429)
            if answer.status_code == 429:
                await asyncio.sleep(0.005)

    clients = [client_of_app(app, org.agent) for app in apps for _ in range(3)]
    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(send(client, begun + seconds))
    took = time.monotonic() - begun
    for client in clients:
        await client.aclose()

    most = rate.burst + rate.quota * took + 2 * batch * count
    assert passed <= most
    assert passed >= 0.5 * (rate.burst + rate.quota * seconds), "who keeps to the rate gets it"


async def test_a_bucket_is_touched_once_a_lease(database: AsyncpgDatabase, org: Organisation) -> None:
    sent: list[str] = []
    app = app_with(Counting(database, sent), rate_limit="1000/1/1000")  # type: ignore[arg-type]
    async with client_of_app(app, org.agent) as client:
        for _ in range(51):
            assert (await client.get("/api/me")).status_code == 200

    assert len(sent) == 51, "no call of its own"
    assert sent.count("with lease") == 1


class Counting:
    """A database that notes which calls carry a lease."""

    def __init__(self, database: AsyncpgDatabase, sent: list[str]) -> None:
        self._database = database
        self._sent = sent

    async def call(self, fn: str, payload: Any, caller: Any, *, safe: bool = False, lease: Any = None) -> Any:
        self._sent.append("with lease" if lease else "without")
        return await self._database.call(fn, payload, caller, safe=safe, lease=lease)


async def test_unknown_keys_from_one_address_are_slowed_down_and_a_known_one_is_not(
    database: AsyncpgDatabase, org: Organisation
) -> None:
    app = app_with(database, stranger_rate_limit="5/60")
    async with client_of_app(app, org.agent) as known:
        assert (await known.get("/api/me")).status_code == 200
        codes: list[int] = []
        for _ in range(8):
            async with client_of_app(app, new_key().secret) as stranger:
                codes.append((await stranger.get("/api/me")).status_code)
        async with client_of_app(app, org.operator) as never_seen:
            refused = await never_seen.get("/api/me")
        assert (await known.get("/api/me")).status_code == 200

    assert codes == [401] * 5 + [429] * 3
    assert refused.json()["code"] == "rate_limited"
    assert "retry-after" in refused.headers


@pytest.mark.parametrize("text", ["10", "0/60", "a/b", "1/2/3/4"])
def test_a_rate_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"invalid|is no rate"):
        Rate.of(text)
