"""The description of every operation: complete, and true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import jsonschema
import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from jsonschema.validators import Draft202012Validator

from functions.local import create_local_app
from functions.shared.config import Settings
from tests.functions.apps import NAMES, Operation, app_of, operations

if TYPE_CHECKING:
    from collections.abc import Iterator


def answers(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    for status, response in operation.document["responses"].items():
        for content in response.get("content", {}).values():
            yield status, content


def check(operation: Operation, schema: Any, value: Any) -> None:
    components = app_of(operation.function).openapi()["components"]
    jsonschema.validate(value, {**schema, "components": components}, cls=Draft202012Validator)


@pytest.mark.parametrize("name", NAMES)
async def test_the_document_is_openapi_3_1_and_served(name: str) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app_of(name)), base_url="http://plane") as client:
        served = (await client.get("/openapi.json")).json()

    assert served["openapi"].startswith("3.1")
    assert served == app_of(name).openapi()
    if name not in ("pages", "discovery"):  # these have no operations of the API that need a key
        assert served["components"]["securitySchemes"]["ApiKey"]["scheme"] == "bearer" or name == "health"


def test_every_name_of_an_operation_is_unique() -> None:
    names = [operation.document["operationId"] for operation in operations()]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("operation", operations(), ids=str)
def test_every_operation_says_what_it_does_and_shows_an_example(operation: Operation) -> None:
    document = operation.document
    assert document.get("description"), "write a docstring"
    assert operation.example["path"].startswith(operation.path.split("{")[0])
    assert "default" in document["responses"]
    if operation.scope is not None:
        for_keys, for_people = {"ApiKey": [operation.scope] if operation.scope else []}, {"AccessToken": []}
        assert document["security"] in ([for_keys], [for_people])
        assert {"401", "403"} <= set(document["responses"])
    if operation.method == "POST" and operation.scope is not None:
        assert "Idempotency-Key" in {each["name"] for each in document["parameters"]}


@pytest.mark.parametrize("operation", operations(), ids=str)
def test_every_success_shows_an_example(operation: Operation) -> None:
    if operation.path.startswith("/api/"):
        for status, content in answers(operation):
            assert not status.startswith("2") or "example" in content, status


@pytest.mark.parametrize("operation", [each for each in operations() if each.scope is not None], ids=str)
def test_every_operation_shows_its_errors(operation: Operation) -> None:
    components = app_of(operation.function).openapi()["components"]
    for status in ("401", "403", "404", "409", "422"):
        name = operation.document["responses"][status]["$ref"].removeprefix("#/components/responses/")
        (content,) = components["responses"][name]["content"].values()
        check(operation, content["schema"], content["example"])
        assert content["example"]["status"] == int(status)


@pytest.mark.parametrize("operation", [each for each in operations() if "requestBody" in each.document], ids=str)
def test_the_example_of_a_body_fits_its_schema(operation: Operation) -> None:
    schema = operation.document["requestBody"]["content"]["application/json"]["schema"]

    check(operation, schema, operation.example.get("body", {}))


@pytest.mark.parametrize("operation", operations(), ids=str)
def test_the_example_of_an_answer_fits_its_schema(operation: Operation) -> None:
    successes = [(status, each) for status, each in answers(operation) if status.startswith("2")]
    for _status, content in successes:
        if "example" in content and content.get("schema"):
            check(operation, content["schema"], content["example"])
    if operation.path.startswith("/api/") and operation.method == "GET":
        assert any("example" in content for _, content in successes), "show an answer"


@pytest.mark.parametrize("name", NAMES)
def test_every_route_of_an_app_is_in_its_document(name: str) -> None:
    app = app_of(name)
    routes = {each.path for each in iter_route_contexts(app.routes) if isinstance(each.original_route, APIRoute)}

    assert routes == set(app.openapi()["paths"])


async def test_the_text_for_models_names_every_operation() -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app_of("state")), base_url="http://plane") as client:
        text = (await client.get("/llms.txt")).text

    assert "`POST /api/state` Store a value" in text
    assert "Scope state:write." in text
    assert "Body: component*, key*, value*, " in text
    assert "Query: component*, key, prefix, " in text
    assert 'Example: `{"component": "' in text


async def test_a_model_finds_what_an_agent_needs_first_and_reads_all_of_it() -> None:
    app = create_local_app(Settings(_env_file=None))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://plane") as client:
        text = (await client.get("/llms.txt")).text

    places = [text.index(f"- `{each}`") for each in ("GET /api/me", "POST /api/agents", "POST /api/handoffs/claim")]
    places += [text.index(f"- `{each}`") for each in ("POST /api/state", "POST /api/executions", "POST /api/webhooks")]
    assert places == sorted(places)
    assert "Body: agent_id*, lease_seconds." in text
    assert len(text) < 64_000
