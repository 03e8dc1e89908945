"""What is sent: read strictly, and every problem named at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from functions.state.app import app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.functions.conftest import Organisation

URL = "/api/state"


@pytest.fixture
async def agent(client_of: Callable[..., Awaitable[httpx.AsyncClient]], org: Organisation) -> httpx.AsyncClient:
    return await client_of(app, org.agent)


def body_with(value: str) -> bytes:
    return b'{"component": "c", "key": "k", "value": ' + value.encode() + b"}"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"component": "c",\n "key": }', "line 2, column 9"),
        (b'{"component": "c"', "line 1, column 18"),
        (b"component=c&key=k", "line 1, column 1"),
        (b'{"a": 1,}', "line 1, column"),
        (b"{\"a\": 'b'}", "line 1, column 7"),
    ],
)
async def test_malformed_json_is_answered_with_its_place(agent: httpx.AsyncClient, body: bytes, place: str) -> None:
    refused = await agent.post(URL, content=body)

    assert (refused.status_code, refused.json()["code"]) == (422, "malformed_json")
    assert place in refused.json()["detail"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\xff\xfe", "malformed_json"),
        (body_with("NaN"), "malformed_json"),
        (body_with("-Infinity"), "malformed_json"),
        (body_with('{"a": 1, "a": 2}'), "malformed_json"),
        (body_with("1" * 5000), "malformed_json"),
        (body_with("[" * 5000 + "]" * 5000), "malformed_json"),
        (body_with("[" * 100_000), "malformed_json"),
        (body_with("[" * 150 + "]" * 150), "invalid_input"),
        (body_with("1e999"), "invalid_input"),
        (body_with('"a\\u0000b"'), "invalid_input"),
        (body_with('{"x\\u0000": 1}'), "invalid_input"),
        (body_with('["\\ud800"]'), "invalid_input"),
        (b"null", "invalid_input"),
        (b"[]", "invalid_input"),
        (b'"text"', "invalid_input"),
        (b"", "invalid_input"),
    ],
)
async def test_what_postgres_could_not_store_is_refused_at_the_edge(
    agent: httpx.AsyncClient, body: bytes, code: str
) -> None:
    refused = await agent.post(URL, content=body)

    assert (refused.status_code, refused.json()["code"]) == (422, code), refused.text


async def test_the_place_of_a_bad_value_is_a_json_pointer(agent: httpx.AsyncClient) -> None:
    refused = await agent.post(URL, content=body_with('{"a/b": [0, {"~": "\\u0000"}]}'))

    assert refused.json()["errors"][0]["pointer"] == "/value/a~1b/1/~0"


@pytest.mark.parametrize("query", ["component=%00", "component=c&key=a%00b", "component=c&prefix=%00"])
async def test_nul_in_a_parameter_is_refused(agent: httpx.AsyncClient, query: str) -> None:
    refused = await agent.get(f"{URL}?{query}")

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["code"] == "not_storable"


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "Application/JSON"])
async def test_json_is_json_whatever_its_content_type_says(agent: httpx.AsyncClient, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}

    written = await agent.post(URL, content=body_with("1"), headers=headers)

    assert written.status_code == 201


async def test_all_problems_of_a_request_come_in_one_answer(agent: httpx.AsyncClient) -> None:
    body = {"componet": "c", "key": "", "expires_in_seconds": -1, "if_version": "two", "agent_id": "me"}

    refused = await agent.post(f"{URL}?dry_run=1", json=body)

    found = {error["pointer"]: error["code"] for error in refused.json()["errors"]}
    assert found == {
        "/query/dry_run": "unknown_parameter",
        "/component": "missing",
        "/componet": "unknown_field",
        "/key": "too_short",
        "/value": "missing",
        "/expires_in_seconds": "out_of_range",
        "/if_version": "wrong_type",
        "/agent_id": "wrong_type",
    }


async def test_nothing_runs_when_only_a_parameter_is_unknown(agent: httpx.AsyncClient) -> None:
    refused = await agent.post(f"{URL}?dry_run=1", content=body_with("1"))

    assert refused.status_code == 422
    assert (await agent.get(f"{URL}?component=c&key=k")).status_code == 404


async def test_an_unknown_parameter_comes_back_with_the_right_one(agent: httpx.AsyncClient) -> None:
    error = (await agent.get(f"{URL}?component=c&limt=3")).json()["errors"][0]

    assert (error["pointer"], error["did_you_mean"]) == ("/query/limt", "limit")
    assert error["allowed"] == [
        *("as_of", "component", "cursor", "key", "limit", "prefix", "since_version", "version", "wait"),
    ]


async def test_a_body_of_one_megabyte_is_taken_and_one_byte_more_is_not(agent: httpx.AsyncClient) -> None:
    start = b'{"component": "c", "key": "k", "value": 1'
    exact = start + b" " * (1_000_000 - len(start) - 1) + b"}"

    assert (await agent.post(URL, content=exact)).status_code == 201
    refused = await agent.post(URL, content=exact + b" ")
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
    assert refused.json()["max_bytes"] == 1_000_000


@pytest.mark.parametrize(
    "body",
    [
        {"component": "c'; drop table plane.state; --", "key": "k", "value": 1},
        {"component": "c", "key": "%s %d {0} ${x}", "value": "$1"},
        {"component": "c", "key": "k" * 500, "value": 1},
        {"component": "\u202e\u0301", "key": "\U0001f9ea", "value": "\u2028"},
    ],
)
async def test_odd_texts_are_only_texts(agent: httpx.AsyncClient, body: dict[str, Any]) -> None:
    assert (await agent.post(URL, json=body)).status_code == 201

    found = await agent.get(URL, params={"component": body["component"], "key": body["key"]})
    assert found.json()["value"] == body["value"]


@pytest.mark.parametrize("if_version", [2**63, 10**30, -1, 1.5])
async def test_numbers_out_of_the_databases_range_are_refused_at_the_edge(
    agent: httpx.AsyncClient, if_version: float
) -> None:
    refused = await agent.post(URL, json={"component": "c", "key": "k", "value": 1, "if_version": if_version})

    assert refused.status_code == 422


async def test_an_error_never_shows_sql_or_a_stack(agent: httpx.AsyncClient) -> None:
    for content in (body_with('"\\u0000"'), b"{", body_with("1e999"), json.dumps({"component": 1}).encode()):
        text = (await agent.post(URL, content=content)).text
        assert "Traceback" not in text
        assert "plane." not in text
        assert "select" not in text.lower()
