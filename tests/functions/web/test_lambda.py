"""Every handler, called as Lambda calls it: with API Gateway events, again and again in one process."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.web import lambda_handler
from tests.functions.apps import NAMES, app_of, module_of, operations
from tests.functions.conftest import SETTINGS, app_state
from tests.organisations import create_org

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from functions.shared.web.app import LambdaHandler
    from tests.organisations import Org


def event(
    method: str, target: str, *, secret: str | None = None, body: Any = None, encode: bool = False
) -> dict[str, Any]:
    """An HTTP API (payload 2.0) event, as API Gateway sends it."""
    parts = urlsplit(target)
    text = None if body is None else json.dumps(body)
    headers = {"host": "api.example.com", "x-forwarded-proto": "https"}
    if secret:
        headers["authorization"] = f"Bearer {secret}"
    if text is not None:
        headers |= {"content-type": "application/json", "content-length": str(len(text.encode()))}
    if encode and text is not None:
        text = base64.b64encode(text.encode()).decode()
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": parts.path,
        "rawQueryString": parts.query,
        "headers": headers,
        "requestContext": {
            "http": {"method": method, "path": parts.path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "stage": "$default",
        },
        **({} if text is None else {"body": text}),
        "isBase64Encoded": encode,
    }


@pytest.fixture(scope="module")
def org(module_db_url: str) -> Org:
    async def make() -> Org:
        connection = await asyncpg.connect(module_db_url)
        try:
            return await create_org(connection)
        finally:
            await connection.close()

    return asyncio.run(make())


@pytest.fixture
def handler_of(
    module_db_url: str, authenticator_url: Callable[[str], str], runner_key: str
) -> Iterator[Callable[[str], LambdaHandler]]:
    """Gives a handler whose app opens the database by itself, in the handler's own loop."""
    made: list[tuple[LambdaHandler, Any]] = []

    async def connect() -> AsyncpgDatabase:
        return await AsyncpgDatabase.connect(authenticator_url(module_db_url), runner_key=runner_key)

    def make(name: str) -> LambdaHandler:
        app = app_of(name)
        state = app_state(app, open_database=connect, database=None, settings=SETTINGS)
        state.__enter__()
        made.append((lambda_handler(app), state))
        return made[-1][0]

    yield make
    for handler, state in made:
        handler.close()
        state.__exit__(None, None, None)


@pytest.mark.parametrize("name", NAMES)
def test_every_function_names_a_handler(name: str) -> None:
    assert callable(module_of(name).handler)


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_answers_cold_and_warm(name: str, handler_of: Callable[[str], LambdaHandler], org: Org) -> None:
    handler = handler_of(name)
    for operation in [each for each in operations() if each.function == name]:
        for attempt in ("cold", "warm", "warm"):
            target, body = operation.example["path"], operation.example.get("body")
            answer = handler(event(operation.method, target, secret=org.operator_secret, body=body), None)
            assert 200 <= answer["statusCode"] < 500, f"{attempt} {operation}: {answer}"
            assert answer["isBase64Encoded"] is False
            if answer["body"] and "json" in (kind := answer["headers"]["content-type"]):
                for text in answer["body"].splitlines() if "ndjson" in kind else [answer["body"]]:
                    json.loads(text)


def test_a_value_is_kept_between_events_and_a_body_may_be_base64(
    handler_of: Callable[[str], LambdaHandler], org: Org
) -> None:
    handler = handler_of("state")
    body = {"component": "λ", "key": "k 1", "value": "ünï 🧪"}

    written = handler(event("POST", "/api/state", secret=org.agent_secret, body=body, encode=True), None)
    found = handler(event("GET", "/api/state?component=%CE%BB&key=k+1", secret=org.agent_secret), None)

    assert written["statusCode"] == 201
    assert found["statusCode"] == 200
    assert json.loads(found["body"])["value"] == body["value"]
    assert found["headers"]["etag"].startswith('"1-')


def test_a_problem_is_text_not_base64(handler_of: Callable[[str], LambdaHandler]) -> None:
    handler = handler_of("agents")
    for _ in range(2):
        answer = handler(event("GET", "/api/agents"), None)
        assert answer["statusCode"] == 401
        assert answer["headers"]["content-type"] == "application/problem+json"
        assert json.loads(answer["body"])["code"] == "missing_key"


def test_one_pool_serves_all_events(handler_of: Callable[[str], LambdaHandler], org: Org) -> None:
    handler = handler_of("me")
    handler(event("GET", "/api/me", secret=org.agent_secret), None)
    first = app_of("me").state.database
    handler(event("GET", "/api/me", secret=org.agent_secret), None)

    assert app_of("me").state.database is first
