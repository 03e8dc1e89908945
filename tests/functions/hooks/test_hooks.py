"""Hooks over HTTP: a real sender's message is taken once, everything else is refused."""

from __future__ import annotations

import asyncio
import hmac
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import pytest

from functions.shared.auth.keys import new_key
from functions.shared.chores.triggers import handle_messages
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.errors import Forbidden
from functions.shared.webhooks.message import signed_headers
from tests.functions.outside import APP

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.functions.conftest import Organisation
    from tests.functions.outside import Outside

TARGET = {"workflow": "echo", "input": {"text": "${{ body.text }}"}}


async def post(url: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    """Send as somebody outside does: no key."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(APP), base_url="http://plane") as client:
        return await client.post(url, content=body, headers=headers)


async def send(hook: Any, message: Any = None, message_id: str = "msg_1", **more: str) -> httpx.Response:
    body = json.dumps({"text": "hello"} if message is None else message).encode()
    return await post(hook["url"], body, {**signed_headers(message_id, body, [hook["secret"]]), **more})


async def messages(outside: Outside, **query: Any) -> list[Any]:
    return (await outside.get("/api/hooks/messages", **query))["data"]


async def make(outside: Outside, **fields: Any) -> Any:
    return await outside.post("/api/hooks", {"name": "tickets", "target": TARGET, **fields})


async def test_a_signed_message_starts_the_workflow(outside: Outside) -> None:
    await outside.echo()
    hook = await make(outside)
    answer = await send(hook, authorization="Basic c2VjcmV0")

    assert answer.status_code == 202
    (message,) = await messages(outside)
    assert answer.json() == {"id": message["id"], "is_duplicate": False}
    assert message["status"] == "pending", "it is kept before it is answered, and handled after"
    await handle_messages(outside.plane)
    (message,) = await messages(outside, status="handled")
    (execution,) = await outside.executions()
    assert (message["execution_id"], execution["input"]) == (execution["id"], {"text": "hello"})
    whole = await outside.get(f"/api/hooks/messages/{message['id']}")
    assert whole["body"] == {"text": "hello"}
    assert whole["headers"]["webhook-id"] == "msg_1"
    assert {"authorization", "webhook-signature"} & set(whole["headers"]) == set()


async def test_the_secret_is_shown_once_and_kept_sealed(outside: Outside) -> None:
    hook = await make(outside)
    shown = await outside.get(f"/api/hooks/{hook['id']}")

    assert shown == {name: value for name, value in hook.items() if name != "secret"}
    assert hook["url"].startswith("http://plane/api/hooks/hk_")
    kept = await outside.org.connection.fetchval(
        "select to_jsonb(h)::text from plane.hooks h where id = $1", hook["id"]
    )
    assert hook["secret"].removeprefix("whsec_") not in kept


async def test_the_same_message_many_times_at_once_is_handled_once(outside: Outside) -> None:
    await outside.echo()
    hook = await make(outside)
    answers = await asyncio.gather(*(send(hook) for _ in range(10)))
    await asyncio.gather(*(handle_messages(outside.plane) for _ in range(4)))
    again = await send(hook)
    await handle_messages(outside.plane)

    assert {answer.status_code for answer in [*answers, again]} == {202}
    assert sum(not answer.json()["is_duplicate"] for answer in answers) == 1
    assert again.json()["is_duplicate"] is True
    assert len(await outside.executions()) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"webhook-signature": ""}, "missing_signature"),
        ({"webhook-id": "another"}, "bad_signature"),
        ({"webhook-signature": "v1,bm8="}, "bad_signature"),
        ({"webhook-timestamp": str(int((datetime.now(UTC) - timedelta(hours=1)).timestamp()))}, "old_timestamp"),
    ],
)
async def test_what_is_not_signed_now_by_its_sender_is_refused(
    outside: Outside, change: dict[str, str], code: str
) -> None:
    hook = await make(outside)
    answer = await send(hook, **change)

    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert await messages(outside) == []


async def test_an_address_that_is_none_says_nothing(outside: Outside) -> None:
    hook = await make(outside)
    off = await make(outside, name="off", enabled=False)
    unknown = {**hook, "url": hook["url"][:-5] + "AAAAA"}
    answers = [await send(each) for each in (unknown, off)]
    answers += [await post(f"/api/hooks/{name}", b"{}", {}) for name in ("telegram", "messages", "hk_x", "a%00b")]

    for answer in answers:
        assert answer.status_code == 404, answer.text
        assert answer.json()["code"] in {"hook_not_found", "route_not_found"}
    assert answers[0].json()["detail"] == answers[1].json()["detail"]


async def test_github_and_stripe_and_forms_are_taken(outside: Outside) -> None:
    await outside.echo()
    github = await make(outside, name="github", scheme="github", secret="what github was given")
    body = b"payload=%7B%22text%22%3A%22pushed%22%7D"
    signature = "sha256=" + hmac.new(b"what github was given", body, sha256).hexdigest()
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-hub-signature-256": signature,
        "x-github-delivery": "72d3162e",
        "x-github-event": "push",
    }
    target = {"workflow": "echo", "input": {"text": "${{ headers['x-github-event'] }}: ${{ body.payload.text }}"}}
    await outside.operator.patch(f"/api/hooks/{github['id']}", json={"target": target})
    assert (await post(github["url"], body, headers)).status_code == 202

    stripe = await make(outside, name="stripe", scheme="stripe", secret="whsec_of_stripe_itself")
    body, now = b'{"id": "evt_9", "text": "paid"}', int(datetime.now(UTC).timestamp())
    v1 = hmac.new(b"whsec_of_stripe_itself", f"{now}.".encode() + body, sha256).hexdigest()
    assert (await post(stripe["url"], body, {"stripe-signature": f"t={now},v1={v1}"})).status_code == 202
    await handle_messages(outside.plane)

    assert {each["input"]["text"] for each in await outside.executions()} == {"push: pushed", "paid"}
    assert {each["message_id"] for each in await messages(outside)} == {"72d3162e", "evt_9"}


async def test_a_message_cannot_say_what_people_have_decided(outside: Outside) -> None:
    hook = await make(outside, target={"event": "escalation.resolved", "payload": "${{ body }}"})
    assert (await send(hook, {"outcome": "approve"})).status_code == 202
    await handle_messages(outside.plane)

    (message,) = await messages(outside)
    assert (message["status"], message["error"]["code"]) == ("failed", "reserved_event")


async def test_a_message_may_publish_an_event_that_waits_wake_on(outside: Outside) -> None:
    hook = await make(outside, target={"event": "order.paid", "payload": {"order": "${{ body.id }}"}})
    assert (await send(hook, {"id": 7})).status_code == 202
    await handle_messages(outside.plane)

    (message,) = await messages(outside)
    event = await outside.org.connection.fetchrow(
        "select name, data::text from plane.events where org_id = $1 and type = 'event'", outside.org.id
    )
    assert (event["name"], json.loads(event["data"])) == ("order.paid", {"order": 7})
    assert message["event_id"].startswith("evt_")


async def test_what_cannot_be_handled_says_why_and_is_redelivered_when_it_can(outside: Outside) -> None:
    hook = await make(outside)
    await send(hook)
    await handle_messages(outside.plane)
    (failed,) = await messages(outside, status="failed")
    assert failed["error"]["code"] == "not_runnable"

    await outside.echo()
    path = f"/api/hooks/messages/{failed['id']}/redeliver"
    again = await outside.post(path, status=202)
    assert (again["status"], again["error"]) == ("pending", None)
    await handle_messages(outside.plane)
    (handled,) = await messages(outside)
    assert (handled["status"], len(await outside.executions())) == ("handled", 1)
    refused = await outside.operator.post(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "already_handled")

    await send(hook, {"other": 1}, "msg_2")
    await handle_messages(outside.plane)
    (failed,) = await messages(outside, status="failed")
    assert failed["error"]["code"] == "bad_expression"
    assert len(await outside.executions()) == 1


async def test_after_a_rotation_both_secrets_count_until_the_overlap_ends(outside: Outside) -> None:
    former = await make(outside)
    current = await outside.post(f"/api/hooks/{former['id']}/rotate", {"overlap_seconds": 60}, status=200)
    assert (await send(former)).status_code == (await send(current, message_id="msg_2")).status_code == 202

    await outside.post(f"/api/hooks/{former['id']}/rotate", {"overlap_seconds": 0}, status=200)
    assert (await send(current, message_id="msg_3")).status_code == 401


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"target": {"workflow": "echo", "input": {"text": "${{ bdy }}"}}}, "/target/input/text"),
        ({"target": {"event": "x", "payload": "${{ steps.a }}"}}, "/target/payload"),
        ({"target": {"workflow": "echo", "event": "x"}}, "/target"),
        ({"target": {}}, "/target"),
        ({"scheme": "hmac"}, ""),
        ({"scheme": "github", "verification": {"header": "x"}}, ""),
        ({"secret": "not base64 of enough"}, "/secret"),
        ({"scheme": "slack"}, "/scheme"),
    ],
)
async def test_a_hook_that_could_not_work_is_refused_with_the_place(
    outside: Outside, fields: dict[str, Any], pointer: str
) -> None:
    answer = await outside.operator.post("/api/hooks", json={"name": "x", "target": TARGET, **fields})

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_body_that_is_too_large_or_no_json_is_refused(outside: Outside) -> None:
    hook = await make(outside)
    large, broken = b'{"x": "' + b"x" * 1_000_001 + b'"}', b'{"x": '
    for body, status in ((large, 413), (broken, 422)):
        headers = {**signed_headers("msg_1", body, [hook["secret"]]), "content-type": "application/json"}
        assert (await post(hook["url"], body, headers)).status_code == status
    assert await messages(outside) == []


async def test_hooks_and_messages_are_their_organisation_s_and_operators_change_them(
    outside: Outside,
    new_org: Callable[[], Awaitable[Organisation]],
    client_of: Callable[..., Awaitable[httpx.AsyncClient]],
) -> None:
    hook = await make(outside)
    await send(hook)
    (message,) = await messages(outside)
    stranger = await client_of(APP, (await new_org()).operator)
    for method, path in (
        ("GET", f"/api/hooks/{hook['id']}"),
        ("PATCH", f"/api/hooks/{hook['id']}"),
        ("DELETE", f"/api/hooks/{hook['id']}"),
        ("POST", f"/api/hooks/{hook['id']}/rotate"),
        ("GET", f"/api/hooks/messages/{message['id']}"),
        ("POST", f"/api/hooks/messages/{message['id']}/redeliver"),
    ):
        answer = await stranger.request(method, path, json={} if method == "PATCH" else None)
        assert answer.status_code == 404, path
    taken = await outside.operator.post("/api/hooks", json={"name": "tickets", "target": TARGET})
    assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")
    assert (await outside.agent.get("/api/hooks")).status_code == 200
    assert (await outside.agent.delete(f"/api/hooks/{hook['id']}")).status_code == 403
    assert (await outside.operator.delete(f"/api/hooks/{hook['id']}")).status_code == 204
    assert await messages(outside) == []


async def test_a_runner_key_of_the_hooks_function_may_only_take_messages(
    outside: Outside, module_db_url: str, authenticator_url: Callable[[str], str]
) -> None:
    key = new_key("runner")
    owner = await asyncpg.connect(module_db_url)
    await owner.execute(
        "select gateway.create_runner_key($1, $2, '{find_hook,receive_message}')", key.key_hash, key.prefix
    )
    await owner.close()
    limited = await AsyncpgDatabase.connect(authenticator_url(module_db_url), runner_key=key.secret)
    hook = await make(outside)
    before, APP.state.database = APP.state.database, limited
    try:
        assert (await send(hook)).status_code == 202
        for verb in ("claim_messages", "sweep", "claim", "act", "get_violations"):
            with pytest.raises(Forbidden) as refused:
                await limited.kernel(verb, {})
            assert refused.value.code == "missing_scope"
    finally:
        APP.state.database = before
        await limited.close()
    assert len(await messages(outside)) == 1
