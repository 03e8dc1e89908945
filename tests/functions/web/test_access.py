"""Who gets in: every route of every function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from functions.shared.auth.keys import SCOPES, new_key
from functions.shared.web import PlaneRouter, create_app, public, requires
from tests.functions.apps import Operation, app_of, operations
from tests.functions.conftest import app_state

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.functions.conftest import Organisation

    ClientOf = Callable[..., Awaitable[httpx.AsyncClient]]

GUARDED = [operation for operation in operations() if operation.scope is not None]
SCOPED = [operation for operation in GUARDED if operation.scope]
PUBLIC = {operation.path for operation in operations() if operation.scope is None}
KEY = new_key().secret
MISTYPED = KEY[:-1] + ("0" if KEY[-1] != "0" else "1")


async def send(client: httpx.AsyncClient, operation: Operation) -> httpx.Response:
    body: Any = operation.example.get("body")
    return await client.request(operation.method, operation.example["path"], json=body)


async def refuse_to_open() -> None:
    raise AssertionError("the database was asked")


async def test_only_what_describes_the_plane_is_public() -> None:
    assert {
        *("/", "/docs", "/llms.txt", "/schemas/workflow.json", "/problems", "/problems/{code}"),
        *("/api/health", "/api/health/ready"),
        "/api/hooks/{token}",
        "/api/links/{token}",
        *("/api/sign-in", "/api/invitations/show"),
    } == PUBLIC


@pytest.mark.parametrize("operation", GUARDED, ids=str)
@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "missing_key"),
        ("Bearer", "malformed_key"),
        ("Bearer nonsense", "malformed_key"),
        ("Basic dXNlcjpwYXNz", "malformed_key"),
        (f"Bearer {MISTYPED}", "malformed_key"),
    ],
    ids=["none", "empty", "nonsense", "basic", "checksum"],
)
async def test_what_is_no_key_never_reaches_the_database(operation: Operation, header: str | None, code: str) -> None:
    app = app_of(operation.function)
    with app_state(app, database=None, open_database=refuse_to_open):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://plane") as client:
            client.headers.update({} if header is None else {"Authorization": header})
            answer = await send(client, operation)

    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["www-authenticate"].startswith('Bearer realm="agentplane"')


async def test_an_unknown_key_is_refused_by_every_route(client_of: ClientOf) -> None:
    for operation in GUARDED:
        answer = await send(await client_of(app_of(operation.function), new_key().secret), operation)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), str(operation)


async def test_the_scope_that_a_route_names_is_the_one_that_it_needs(client_of: ClientOf, org: Organisation) -> None:
    secrets = {
        scope: await org.key([each for each in SCOPES if each != scope], kind="operator")
        for scope in {operation.scope for operation in SCOPED}
    }
    for operation in SCOPED:
        answer = await send(await client_of(app_of(operation.function), secrets[operation.scope]), operation)
        assert answer.status_code == 403, f"{operation}: {answer.text}"
        assert answer.json()["code"] == "missing_scope", f"{operation}: {answer.text}"
        assert answer.json()["scope"] == operation.scope, str(operation)
        assert answer.json()["detail"] == f"This needs the scope {operation.scope}.", str(operation)
        assert f'scope="{operation.scope}"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/api/state", b"{"),
        ("/api/state", b"{}"),
        ("/api/state?nonsense=1", b'{"component": "a", "key": "b", "value": 1}'),
        ("/api/workflows", b'{"definition": "steps: ["}'),
        ("/api/workflows/validate", b'{"definition": "steps: ["}'),
        ("/api/keys", b'{"name": "x", "scopes": ["nonsense"]}'),
        ("/api/executions", b'{"workflow": "x", "callback_url": "y"}'),
    ],
)
async def test_who_may_not_call_a_route_does_not_learn_what_is_wrong(
    client_of: ClientOf, org: Organisation, path: str, content: bytes
) -> None:
    app = app_of(path.partition("?")[0].split("/")[2])
    headers = {"Idempotency-Key": "once"}
    unknown = await (await client_of(app, new_key().secret)).post(path, content=content, headers=headers)
    assert (unknown.status_code, unknown.json()["code"]) == (401, "unauthenticated")
    other = await (await client_of(app, await org.key(["audit:read"]))).post(path, content=content, headers=headers)
    assert (other.status_code, other.json()["code"]) == (403, "missing_scope")
    known = await (await client_of(app, org.operator)).post(path, content=content)
    if path != "/api/workflows/validate":
        assert known.status_code == 422


async def test_the_scope_that_a_route_names_is_enough(client_of: ClientOf, org: Organisation) -> None:
    for operation in SCOPED:
        secret = await org.key([operation.scope or ""], kind="operator")
        answer = await send(await client_of(app_of(operation.function), secret), operation)
        assert answer.status_code != 401, str(operation)
        assert answer.status_code < 500, f"{operation}: {answer.text}"
        if answer.status_code >= 400:
            assert answer.json()["code"] != "missing_scope", f"{operation}: {answer.text}"


@pytest.mark.parametrize("dependencies", [[], [requires("state:read"), public()]], ids=["none", "both"])
def test_a_route_that_forgets_its_scope_cannot_be_made(dependencies: list[Any]) -> None:
    router = PlaneRouter()

    async def endpoint() -> None:
        pass

    with pytest.raises(TypeError, match="/forgotten must name exactly one"):
        router.add_api_route("/forgotten", endpoint, dependencies=dependencies)


def test_an_app_takes_no_routes_of_another_kind() -> None:
    from fastapi import APIRouter  # noqa: PLC0415

    router = APIRouter()
    router.add_api_route("/other", refuse_to_open)

    with pytest.raises(TypeError, match="/other must be a route of a PlaneRouter"):
        create_app("test", router)
