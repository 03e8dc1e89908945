"""The http step over real sockets."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from functions.shared.steps import Context, HttpPolicy, StepFailed
from functions.shared.steps.handlers import HANDLERS

http = HANDLERS["http"]
SECRET = "s3cret/token+value"


def policy(**changes: object) -> HttpPolicy:
    return HttpPolicy(allow_private=frozenset({"127.0.0.1"}), **changes)  # type: ignore[arg-type]


async def test_a_request_is_sent_as_written_and_its_json_answer_is_parsed(
    target: object, context: Callable[..., Context]
) -> None:
    done = await http(
        {
            "method": "POST",
            "url": f"{target.url}/echo?a=1",
            "headers": {"X-Trace": "t1", "X-Count": 3},
            "query": {"b": [1, True, "x y"], "none": None},
            "json": {"amount": 5, "note": "caf\u00e9"},
        },
        context(),
    )
    assert done.output["status"] == 200
    assert done.output["body"]["method"] == "POST"
    assert done.output["headers"]["content-type"] == "application/json"
    (sent,) = target.requests
    assert sent["query"] == "a=1&b=1&b=true&b=x%20y" or sent["query"] == "a=1&b=1&b=true&b=x+y"
    assert json.loads(sent["body"]) == {"amount": 5, "note": "caf\u00e9"}
    assert sent["headers"]["content-type"] == "application/json"
    assert sent["headers"]["x-trace"] == "t1"
    assert sent["headers"]["x-count"] == "3"
    assert sent["headers"]["idempotency-key"] == "key-1"
    assert sent["headers"]["host"] == f"127.0.0.1:{target.port}"


async def test_null_is_a_json_body_and_text_is_text(target: object, context: Callable[..., Context]) -> None:
    await http({"method": "PUT", "url": f"{target.url}/echo", "json": None}, context())
    await http({"method": "PUT", "url": f"{target.url}/echo", "body": "plain"}, context())
    assert [sent["body"] for sent in target.requests] == ["null", "plain"]
    assert target.requests[1]["headers"]["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("auth", "headers", "name", "value"),
    [
        ({"bearer": "API_TOKEN"}, {}, "authorization", f"Bearer {SECRET}"),
        (
            {"basic": {"username": "ada", "password": "PASSWORD"}},
            {},
            "authorization",
            "Basic YWRhOmh1bnRlcjItaHVudGVyMg==",
        ),
        (None, {"X-Key": {"secret": "API_TOKEN", "prefix": "Token "}}, "x-key", f"Token {SECRET}"),
    ],
)
async def test_secrets_are_sent_and_never_come_back(
    auth: object, headers: dict[str, object], name: str, value: str, target: object, context: Callable[..., Context]
) -> None:
    config = {"url": f"{target.url}/echo", "headers": headers, **({"auth": auth} if auth else {})}
    done = await http(config, context())
    assert target.requests[0]["headers"][name] == value
    said = str(done.output) + str(done.details)
    assert value.split(" ")[1] not in said
    assert "[secret " in done.output["body"]["headers"][name]


async def test_a_missing_secret_is_named_before_anything_is_sent(
    target: object, context: Callable[..., Context]
) -> None:
    with pytest.raises(StepFailed) as failed:
        await http({"url": f"{target.url}/echo", "auth": {"bearer": "NOT_THERE"}}, context())
    assert failed.value.code == "secret_missing"
    assert target.requests == []


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, False), (404, False), (408, True), (425, True), (429, True), (500, True), (503, True)],
)
async def test_a_bad_status_fails_and_says_whether_to_try_again(
    status: int, retryable: bool, target: object, context: Callable[..., Context]
) -> None:
    with pytest.raises(StepFailed) as failed:
        await http({"url": f"{target.url}/status/{status}?after=9", "auth": {"bearer": "API_TOKEN"}}, context())
    assert failed.value.code == "http_status"
    assert failed.value.retryable is retryable
    assert failed.value.retry_after == 9
    assert failed.value.details["status"] == status
    assert "as asked" in failed.value.details["body"]
    assert f"answered {status}" in failed.value.message
    assert SECRET not in str(failed.value)


async def test_expect_decides_which_statuses_are_good(target: object, context: Callable[..., Context]) -> None:
    done = await http({"url": f"{target.url}/status/404", "expect": {"status": [404]}}, context())
    assert done.output["status"] == 404
    with pytest.raises(StepFailed):
        await http({"url": f"{target.url}/echo", "expect": {"status": [201]}}, context())


@pytest.mark.parametrize(
    ("path", "body"),
    [("/text", "caf\u00e9"), ("/gzipped", {"packed": True}), ("/bad_json", '{"a": NaN}'), ("/cookies", "ok")],
)
async def test_a_body_is_given_as_what_it_is(
    path: str, body: object, target: object, context: Callable[..., Context]
) -> None:
    done = await http({"url": f"{target.url}{path}"}, context())
    assert done.output["body"] == body
    assert "set-cookie" not in done.output["headers"]


async def test_head_has_no_body(target: object, context: Callable[..., Context]) -> None:
    done = await http({"method": "HEAD", "url": f"{target.url}/echo"}, context())
    assert done.output["status"] == 200
    assert not done.output["body"]


@pytest.mark.parametrize("path", ["/bomb", "/endless"])
async def test_an_answer_over_the_cap_is_refused_while_it_arrives(
    path: str, target: object, context: Callable[..., Context]
) -> None:
    began = time.monotonic()
    with pytest.raises(StepFailed) as failed:
        await http({"url": f"{target.url}{path}"}, context(http=policy(max_bytes=1_000_000)))
    assert failed.value.code == "too_large"
    assert not failed.value.retryable
    assert time.monotonic() - began < 2


async def test_a_slow_answer_ends_at_the_time_limit(target: object, context: Callable[..., Context]) -> None:
    began = time.monotonic()
    with pytest.raises(StepFailed) as failed:
        await http({"url": f"{target.url}/slow"}, context(timeout_s=0.4))
    assert (failed.value.code, failed.value.retryable) == ("timed_out", True)
    assert time.monotonic() - began < 1


async def test_a_closed_port_is_worth_another_try(context: Callable[..., Context]) -> None:
    with pytest.raises(StepFailed) as failed:
        await http({"url": "http://127.0.0.1:9/"}, context())
    assert (failed.value.code, failed.value.retryable) == ("connect_failed", True)


async def test_tls_that_cannot_be_trusted_is_not_worth_another_try(
    target: object, context: Callable[..., Context]
) -> None:
    with pytest.raises(StepFailed) as failed:
        await http({"url": f"https://127.0.0.1:{target.port}/echo"}, context())
    assert (failed.value.code, failed.value.retryable) == ("tls_failed", False)


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"url": "ftp://example.com/x"}, "invalid_url"),
        ({"url": "file:///etc/passwd"}, "invalid_url"),
        ({"url": "example.com"}, "invalid_url"),
        ({"url": "http://"}, "invalid_url"),
        ({"url": "http://user:pass@example.com/"}, "invalid_url"),
        ({"url": "http://exa mple.com/"}, "invalid_url"),
        ({"url": "http://example.com:99999/"}, "invalid_url"),
        ({"url": 5}, "invalid_config"),
        ({"url": "http://example.com", "method": "BREW"}, "invalid_config"),
        ({"url": "http://example.com", "headers": {"Host": "other"}}, "invalid_config"),
        ({"url": "http://example.com", "headers": {"X": "a\r\nY: b"}}, "invalid_config"),
        ({"url": "http://example.com", "headers": {"X": ["a"]}}, "invalid_config"),
        ({"url": "http://example.com", "query": {"a": {"b": 1}}}, "invalid_config"),
        ({"url": "http://example.com", "query": "a=b ${{ x }}"}, "invalid_config"),
        ({"url": "http://example.com", "json": 1, "body": "x"}, "invalid_config"),
        ({"url": "http://example.com", "auth": {}}, "invalid_config"),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused_before_any_look_up(
    config: dict[str, object], code: str, context: Callable[..., Context]
) -> None:
    async def never(host: str, port: int) -> list[str]:
        raise AssertionError(f"{host}:{port} was looked up")

    with pytest.raises(StepFailed) as failed:
        await http(config, context(http=HttpPolicy(resolve=never)))
    assert failed.value.code == code
    assert not failed.value.retryable
