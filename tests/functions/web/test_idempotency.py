"""A request with an Idempotency-Key happens once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from functions.agents.app import app as agents_app
from functions.shared.web import Db, PlaneRouter, create_app, requires
from functions.state.app import app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from functions.shared.jsonvalue import Json
    from tests.functions.conftest import Organisation

    ClientOf = Callable[..., Awaitable[httpx.AsyncClient]]

URL = "/api/state"
BODY: dict[str, Any] = {"component": "c", "key": "k", "value": {"a": 1, "b": 2}}


@pytest.fixture
async def agent(client_of: ClientOf, org: Organisation) -> httpx.AsyncClient:
    return await client_of(app, org.agent)


async def test_a_repeated_request_gets_the_first_answer_and_happens_once(agent: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": str(uuid4())}
    first = await agent.post(URL, json=BODY, headers=headers)
    again = await agent.post(URL, json=dict(reversed(BODY.items())), headers=headers)

    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert (await agent.get(f"{URL}?component=c&key=k")).json()["version"] == 1


async def test_a_key_in_quotes_is_the_same_key(agent: httpx.AsyncClient) -> None:
    await agent.post(URL, json=BODY, headers={"Idempotency-Key": '"quoted"'})
    again = await agent.post(URL, json=BODY, headers={"Idempotency-Key": "quoted"})

    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("change", [{"value": 2}, {"key": "other"}])
async def test_another_body_under_the_same_key_is_refused(agent: httpx.AsyncClient, change: dict[str, Any]) -> None:
    headers = {"Idempotency-Key": "one"}
    await agent.post(URL, json=BODY, headers=headers)

    refused = await agent.post(URL, json=BODY | change, headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_mismatch")


async def test_another_route_under_the_same_key_is_refused(
    client_of: ClientOf, agent: httpx.AsyncClient, org: Organisation
) -> None:
    headers = {"Idempotency-Key": "one"}
    await agent.post(URL, json=BODY, headers=headers)
    agents = await client_of(agents_app, org.agent)

    refused = await agents.post("/api/agents", json={"name": "a"}, headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_mismatch")


async def test_ten_requests_at_once_with_one_key_happen_once(agent: httpx.AsyncClient) -> None:
    body = {"component": "c", "key": "count", "increment": 1}
    headers = {"Idempotency-Key": "once"}

    answers = await asyncio.gather(*(agent.patch(URL, json=body, headers=headers) for _ in range(10)))

    assert {answer.json()["value"] for answer in answers} == {1}
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 9


async def test_a_failed_request_is_not_kept(agent: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "retry"}
    body = BODY | {"if_version": 1}
    assert (await agent.post(URL, json=body, headers=headers)).status_code == 409
    await agent.post(URL, json=BODY)

    assert (await agent.post(URL, json=body, headers=headers)).status_code == 200


async def test_keys_of_other_callers_never_meet(
    client_of: ClientOf, agent: httpx.AsyncClient, org: Organisation, new_org: Callable[[], Awaitable[Organisation]]
) -> None:
    headers = {"Idempotency-Key": "same"}
    await agent.post(URL, json=BODY, headers=headers)
    colleague = await client_of(app, await org.key(["state:write"]))
    stranger = await client_of(app, (await new_org()).agent)

    for client in (colleague, stranger):
        answer = await client.post(URL, json=BODY | {"value": "mine"}, headers=headers)
        assert answer.json()["value"] == "mine"
        assert "idempotency-replayed" not in answer.headers


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "tab\tinside"])
async def test_a_key_that_cannot_be_one_is_refused(agent: httpx.AsyncClient, key: str) -> None:
    refused = await agent.post(URL, json=BODY, headers={"Idempotency-Key": key})

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/header/idempotency-key"


async def test_a_key_of_255_characters_is_taken(agent: httpx.AsyncClient) -> None:
    assert (await agent.post(URL, json=BODY, headers={"Idempotency-Key": "x" * 255})).status_code == 201


async def test_a_request_that_only_computes_is_answered_once_too(client_of: ClientOf, org: Organisation) -> None:
    computed: list[int] = []

    async def compute() -> Json:
        computed.append(1)
        return {"number": len(computed)}

    router = PlaneRouter()

    @router.post("/compute", dependencies=[requires("workflows:write")])
    async def endpoint(db: Db) -> Any:
        return await db.compute("workflows:write", compute)

    compute_app = create_app("compute", router)
    client = await client_of(compute_app, org.agent)
    headers = {"Idempotency-Key": "compute"}

    first = await client.post("/compute", headers=headers)
    again = await client.post("/compute", headers=headers)
    free = await client.post("/compute")
    refused = await (await client_of(compute_app, await org.key([]))).post("/compute")
    no_answer = await (await client_of(compute_app, await org.key([]))).post("/compute", headers=headers)
    another = await (await client_of(compute_app, org.operator)).post("/compute", headers=headers)

    assert (no_answer.status_code, another.json()) == (403, {"number": 3})
    assert (first.json(), again.json(), free.json()) == ({"number": 1}, {"number": 1}, {"number": 2})
    assert again.headers["idempotency-replayed"] == "true"
    assert (refused.status_code, refused.json()["scope"]) == (403, "workflows:write")
    assert len(computed) == 3
