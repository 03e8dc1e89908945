"""The HTTP API before the functions: routes, events and answers as API Gateway has them."""

from __future__ import annotations

import ast
import base64
import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from functions.deploy.manifest import load
from functions.local_lambda.gateway_event import HttpRequest, NotAnAnswer, event_of, plain_path, response_of
from functions.local_lambda.route_table import Found, Route, RouteTable

if TYPE_CHECKING:
    from tests.local_lambda.running import Lambda

MANIFEST = load(environment={})
TABLE = RouteTable(
    [Route(method, path, name) for name, function in MANIFEST.functions.items() for method, path in function.routes]
)
HERE = Path(__file__).parent
LEFT_OUT = 13


@pytest.mark.parametrize(
    ("path", "function"),
    [
        ("/api/executions", "executions"),
        ("/api/executions/1/steps", "executions"),
        ("/api/health", "health"),
        ("/status", "health"),
        ("/api/links/x", "escalations"),
        ("/links/x", "pages"),
        ("/inbox", "pages"),
        ("/", "discovery"),
        ("/api", "discovery"),
        ("/api/executions/", "discovery"),
        ("/api/nothing", "discovery"),
    ],
)
def test_the_most_specific_route_answers(path: str, function: str):
    found = TABLE.find("GET", path)

    assert found is not None
    assert found.route.function == function


def test_a_name_goes_before_a_variable_and_a_method_before_any():
    table = RouteTable(
        [
            Route("ANY", "/a/{id}", "any"),
            Route("GET", "/a/{id}", "get"),
            Route("ANY", "/a/me", "me"),
            Route("ANY", "/{p+}", "rest"),
        ]
    )

    assert [
        table.find(*asked).route.function
        for asked in (("GET", "/a/1"), ("PUT", "/a/1"), ("GET", "/a/me"), ("GET", "/b/c"))
    ] == [*("get", "any", "me", "rest")]
    assert table.find("GET", "/a/1").parameters == {"id": "1"}
    assert table.find("GET", "/") is None


def test_an_event_is_what_format_2_of_the_gateway_says():
    request = HttpRequest(
        method="POST",
        path="/api/state/a%20b/k%3Fx",
        query="a=1&a=2&b=%C3%A4",
        headers=[
            ("Host", "plane"),
            ("X-A", "1"),
            ("X-A", "2"),
            ("Cookie", "a=1; b=2"),
            ("Content-Type", "application/json"),
        ],
        body="{'ä'}".encode(),
        address="127.0.0.1",
    )
    event = event_of(request, Found(Route("ANY", "/api/state/{proxy+}", "state"), {"proxy": "a b/k"}), "Root=1-a-b")

    assert (event["version"], event["routeKey"]) == ("2.0", "ANY /api/state/{proxy+}")
    assert (event["rawPath"], event["rawQueryString"]) == ("/api/state/a b/k", "a=1&a=2&b=%C3%A4")
    assert event["queryStringParameters"] == {"a": "1,2", "b": "ä"}
    assert event["cookies"] == ["a=1", "b=2"]
    assert event["headers"]["x-a"] == "1,2"
    assert "cookie" not in event["headers"]
    assert (event["body"], event["isBase64Encoded"]) == ("{'ä'}", False)
    assert event["requestContext"]["http"] == {
        "method": "POST",
        "path": "/api/state/a b/k",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "",
    }
    assert plain_path("") == "/"


def test_what_is_not_text_travels_as_base64():
    request = HttpRequest("POST", "/", "", [("content-type", "application/x-www-form-urlencoded")], b"a=1", "127.0.0.1")
    event = event_of(request, Found(Route("ANY", "$default", "discovery"), {}), "")

    assert (event["body"], event["isBase64Encoded"], event["routeKey"]) == (
        base64.b64encode(b"a=1").decode(),
        True,
        "$default",
    )


def test_an_answer_becomes_a_response_with_its_cookies():
    answer = {
        "statusCode": 201,
        "headers": {"X-A": "1", "Content-Length": "9"},
        "cookies": ["a=1", "b=2"],
        "body": "eA==",
        "isBase64Encoded": True,
    }
    response = response_of(json.dumps(answer).encode())

    assert (response.status, response.body) == (201, b"x")
    assert response.headers == [("x-a", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]
    assert response_of(b'{"a": 1}').status == 200
    with pytest.raises(NotAnAnswer):
        response_of(b'{"statusCode": "many"}')


@pytest.mark.parametrize(
    ("headers", "body", "status", "message"),
    [
        ({}, b"x" * (10 * 1024 * 1024 + 1), 413, "Request Entity Too Large"),
        ({}, b"x" * (6 * 1024 * 1024), 413, "Request Entity Too Large"),
        ({"X-Long": "x" * 10_240}, b"", 431, "Request Header Fields Too Large"),
    ],
)
async def test_the_gateway_s_own_limits_are_answered_by_itself(
    lambda_: Lambda, headers: dict[str, str], body: bytes, status: int, message: str
):
    async with httpx.AsyncClient(base_url=lambda_.local.url, trust_env=False) as client:
        answer = await client.post("/api/agents", content=body, headers={"content-type": "application/json", **headers})

    assert (answer.status_code, answer.json()) == (status, {"message": message})


async def test_what_is_shown_of_an_invocation_holds_no_token_of_a_link_or_a_hook(lambda_: Lambda):
    token = "x" * 32
    async with httpx.AsyncClient(base_url=lambda_.local.url, trust_env=False) as client:
        for path in (f"/api/hooks/hk_{token}", f"/api/links/{token}"):
            await client.post(path, json={})

    shown = [one.report() for one in lambda_.local.ledger.of("hooks", "escalations")]
    assert [line for line in shown if "[redacted]" in line] == shown[-2:]
    assert token not in "".join(shown)


def test_few_tests_of_the_foundation_cannot_pass_and_each_is_there():
    left_out = 0
    for name, reasons in tomllib.loads((HERE / "foundation.toml").read_text()).items():
        module = ast.parse((HERE.parent / "functions" / name).read_text())
        tests = {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert reasons.keys() <= tests, reasons.keys() - tests
        assert all(reasons.values())
        left_out += len(reasons)
    assert left_out == LEFT_OUT
