"""The audit over HTTP: who did what, for whom, in which request; that nothing was changed; and all of it as lines."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from tests.functions.safety.world import APP
from tests.people import create_member

if TYPE_CHECKING:
    from tests.functions.safety.world import World

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


async def put(world: World, value: Any, **more: Any) -> None:
    answer = await world.agent.post("/api/state", json={"component": "c", "key": "k", "value": value}, **more)
    assert answer.is_success, answer.text


async def test_an_entry_says_who_did_what_in_which_request(world: World):
    await put(world, 1, headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    listed = await world.ok("GET", "/api/audit", params={"resource": "state"})
    [entry] = listed["data"]
    assert (entry["action"], entry["resource_id"], entry["trace_id"]) == ("put_state", "c/k", TRACE)
    assert (entry["actor"]["kind"], entry["actor"]["label"] is not None) == ("api_key", True)
    assert entry["seq"] is None
    await world.seal()
    assert (await world.ok("GET", "/api/audit", params={"trace_id": TRACE}))["data"][0]["seq"] == 2


async def test_a_person_is_named_and_found(world: World, client_of: Any, superuser: Any):
    member = await create_member(superuser, world.org, role="operator", email="ada@example.test")
    person = await client_of(APP, member.token())
    answer = await person.post("/api/state", json={"component": "c", "key": "k", "value": 1})
    assert answer.is_success, answer.text
    found = await world.ok("GET", "/api/audit", params={"actor_id": str(member.user_id)})
    assert [entry["actor"] for entry in found["data"]] == [
        {"kind": "person", "id": str(member.user_id), "label": "ada@example.test"}
    ]


async def test_a_step_acts_for_who_started_it(world: World):
    key = str(
        await world.org.connection.fetchval(
            "select id from plane.api_keys where org_id = $1 and kind = 'agent'", world.org.id
        )
    )
    document = {"name": "w", "steps": {"s": {"state": {"put": "done", "value": 1}}}}
    ended = await world.run(document)
    assert ended["status"] == "succeeded", ended
    entry = (await world.actions("put_state"))[0]
    assert (entry["actor"]["kind"], entry["on_behalf_of"]["execution_id"]) == ("runner", ended["id"])
    assert (entry["on_behalf_of"]["kind"], entry["on_behalf_of"]["id"]) == ("api_key", key)
    mine = await world.ok("GET", "/api/audit", params={"actor_id": key})
    assert {"put_state", "start_execution"} <= {each["action"] for each in mine["data"]}


async def test_filters_and_pages_give_what_they_say(world: World):
    for n in range(7):
        await put(world, n)
    await world.policy("deny", "tool", "x")
    seen, cursor = [], None
    while True:
        page = await world.ok(
            "GET", "/api/audit", params={"limit": 3, "resource": "state"} | ({"cursor": cursor} if cursor else {})
        )
        seen += [entry["id"] for entry in page["data"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert len(seen) == 7
    assert seen == sorted(seen, reverse=True)
    assert len((await world.ok("GET", "/api/audit", params={"action": "create_policy"}))["data"]) == 1
    assert (await world.ok("GET", "/api/audit", params={"from": "2999-01-01T00:00:00Z"}))["data"] == []
    assert (await world.ok("GET", "/api/audit", params={"actor_kind": "person"}))["data"] == []


async def test_before_and_after_are_told_apart_without_being_told(world: World):
    made = await world.policy("deny", "tool", "x")
    await world.ok("PATCH", f"/api/policies/{made['id']}", json={"effect": "ask"})
    first, second = await world.actions("create_policy", "update_policy")
    assert (first["before_hash"], first["after_hash"]) == (None, second["before_hash"])
    assert second["after_hash"] not in (None, first["after_hash"])


async def test_only_who_may_reads_the_audit(world: World, client_of: Any, superuser: Any):
    operator = await client_of(APP, (await create_member(superuser, world.org, role="operator")).token())
    admin = await client_of(APP, (await create_member(superuser, world.org, role="admin")).token())
    for path in ("/api/audit", "/api/audit/verify", "/api/audit/export"):
        assert (await world.agent.get(path)).status_code == 403
        assert (await operator.get(path)).status_code == 403
        assert (await admin.get(path)).status_code == 200


async def test_another_organisation_sees_nothing_of_it(world: World, new_org: Any, client_of: Any):
    await put(world, 1)
    await world.seal()
    stranger = await client_of(APP, (await new_org()).operator)
    assert [entry["action"] for entry in (await stranger.get("/api/audit")).json()["data"]] == ["create_organisation"]
    assert (await stranger.get("/api/audit/verify")).json()["count"] <= 1
    assert world.org.id not in (await stranger.get("/api/audit/export")).text


async def test_what_was_changed_afterwards_is_shown(world: World):
    for n in range(5):
        await put(world, n)
    await world.seal()
    whole = await world.ok("GET", "/api/audit/verify")
    assert (whole["is_intact"], whole["count"], whole["unsealed"], whole["next_after"]) == (True, 6, 0, None)
    await world.org.connection.execute(
        "update plane.audit_entries set details = '{}' where org_id = $1 and seq = 3", world.org.id
    )
    broken = await world.ok("GET", "/api/audit/verify")
    assert (broken["is_intact"], broken["problem"]["kind"], broken["problem"]["seq"]) == (False, "changed", 3)


async def test_a_long_log_is_verified_in_pages_and_from_a_kept_head(world: World):
    for n in range(8):
        await put(world, n)
    await world.seal()
    checked, after = 0, None
    while True:
        page = await world.ok("GET", "/api/audit/verify", params={"limit": 4} | ({"after": after} if after else {}))
        checked += page["checked"]
        if (after := page["next_after"]) is None:
            break
    assert (checked, page["is_intact"]) == (9, True)
    kept = page["head"]
    await put(world, 9)
    await world.seal()
    later = await world.ok("GET", "/api/audit/verify", params={"after": kept, "known": kept})
    assert (later["checked"], later["is_intact"], later["count"]) == (1, True, 10)
    forged = kept.split(":")[0] + ":" + "0" * 64
    lost = await world.ok("GET", "/api/audit/verify", params={"known": forged})
    assert (lost["is_intact"], lost["problem"]["kind"]) == (False, "changed")
    assert (await world.operator.get("/api/audit/verify", params={"after": "x"})).status_code == 422


async def test_the_export_is_all_of_it_and_can_be_verified_alone(world: World):
    for n in range(5):
        await put(world, n)
    await world.seal()
    lines: list[dict[str, Any]] = []
    path = "/api/audit/export?limit=4"
    while path:
        answer = await world.operator.get(path)
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        lines += [json.loads(line) for line in answer.text.splitlines()]
        path = answer.headers["link"][1:].partition(">")[0] if "link" in answer.headers else ""
    prev = "0" * 64
    for seq, line in enumerate(lines, start=1):
        text = json.loads(line["text"])
        assert (text["seq"], text["prev"], hashlib.sha256(line["text"].encode()).hexdigest()) == (
            seq,
            prev,
            line["hash"],
        )
        assert text["action"] == line["entry"]["action"]
        prev = line["hash"]
    assert answer.headers["agentplane-audit-head"] == f"6:{prev}"
