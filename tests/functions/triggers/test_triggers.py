"""Events start workflows: each event that matches exactly once, and nothing goes in circles."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from functions.shared.chores.triggers import MAX_HOPS, handle_messages
from tests.functions.outside import APP, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.functions.conftest import Organisation
    from tests.functions.outside import Outside

TRIGGER = {
    "name": "on order",
    "event": "event.order.*",
    "workflow": "echo",
    "input": {"text": "${{ event.data.what }}"},
}


async def emit(outside: Outside, name: str, data: Any, execution_id: str | None = None) -> None:
    await outside.org.connection.execute(
        "insert into plane.events (org_id, type, name, data, execution_id)"
        " values ($1, 'event', $2, $3::text::jsonb, $4)",
        *(outside.org.id, name, json.dumps(data), execution_id),
    )


async def messages(outside: Outside) -> list[Any]:
    return (await outside.get("/api/triggers/messages"))["data"]


def handled(outside: Outside, count: int) -> Callable[[], Awaitable[Any]]:
    async def done() -> Any:
        found = await messages(outside)
        return found if len([each for each in found if each["status"] != "pending"]) >= count else None

    return done


async def test_each_event_that_matches_starts_the_workflow_once(outside: Outside) -> None:
    await outside.echo()
    trigger = await outside.post("/api/triggers", {**TRIGGER, "match": {"region": "eu"}})
    await emit(outside, "order.paid", {"what": "eu 1", "region": "eu"})
    await emit(outside, "order.paid", {"what": "us", "region": "us"})
    await emit(outside, "orders", {"what": "other", "region": "eu"})
    await emit(outside, "order.sent", {"what": "eu 2", "region": "eu"})

    async def many() -> None:
        await asyncio.gather(*(handle_messages(outside.plane) for _ in range(4)))

    await until(handled(outside, 2), many)
    await many()
    found = await messages(outside)
    started = await outside.executions()
    assert {each["input"]["text"] for each in started} == {"eu 1", "eu 2"}
    assert len(started) == 2
    assert {each["execution_id"] for each in found} == {each["id"] for each in started}
    assert {each["trigger_id"] for each in found} == {trigger["id"]}


async def test_the_plane_s_own_events_count_too(outside: Outside) -> None:
    await outside.echo()
    mapping = {"text": "${{ event.type }} ${{ event.data.n }} by ${{ trigger.name }}"}
    await outside.post("/api/triggers", {**TRIGGER, "event": "budget.reached", "input": mapping})
    await outside.event("budget.reached", '{"n": 3}')
    await until(handled(outside, 1), lambda: handle_messages(outside.plane))

    assert [each["input"] for each in await outside.executions()] == [{"text": "budget.reached 3 by on order"}]


async def test_triggers_that_start_each_other_come_to_an_end(outside: Outside) -> None:
    await outside.echo()
    await outside.post("/api/triggers", {**TRIGGER, "event": "execution.started", "input": {"text": "again"}})
    await outside.agent.post("/api/executions", json={"workflow": "echo", "input": {"text": "first"}})

    async def circled() -> Any:
        return [each for each in await messages(outside) if each["status"] == "failed"]

    (failed,) = await until(circled, lambda: handle_messages(outside.plane))
    assert failed["error"]["code"] == "trigger_loop"
    assert len(await outside.executions()) == 1 + MAX_HOPS


async def test_a_trigger_that_could_not_start_is_redelivered(outside: Outside) -> None:
    trigger = await outside.post("/api/triggers", TRIGGER)
    await emit(outside, "order.paid", {"what": "x"})
    (failed,) = await until(handled(outside, 1), lambda: handle_messages(outside.plane))
    assert (failed["status"], failed["error"]["code"]) == ("failed", "not_runnable")

    await outside.echo()
    await outside.post(f"/api/triggers/messages/{failed['id']}/redeliver", status=202)
    await until(handled(outside, 1), lambda: handle_messages(outside.plane))
    assert len(await outside.executions()) == 1
    assert trigger["match"] == {}


async def test_switched_off_it_takes_nothing(outside: Outside) -> None:
    await outside.echo()
    trigger = await outside.post("/api/triggers", TRIGGER)
    other = await outside.post("/api/triggers", {**TRIGGER, "name": "other"})
    changed = await outside.operator.patch(f"/api/triggers/{trigger['id']}", json={"enabled": False})
    assert changed.json()["enabled"] is False
    await emit(outside, "order.paid", {"what": "x"})
    (message,) = await until(handled(outside, 1), lambda: handle_messages(outside.plane))
    assert message["trigger_id"] == other["id"]


async def test_what_is_wrong_is_said_with_its_place(outside: Outside) -> None:
    for fields, pointer in (
        ({"input": {"text": "${{ body }}"}}, "/input/text"),
        ({"event": "order*"}, "/event"),
        ({"workflow": ""}, "/workflow"),
    ):
        answer = await outside.operator.post("/api/triggers", json={**TRIGGER, **fields})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer
    trigger = await outside.post("/api/triggers", TRIGGER)
    answer = await outside.operator.patch(f"/api/triggers/{trigger['id']}", json={"input": {}})
    assert answer.json()["errors"][0]["pointer"] == "/workflow"
    taken = await outside.operator.post("/api/triggers", json=TRIGGER)
    assert taken.json()["code"] == "name_taken"


async def test_triggers_are_their_organisation_s_and_operators_change_them(
    outside: Outside,
    new_org: Callable[[], Awaitable[Organisation]],
    client_of: Callable[..., Awaitable[httpx.AsyncClient]],
) -> None:
    path = f"/api/triggers/{(await outside.post('/api/triggers', TRIGGER))['id']}"
    stranger = await client_of(APP, (await new_org()).operator)
    for method in ("GET", "PATCH", "DELETE"):
        assert (await stranger.request(method, path, json={} if method == "PATCH" else None)).status_code == 404
        status = 200 if method == "GET" else 403
        assert (await outside.agent.request(method, path, json={} if method == "PATCH" else None)).status_code == status
    assert (await outside.operator.delete(path)).status_code == 204
    assert (await outside.get("/api/triggers"))["data"] == []


async def test_a_start_that_a_quota_of_the_moment_refuses_comes_back_by_itself(outside: Outside) -> None:
    await outside.echo()
    await outside.post("/api/triggers", TRIGGER)
    db = outside.org.connection
    await db.execute(
        "insert into plane.quotas (org_id, name, max_value) values ($1, 'concurrent_executions', 0)", outside.org.id
    )
    await emit(outside, "order.paid", {"what": "x"})

    async def tried() -> Any:
        return [each for each in await messages(outside) if each["attempts"]]

    (waiting,) = await until(tried, lambda: handle_messages(outside.plane))
    assert (waiting["status"], await outside.executions()) == ("pending", [])
    await db.execute("update plane.quotas set max_value = 5 where org_id = $1", outside.org.id)
    await db.execute("update plane.trigger_messages set due_at = now() where org_id = $1", outside.org.id)
    await until(handled(outside, 1), lambda: handle_messages(outside.plane))
    assert len(await outside.executions()) == 1
