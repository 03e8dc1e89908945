"""Webhooks over HTTP: who may, what is refused, what is shown."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from tests.functions.outside import APP

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.functions.conftest import Organisation
    from tests.functions.outside import Outside, Receiver


async def test_the_secret_is_shown_once_and_kept_sealed(outside: Outside, receiver: Receiver) -> None:
    made = await outside.webhook(receiver.url, "execution.*", description="ours")
    shown = await outside.get(f"/api/webhooks/{made['id']}")

    assert len(base64.b64decode(made["secret"].removeprefix("whsec_"))) == 32
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert made["created_by"]["kind"] == "operator_key"
    kept = await outside.org.connection.fetchval(
        "select to_jsonb(w)::text from plane.webhooks w where id = $1", made["id"]
    )
    assert made["secret"] not in kept
    assert made["secret"].removeprefix("whsec_") not in kept


async def test_a_repeated_key_makes_one_webhook_and_shows_no_secret(outside: Outside, receiver: Receiver) -> None:
    body = {"url": receiver.url, "events": ["*"]}
    first, again = [
        (await outside.operator.post("/api/webhooks", json=body, headers={"Idempotency-Key": "once"})).json()
        for _ in range(2)
    ]

    assert again == {**first, "secret": None}
    assert len((await outside.get("/api/webhooks"))["data"]) == 1


async def test_an_agent_may_look_but_not_change(outside: Outside, receiver: Receiver) -> None:
    made = await outside.webhook(receiver.url)

    assert (await outside.agent.get("/api/webhooks")).status_code == 200
    for method, path in (
        ("POST", "/api/webhooks"),
        ("PATCH", f"/api/webhooks/{made['id']}"),
        ("POST", f"/api/webhooks/{made['id']}/test"),
        ("DELETE", f"/api/webhooks/{made['id']}"),
    ):
        body = {"url": receiver.url, "events": ["*"]} if method in {"POST", "PATCH"} and "test" not in path else None
        answer = await outside.agent.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope"), path


async def test_another_organisation_s_webhook_is_not_there(
    outside: Outside,
    receiver: Receiver,
    new_org: Callable[[], Awaitable[Organisation]],
    client_of: Callable[..., Awaitable[httpx.AsyncClient]],
) -> None:
    made = await outside.webhook(receiver.url)
    sent = await outside.post(f"/api/webhooks/{made['id']}/test", status=202)
    stranger = await client_of(APP, (await new_org()).operator)
    for method, path in (
        ("GET", f"/api/webhooks/{made['id']}"),
        ("PATCH", f"/api/webhooks/{made['id']}"),
        ("DELETE", f"/api/webhooks/{made['id']}"),
        ("POST", f"/api/webhooks/{made['id']}/rotate"),
        ("POST", f"/api/webhooks/{made['id']}/test"),
        ("GET", f"/api/webhooks/deliveries/{sent['id']}"),
        ("POST", f"/api/webhooks/deliveries/{sent['id']}/replay"),
    ):
        answer = await stranger.request(method, path, json={} if method == "PATCH" else None)
        assert answer.status_code == 404, path
    assert (await stranger.get("/api/webhooks/deliveries")).json()["data"] == []


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://127.0.0.2/", "address_refused"),
        ("https://169.254.169.254/latest/meta-data", "address_refused"),
        ("https://[::1]/", "address_refused"),
        ("https://2130706434/", "address_refused"),
        ("https://10.1.2.3/", "address_refused"),
        ("https://localhost/", "address_refused"),
        ("http://93.184.216.34/", "not_https"),
        ("ftp://example.com/", "invalid_url"),
        ("https://user:password@example.com/", "invalid_url"),
        ("https://does-not-exist.invalid/", "dns_failed"),
    ],
)
async def test_an_address_that_is_not_on_the_internet_is_refused(outside: Outside, url: str, code: str) -> None:
    answer = await outside.operator.post("/api/webhooks", json={"url": url, "events": ["*"]})

    assert answer.status_code == 422, answer.text
    (problem,) = answer.json()["errors"]
    assert (problem["pointer"], problem["code"]) == ("/url", code)


async def test_a_changed_address_is_checked_too(outside: Outside, receiver: Receiver) -> None:
    made = await outside.webhook(receiver.url)
    answer = await outside.operator.patch(f"/api/webhooks/{made['id']}", json={"url": "https://192.168.1.1/"})

    assert answer.json()["errors"][0]["code"] == "address_refused"


@pytest.mark.parametrize("pattern", ["", "execution*", "execution.*.x", "a b", "*.*"])
async def test_a_pattern_that_means_nothing_is_refused(outside: Outside, receiver: Receiver, pattern: str) -> None:
    answer = await outside.operator.post("/api/webhooks", json={"url": receiver.url, "events": [pattern]})

    assert answer.status_code == 422


async def test_what_was_done_with_webhooks_is_in_the_audit_without_secrets(
    outside: Outside, receiver: Receiver
) -> None:
    made = await outside.webhook(receiver.url)
    await outside.post(f"/api/webhooks/{made['id']}/rotate", status=200)
    await outside.operator.delete(f"/api/webhooks/{made['id']}")

    entries = await outside.org.connection.fetch(
        "select action, details::text from plane.audit_entries where org_id = $1 and resource = 'webhooks' order by id",
        outside.org.id,
    )
    assert [entry["action"] for entry in entries] == ["create_webhook", "rotate_webhook", "delete_webhook"]
    assert made["secret"][10:] not in json.dumps([entry["details"] for entry in entries])
