"""Browsers of other origins: nothing unless the settings name them, and never with cookies."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from functions.shared.config import Settings
from functions.shared.web import create_app, lambda_handler
from functions.state.app import router as state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.functions.conftest import Organisation

PAGE = "https://app.example"
ASKS = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


def client(*origins: str, database: AsyncpgDatabase | None = None) -> httpx.AsyncClient:
    app = create_app("tests", state)
    app.state.settings = Settings(_env_file=None, cors_origins=origins)  # type: ignore[call-arg]
    app.state.database = database
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://plane")


def cors(answer: httpx.Response) -> list[str]:
    return sorted(name for name in answer.headers if name.startswith("access-control"))


async def test_a_preflight_is_answered_without_a_key() -> None:
    async with client(PAGE) as browser:
        answer = await browser.options("/api/state", headers=ASKS)

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    sendable = set(answer.headers["access-control-allow-headers"].split(", "))
    assert {"Authorization", "Idempotency-Key", "AgentPlane-Agent"} <= sendable
    assert {"Content-Digest", "Signature", "Signature-Input"} <= sendable
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origins", [(), ("https://other.example",)])
async def test_other_origins_get_nothing(origins: tuple[str, ...]) -> None:
    async with client(*origins) as browser:
        asked = await browser.options("/api/state", headers=ASKS)
        sent = await browser.get("/api/state", headers={"Origin": PAGE})

    assert cors(asked) == cors(sent) == []
    assert sent.status_code == 401


async def test_an_allowed_page_reads_answers_and_their_headers_also_of_errors(
    database: AsyncpgDatabase, org: Organisation
) -> None:
    headers = {"Origin": PAGE, "Authorization": f"Bearer {org.agent}"}
    async with client(PAGE, database=database) as browser:
        read = await browser.get("/api/state?component=c", headers=headers)
        missing = await browser.get("/api/state?component=c&key=k", headers=headers)
        anonymous = await browser.get("/api/state?component=c", headers={"Origin": PAGE})

    assert [each.status_code for each in (read, missing, anonymous)] == [200, 404, 401]
    for answer in (read, missing, anonymous):
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "RateLimit" in answer.headers["access-control-expose-headers"]
        assert answer.headers["vary"] == "Origin"


async def test_every_origin_may_be_allowed() -> None:
    async with client("*") as browser:
        answer = await browser.options("/api/state", headers=ASKS)

    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


# The same behind API Gateway, which hands preflights on: the stage has no CORS of its own.


@contextmanager
def gateway(*origins: str) -> Iterator[Callable[..., dict[str, Any]]]:
    app = create_app("tests", state)
    app.state.settings = Settings(_env_file=None, cors_origins=origins)  # type: ignore[call-arg]
    handler = lambda_handler(app)

    def call(method: str, **headers: str) -> dict[str, Any]:
        return handler(
            {
                "version": "2.0",
                "rawPath": "/api/state",
                "rawQueryString": "",
                "headers": {"host": "api.example.com"} | {each.replace("_", "-"): headers[each] for each in headers},
                "requestContext": {"http": {"method": method, "path": "/api/state", "sourceIp": "192.0.2.1"}},
                "isBase64Encoded": False,
            },
            None,
        )

    yield call
    handler.close()


def test_a_preflight_through_a_gateway_event_is_answered_without_a_key_or_a_database() -> None:
    with gateway(PAGE) as call:
        asks = {"origin": PAGE, "access_control_request_method": "POST"}
        for _ in range(2):  # cold, warm
            answer = call("OPTIONS", **asks, access_control_request_headers="signature,signature-input,authorization")
            assert answer["statusCode"] == 204
            assert not answer["body"]
            headers = answer["headers"]
            assert headers["access-control-allow-origin"] == PAGE
            assert {"POST", "PUT", "DELETE"} <= set(headers["access-control-allow-methods"].split(", "))
            assert "Signature-Input" in headers["access-control-allow-headers"]
            assert headers["access-control-max-age"] == "600"
            assert headers["vary"] == "Origin"
        strange = call("OPTIONS", **asks | {"origin": "https://evil.example"})
        assert not [name for name in strange["headers"] if name.startswith("access-control")]
        assert call("OPTIONS")["headers"]["allow"].startswith("DELETE, GET")


@pytest.mark.parametrize(("origins", "allowed"), [((PAGE,), PAGE), (("*",), "*"), ((), None)])
def test_no_gateway_answer_lets_cookies_of_another_origin_in(origins: tuple[str, ...], allowed: str | None) -> None:
    with gateway(*origins) as call:
        sent = call("GET", origin=PAGE, cookie="session=somebody")
        assert sent["statusCode"] == 401  # who is signed in to the pages is nobody here
        assert sent["headers"].get("access-control-allow-origin") == allowed
        asked = call("OPTIONS", origin=PAGE, access_control_request_method="GET", cookie="session=somebody")
        for answer in (sent, asked):
            assert "access-control-allow-credentials" not in answer["headers"]


def test_the_null_origin_and_likenesses_of_an_allowed_one_are_others() -> None:
    with gateway(PAGE) as call:
        for origin in ("null", PAGE + ".evil.example", PAGE.upper(), "http://app.example", PAGE + "/"):
            answer = call("GET", origin=origin)
            assert "access-control-allow-origin" not in answer["headers"], origin
