"""Where requests may go: private addresses in every spelling, DNS that lies, redirects that lead inside."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from functions.shared.steps import Context, HttpPolicy, StepFailed
from functions.shared.steps.handlers import HANDLERS

http = HANDLERS["http"]
fetch_page = HANDLERS["tool"]
SECRET_AGENT = {"User-Agent": {"secret": "PASSWORD"}}  # harmless by its name, but not by its value


def answers(*addresses: str) -> Callable[[str, int], object]:
    """Stand in for the resolver, the one seam to the world outside."""

    async def resolve(host: str, port: int) -> list[str]:
        del host, port
        return list(addresses)

    return resolve


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://0/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://100.64.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://2852039166/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
        "http://[2002:7f00:1::]/",
        "http://[64:ff9b::7f00:1]/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://\u2460\u2461\u2466.0.0.1/",
    ],
)
async def test_addresses_inside_are_refused_in_every_spelling(url: str, context: Callable[..., Context]) -> None:
    with pytest.raises(StepFailed) as failed:
        await http({"url": url}, context(http=HttpPolicy()))
    # A spelling that cannot be read at all here is as safe: nothing is connected.
    unreadable = {
        "http://0177.0.0.1/": "invalid_url",
        "http://LOCALHOST./": "dns_failed",
        "http://\u2460\u2461\u2466.0.0.1/": "invalid_url",
    }
    assert failed.value.code in {"address_refused", unreadable.get(url)}
    assert failed.value.code != "address_refused" or "AGENTPLANE_ALLOW_PRIVATE_HOSTS" in failed.value.message


@pytest.mark.parametrize(
    "found",
    [
        ("127.0.0.1",),
        ("93.184.216.34", "127.0.0.1"),
        ("10.1.2.3", "93.184.216.34"),
        ("169.254.169.254",),
        ("::1",),
        ("::ffff:10.0.0.1",),
        ("fe80::1%eth0",),
        ("2001:db8::1",),
        ("2001:0:53aa:64c:0:fbff:ffff:ffff",),
        ("not an address",),
    ],
)
async def test_a_name_that_leads_inside_is_refused_even_beside_a_public_answer(
    found: tuple[str, ...], context: Callable[..., Context]
) -> None:
    with pytest.raises(StepFailed) as failed:
        await http({"url": "http://innocent.example/"}, context(http=HttpPolicy(resolve=answers(*found))))
    assert failed.value.code == "address_refused"
    assert not failed.value.retryable


async def test_a_name_without_an_answer_is_worth_another_try(context: Callable[..., Context]) -> None:
    with pytest.raises(StepFailed) as failed:
        await http({"url": "http://nowhere.example/"}, context(http=HttpPolicy(resolve=answers())))
    assert (failed.value.code, failed.value.retryable) == ("dns_failed", True)


async def test_a_resolver_that_fails_is_a_failed_look_up(context: Callable[..., Context]) -> None:
    async def fails(host: str, port: int) -> list[str]:
        raise socket.gaierror(f"no {host}:{port}")

    with pytest.raises(StepFailed) as failed:
        await http({"url": "http://nowhere.example/"}, context(http=HttpPolicy(resolve=fails)))
    assert failed.value.code == "dns_failed"


async def test_the_name_is_resolved_once_so_a_second_answer_changes_nothing(
    target: object, context: Callable[..., Context]
) -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        del port
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    allowed = HttpPolicy(allow_private=frozenset({f"shop.example:{target.port}"}), resolve=rebinding)
    done = await http({"url": f"http://shop.example:{target.port}/echo"}, context(http=allowed))
    assert done.output["status"] == 200
    assert asked == ["shop.example"]
    assert target.requests[0]["headers"]["host"] == f"shop.example:{target.port}"


@pytest.mark.parametrize(
    ("listed", "is_allowed"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:{port}", True),
        ("127.0.0.1:1", False),
        ("localhost", False),
        ("127.0.0.2", False),
    ],
)
async def test_only_listed_hosts_are_reached_inside(
    listed: str, is_allowed: bool, target: object, context: Callable[..., Context]
) -> None:
    allowed = HttpPolicy(allow_private=frozenset({listed.format(port=target.port)}))
    call = http({"url": f"{target.url}/echo"}, context(http=allowed))
    if is_allowed:
        assert (await call).output["status"] == 200
        return
    with pytest.raises(StepFailed) as failed:
        await call
    assert failed.value.code == "address_refused"
    assert target.requests == []


@pytest.mark.parametrize(
    "to",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost:{port}/echo",
        "http://[::1]:{port}/echo",
        "http://2130706433:{port}/echo",
        "//0x7f.1:{port}/echo",
    ],
)
async def test_a_redirect_inside_is_refused(to: str, target: object, context: Callable[..., Context]) -> None:
    allowed = HttpPolicy(allow_private=frozenset({"127.0.0.1"}))
    query = {"to": to.format(port=target.port)}
    for step, config in (
        (http, {"url": f"{target.url}/redirect", "query": query}),
        (fetch_page, {"name": "http_request", "with": {"url": f"{target.url}/redirect", "query": query}}),
    ):
        with pytest.raises(StepFailed) as failed:
            await step(config, context(http=allowed))
        assert failed.value.code == "address_refused"
    assert [sent["path"] for sent in target.requests] == ["/redirect", "/redirect"]


@pytest.mark.parametrize("to", ["file:///etc/passwd", "gopher://x/", "ftp://127.0.0.1/", "http://u:p@127.0.0.1/"])
async def test_a_redirect_to_another_protocol_is_refused(
    to: str, target: object, context: Callable[..., Context]
) -> None:
    with pytest.raises(StepFailed) as failed:
        await http({"url": f"{target.url}/redirect", "query": {"to": to}}, context())
    assert failed.value.code == "invalid_url"


async def test_redirects_end_after_five(target: object, context: Callable[..., Context]) -> None:
    with pytest.raises(StepFailed) as failed:
        await http({"url": f"{target.url}/loop"}, context())
    assert failed.value.code == "too_many_redirects"
    assert len(target.requests) == 6


async def test_a_redirect_to_the_same_origin_keeps_credentials_and_another_origin_gets_none(
    target: object, context: Callable[..., Context]
) -> None:
    config = {
        "method": "POST",
        "auth": {"bearer": "API_TOKEN"},
        "headers": {"X-Key": {"secret": "PASSWORD"}, "Cookie": "a=b", "Accept": "text/plain", **SECRET_AGENT},
        "json": {"a": 1},
    }
    await http({**config, "url": f"{target.url}/redirect?code=307&to=/echo"}, context())
    there = target.requests[-1]["headers"]
    assert there["authorization"].startswith("Bearer ")
    assert there["x-key"] == there["user-agent"] == "hunter2-hunter2"
    await http({**config, "url": f"{target.url}/redirect?code=307&to=http://localhost:{target.port}/echo"}, context())
    other = target.requests[-1]
    assert not {"authorization", "x-key", "cookie"} & set(other["headers"])
    assert other["headers"]["user-agent"].startswith("AgentPlane/")
    assert other["headers"]["accept"] == "text/plain"
    assert other["headers"]["idempotency-key"] == "key-1"
    assert (other["method"], other["body"]) == ("POST", '{"a":1}')


@pytest.mark.parametrize(
    ("code", "sent", "followed"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (302, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
    ],
)
async def test_redirects_change_the_method_as_browsers_do(
    code: int, sent: str, followed: str, target: object, context: Callable[..., Context]
) -> None:
    body = {} if sent == "HEAD" else {"json": {"a": 1}}
    await http({"method": sent, "url": f"{target.url}/redirect?code={code}&to=/echo", **body}, context())
    last = target.requests[-1]
    assert last["method"] == followed
    assert bool(last["body"]) is (followed in ("POST", "PUT"))
