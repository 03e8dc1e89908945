"""What every answer has: trace ids, ETags, methods, problems with a way out."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from functions.shared.errors import Conflict, FieldProblem, NextStep, RateLimited, Unavailable
from functions.shared.log import JsonFormatter, redact
from functions.shared.web import PlaneRouter, PreferWait, create_app, public
from functions.shared.web.problem_codes import PROBLEMS
from tests.functions.apps import app_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.functions.conftest import Organisation

router = PlaneRouter(prefix="/api/things")


@router.get("", dependencies=[public()])
async def get_thing(wait: PreferWait, kind: str = "a") -> dict[str, Any]:
    return {"kind": kind, "wait": wait}


@router.get("/broken", dependencies=[public()])
async def break_down() -> None:
    raise ZeroDivisionError("select secret from plane.api_keys")


@router.get("/errors/{name}", dependencies=[public()])
async def fail(name: str) -> None:
    match name:
        case "busy":
            raise Unavailable("The database is busy.", retry_after=1.2)
        case "limited":
            raise RateLimited("Too many.")
        case _:
            raise Conflict(
                "It changed.",
                code="state_version_conflict",
                hint="Read again.",
                errors=[FieldProblem("/if_version", "stale", "Is 3, not 2.", allowed=[3])],
                next=[NextStep("read it again", "GET", "/api/things")],
                extra={"current_version": 3, "status": "must not win"},
            )


kinds = PlaneRouter(prefix="/api/kinds", tags=["kinds"])


@kinds.get("", dependencies=[public()])
async def get_kind(name: str | None = None) -> dict[str, Any]:
    return {"name": name}


app = create_app("things", router, kinds)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://plane") as client:
        yield client


async def test_a_trace_id_is_taken_over_or_made(client: httpx.AsyncClient) -> None:
    given = "4bf92f3577b34da6a3ce929d0e0e4736"
    taken = await client.get("/api/things", headers={"traceparent": f"00-{given}-00f067aa0ba902b7-01"})
    made = await client.get("/api/things", headers={"traceparent": "nonsense"})
    zero = await client.get("/api/things", headers={"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01"})

    assert taken.headers["x-trace-id"] == given
    for answer in (made, zero):
        assert len(answer.headers["x-trace-id"]) == 32
        assert int(answer.headers["x-trace-id"], 16) > 0


async def test_an_unexpected_exception_is_a_500_with_its_trace_id_in_the_log(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await client.get("/api/things/broken")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.json()["trace_id"] == answer.headers["x-trace-id"]
    assert "secret" not in answer.text
    assert "ZeroDivision" not in answer.text
    assert any(record.exc_info for record in caplog.records)


async def test_a_problem_says_what_happened_and_what_to_do(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/things/errors/conflict")
    problem = answer.json()
    trace_id = problem.pop("trace_id")

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-trace-id"] == trace_id
    assert problem == {
        "type": "/problems/state_version_conflict",
        "title": "State changed since you read it",
        "status": 409,
        "detail": "It changed.",
        "instance": "/api/things/errors/conflict",
        "code": "state_version_conflict",
        "retryable": False,
        "hint": "Read again.",
        "errors": [{"pointer": "/if_version", "code": "stale", "message": "Is 3, not 2.", "allowed": [3]}],
        "next": [{"why": "read it again", "method": "GET", "path": "/api/things"}],
        "docs": "/problems/state_version_conflict",
        "current_version": 3,
    }


@pytest.mark.parametrize(("name", "status", "seconds"), [("busy", 503, "2"), ("limited", 429, "2")])
async def test_what_may_succeed_later_says_when(
    client: httpx.AsyncClient, name: str, status: int, seconds: str
) -> None:
    answer = await client.get(f"/api/things/errors/{name}")

    assert (answer.status_code, answer.headers["retry-after"]) == (status, seconds)
    assert answer.json()["retryable"] is True


async def test_an_unknown_route_points_to_the_closest_and_to_the_docs(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/thing")

    assert (answer.status_code, answer.json()["code"]) == (404, "route_not_found")
    assert answer.json()["next"][0] == {"why": "the closest route", "method": "GET", "path": "/api/things"}
    for step in answer.json()["next"]:
        assert (await client.request(step["method"], step["path"])).status_code == 200


async def test_a_name_in_the_path_points_to_the_parameter_that_takes_it(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/kinds/gr%26et")

    assert answer.status_code == 404
    assert answer.json()["next"][0] == {
        "why": "read it by its name",
        "method": "GET",
        "path": "/api/kinds?name=gr%26et",
    }


async def test_another_method_is_405_with_those_that_are_taken(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/api/things")

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_options_names_the_methods(client: httpx.AsyncClient) -> None:
    answer = await client.options("/api/things")

    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    assert (await client.options("/api/nothing")).status_code == 404


async def test_head_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    get, head = await client.get("/api/things"), await client.head("/api/things")

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]
    assert head.headers["etag"] == get.headers["etag"]


async def test_a_trailing_slash_does_not_matter(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/things/")).status_code == 200


async def test_what_the_caller_has_already_is_not_sent_again(client: httpx.AsyncClient) -> None:
    tag = (await client.get("/api/things")).headers["etag"]

    same = await client.get("/api/things", headers={"If-None-Match": f'"other", {tag}'})
    other = await client.get("/api/things?kind=b", headers={"If-None-Match": tag})

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert "content-type" not in same.headers
    assert other.status_code == 200


@pytest.mark.parametrize(
    ("prefer", "seconds", "applied"),
    [
        ("wait=20", 20, "wait=20"),
        ("respond-async, wait=3", 3, "wait=3"),
        ('WAIT = "7"; foo', 7, "wait=7"),
        ("wait=100", 25, "wait=25"),
        ("wait=0", 0, "wait=0"),
        ("wait=soon", 0, None),
        ("await=20", 0, None),
        ("", 0, None),
    ],
)
async def test_prefer_wait_is_read_and_said_to_be_applied(
    client: httpx.AsyncClient, prefer: str, seconds: float, applied: str | None
) -> None:
    answer = await client.get("/api/things", headers={"Prefer": prefer})

    assert answer.json()["wait"] == seconds
    assert answer.headers.get("preference-applied") == applied


async def test_every_problem_has_a_page_in_three_forms(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/problems")).json()["data"]
    assert {each["code"] for each in listed} == set(PROBLEMS)
    for each in listed:
        as_json = await client.get(each["path"])
        as_html = await client.get(each["path"], headers={"Accept": "text/html"})
        as_text = await client.get(each["path"], headers={"Accept": "text/markdown"})
        assert as_json.json()["fix"]
        assert as_html.headers["content-type"].startswith("text/html")
        assert as_text.text.startswith(f"# {each['title']}")


async def test_a_misspelt_problem_points_to_the_right_one(client: httpx.AsyncClient) -> None:
    answer = await client.get("/problems/missing_ky")

    assert answer.status_code == 404
    assert answer.json()["next"][0]["path"] == "/problems/missing_key"


async def test_every_link_of_the_index_can_be_followed() -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app_of("health")), base_url="http://plane") as client:
        links = (await client.get("/")).json()
        for name, path in links.items():
            if name != "name":
                assert (await client.get(path)).status_code == 200, path
        page = await client.get("/", headers={"Accept": "text/html"})
        assert page.headers["content-type"].startswith("text/html")


async def test_the_shell_puts_the_key_into_the_command_that_the_docs_page_shows(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text

    assert '-H "Authorization: Bearer $AGENTPLANE_API_KEY"' in page
    assert "'Authorization" not in page


async def test_the_docs_page_loads_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")

    assert page.status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text
    nonce = page.headers["content-security-policy"].split("script-src 'nonce-")[1].split("'")[0]
    assert f'<script nonce="{nonce}">' in page.text
    assert "{nonce}" not in page.text


def test_a_log_line_is_json_without_secrets() -> None:
    record = logging.makeLogRecord(
        {"name": "agentplane.x", "levelname": "INFO", "msg": "key %s", "args": ("ap_live_" + "a" * 43 + "_0a1b2c",)}
    )
    record.headers = "Authorization: Bearer eyJhbGciOi.abc"

    entry = json.loads(JsonFormatter().format(record))

    assert entry["message"] == "key ap_live_aaaaaa…"
    assert "eyJ" not in json.dumps(entry)
    assert redact("Bearer ap_live_" + "b" * 43) == "Bearer ap_live_bbbbbb…"


async def test_every_way_out_that_a_problem_names_can_be_followed(
    client_of: Callable[..., Awaitable[httpx.AsyncClient]], org: Organisation
) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    agents, keys = await client_of(app_of("agents"), org.operator), await client_of(app_of("keys"), org.operator)
    stranger = await client_of(app_of("agents"))
    tried = [
        (agents, await agents.get(f"/api/agents/{nobody}")),
        (agents, await agents.get("/api/agent")),
        (agents, await agents.put("/api/agents")),
        (keys, await keys.delete(f"/api/keys/{nobody}")),
        (stranger, await stranger.get("/api/agents")),
    ]
    for client, answer in tried:
        assert answer.json()["next"], answer.text
        for step in answer.json()["next"]:
            followed = await client.request(step["method"], step["path"])
            assert followed.status_code == 200, f"{answer.json()['code']}: {step}"
