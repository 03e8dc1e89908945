"""What a request promises to cost, counted: statements, and how often what was sent is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import httpx
import pytest
from pydantic import AfterValidator

from functions.executions.app import router as executions
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.web import Answer, Body, Db, PlaneRouter, create_app, requires
from functions.shared.web.endpoint import Endpoint
from functions.state.app import router as state
from functions.workflows.app import router as workflows
from tests.functions.apps import NAMES, app_of
from tests.functions.conftest import app_state

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from fastapi.routing import APIRoute

    from functions.shared.jsonvalue import Json, JsonObject
    from tests.functions.conftest import Organisation

looked_at: list[int] = []
APP = create_app("tests", executions, state, workflows)
GREET: JsonObject = {
    "name": "greet",
    "input": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    "steps": {"greet": {"tool": {"name": "json_query", "with": {"data": {}, "query": "a"}}}},
}


class CountedDatabase(AsyncpgDatabase):
    """Notes the verb of every statement that it sends."""

    def __init__(self, *known: Any) -> None:
        super().__init__(*known)
        self.sent: list[Json] = []

    async def send(self, door: str, arguments: JsonObject, *, token: str | None = None) -> Json:
        self.sent.append(arguments["fn"])
        return await super().send(door, arguments, token=token)

    def count(self) -> list[Json]:
        """Give what was sent since the last time."""
        sent, self.sent = self.sent, []
        return sent


@pytest.fixture
async def counted(module_db_url: str, authenticator_url: Callable[[str], str]) -> AsyncIterator[CountedDatabase]:
    database = await CountedDatabase.connect(authenticator_url(module_db_url))
    yield database
    await database.close()


@pytest.fixture
async def agent(counted: CountedDatabase, org: Organisation) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {org.agent}"}
    with app_state(APP, database=counted):
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(APP), base_url="http://plane", headers=headers
        ) as client:
            yield client


async def started(agent: httpx.AsyncClient, **said: Any) -> Any:
    answer = await agent.post("/api/executions", json={"workflow": "greet", "input": {"name": "Ada"}, **said})
    assert answer.status_code == 202, answer.text
    return answer.json()


async def test_a_request_for_state_is_one_statement(agent: httpx.AsyncClient, counted: CountedDatabase) -> None:
    value = {"component": "c", "key": "k", "value": 1}

    assert (await agent.post("/api/state", json=value)).status_code == 201
    assert counted.count() == ["put_state"]
    assert (await agent.get("/api/state?component=c&key=k")).status_code == 200
    assert counted.count() == ["get_state"]
    assert (await agent.post("/api/state", json=value, headers={"Idempotency-Key": "1"})).status_code == 200
    assert counted.count() == ["put_state"]


async def test_starting_the_same_workflow_again_is_one_statement(
    agent: httpx.AsyncClient, counted: CountedDatabase
) -> None:
    await agent.post("/api/workflows", json={"definition": GREET})
    counted.count()

    await started(agent)
    assert counted.count() == ["get_startable", "start_execution"]
    await started(agent)
    assert counted.count() == ["start_execution"]


async def test_a_version_that_was_stored_meanwhile_is_started(
    agent: httpx.AsyncClient, counted: CountedDatabase
) -> None:
    await agent.post("/api/workflows", json={"definition": GREET})
    await started(agent)
    await agent.post("/api/workflows", json={"definition": {**GREET, "description": "newer"}})
    counted.count()

    assert (await started(agent))["version"] == 2
    assert counted.count() == ["start_execution", "get_startable", "start_execution"]
    assert (await started(agent, version=1))["version"] == 1


async def test_an_input_that_only_a_newer_version_takes_is_started(agent: httpx.AsyncClient) -> None:
    await agent.post("/api/workflows", json={"definition": GREET})
    await started(agent)
    wider = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}
    await agent.post("/api/workflows", json={"definition": {**GREET, "input": wider}})

    assert (await started(agent, input={"age": 3}))["version"] == 2


async def test_a_repeated_key_gets_its_execution_also_when_there_is_a_newer_version(agent: httpx.AsyncClient) -> None:
    await agent.post("/api/workflows", json={"definition": GREET})
    body, key = {"workflow": "greet", "input": {"name": "Ada"}}, {"Idempotency-Key": "once"}
    first = await agent.post("/api/executions", json=body, headers=key)
    await agent.post("/api/workflows", json={"definition": {**GREET, "description": "newer"}})
    again = await agent.post("/api/executions", json=body, headers=key)

    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotency-replayed"] == "true"


async def test_what_one_organisation_started_is_not_known_to_another(
    agent: httpx.AsyncClient, new_org: Callable[..., Any]
) -> None:
    await agent.post("/api/workflows", json={"definition": GREET})
    await started(agent)
    stranger = {"Authorization": f"Bearer {(await new_org()).agent}"}

    refused = await agent.post(
        "/api/executions", json={"workflow": "greet", "input": {"name": "Ada"}}, headers=stranger
    )

    assert (refused.status_code, refused.json()["code"]) == (404, "workflow_not_found")


def look(value: int) -> int:
    looked_at.append(value)
    return value


class Thing(Body):
    """Something with a number."""

    number: Annotated[int, AfterValidator(look)]


class Seen(Answer):
    """The same number."""

    number: Annotated[int, AfterValidator(look)]


async def test_what_is_sent_and_what_is_answered_is_validated_once(org: Organisation, counted: CountedDatabase) -> None:
    router = PlaneRouter()

    @router.post("/api/things", response_model=Seen, dependencies=[requires("state:write")])
    async def make(body: Thing, db: Db) -> object:
        await db.admit("state:write")
        return {"number": body.number + 1}

    app = create_app("tests", router)
    app.state.database = counted
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://plane") as client:
        looked_at.clear()
        answer = await client.post("/api/things", json={"number": 1}, headers={"Authorization": f"Bearer {org.agent}"})

    assert answer.json() == {"number": 2}
    assert looked_at == [1, 2]


def test_only_routes_that_shape_their_answer_are_left_to_fastapi() -> None:
    routes: dict[str, APIRoute] = {
        f"{method} {route.path}": route
        for name in NAMES
        for route in app_of(name).routes
        if hasattr(route, "response_field")
        for method in route.methods
    }
    left = sorted(name for name, route in routes.items() if route.response_field and Endpoint.of(route) is None)

    assert len(routes) > 40
    assert left == ["GET /api/observe/costs"]
