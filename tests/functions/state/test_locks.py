"""Locks: one holder, a lease, and tokens that keep a stopped holder from doing harm."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from functions.state.app import app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.functions.conftest import Organisation

KEY = {"component": "c", "key": "k"}


@pytest.fixture
async def agent(org: Organisation, client_of: Callable[..., Awaitable[httpx.AsyncClient]]) -> httpx.AsyncClient:
    return await client_of(app, org.agent)


async def lock(agent: httpx.AsyncClient, **more: Any) -> httpx.Response:
    return await agent.post("/api/state/lock", json={**KEY, **more})


async def expire(org: Organisation) -> None:
    await org.connection.execute("update plane.locks set lease_until = now() where org_id = $1", org.id)


async def test_exactly_one_of_many_gets_the_lock(agent: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(lock(agent, holder=f"h{number}") for number in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    won = next(answer.json() for answer in answers if answer.status_code == 201)
    lost = next(answer for answer in answers if answer.status_code == 409)
    assert (lost.json()["code"], lost.json()["holder"]) == ("lock_held", won["holder"])
    assert 1 <= int(lost.headers["Retry-After"]) <= 30


async def test_a_holder_renews_and_gives_back(agent: httpx.AsyncClient) -> None:
    first = (await lock(agent, lease_seconds=5)).json()
    renewed = await lock(agent, lease_seconds=60, fencing_token=first["fencing_token"])
    assert renewed.status_code == 200
    assert renewed.json()["lease_until"] > first["lease_until"]
    body = {**KEY, "fencing_token": first["fencing_token"]}
    for _ in range(2):
        assert (await agent.post("/api/state/unlock", json=body)).status_code == 200
    second = await lock(agent)
    assert second.status_code == 201
    assert second.json()["fencing_token"] > first["fencing_token"]
    assert (await agent.post("/api/state/unlock", json=body)).json()["code"] == "lock_lost"


async def test_a_stopped_holder_cannot_write_or_renew_once_another_has_the_lock(
    agent: httpx.AsyncClient, org: Organisation
) -> None:
    first = (await lock(agent)).json()["fencing_token"]
    put = {**KEY, "value": 1, "fencing_token": first}
    assert (await agent.post("/api/state", json=put)).status_code == 201
    await expire(org)
    assert (await lock(agent, fencing_token=first)).json()["code"] == "lock_lost"
    assert (await agent.post("/api/state", json=put)).status_code == 200  # nobody else has it
    second = (await lock(agent)).json()["fencing_token"]
    change = {**KEY, "increment": 1, "fencing_token": first}
    for refused in (
        await agent.post("/api/state", json=put),
        await agent.patch("/api/state", json=change),
        await agent.delete("/api/state", params={**KEY, "fencing_token": first}),
    ):
        assert (refused.status_code, refused.json()["code"]) == (409, "lock_lost")
        assert refused.json()["current_token"] == second
    assert (await agent.patch("/api/state", json={**change, "fencing_token": second})).json()["value"] == 2


async def test_who_waits_gets_it_when_it_is_free(agent: httpx.AsyncClient) -> None:
    token = (await lock(agent)).json()["fencing_token"]
    waiting = asyncio.create_task(
        agent.post("/api/state/lock", json={**KEY, "holder": "next"}, headers={"Prefer": "wait=20"})
    )
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await agent.post("/api/state/unlock", json={**KEY, "fencing_token": token})
    assert (await asyncio.wait_for(waiting, 5)).status_code == 201


async def test_another_organisation_has_locks_of_its_own(
    agent: httpx.AsyncClient,
    new_org: Callable[[], Awaitable[Organisation]],
    client_of: Callable[..., Awaitable[httpx.AsyncClient]],
) -> None:
    token = (await lock(agent)).json()["fencing_token"]
    stranger = await client_of(app, (await new_org()).agent)
    assert (await lock(stranger)).status_code == 201
    answer = await stranger.post("/api/state/unlock", json={**KEY, "fencing_token": token})
    assert answer.json()["code"] == "lock_lost"
