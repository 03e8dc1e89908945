"""What a policy says is what happens to a step: its tool, each host of its requests, each of its models."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from functions.shared.engine.rules import RulesCache
from tests.functions.safety.world import APP
from tests.people import create_member

if TYPE_CHECKING:
    from tests.functions.safety.world import World

pytestmark = pytest.mark.filterwarnings("ignore:Items? .* on TypedDict class:UserWarning")  # of litellm's own models

FETCH = {"tool": {"name": "http_request", "with": {"url": "${{ input.url }}"}}}


def step(body: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "name": "w",
        "input": {"url": "string"},
        "steps": {"s": body},
        "output": {"value": "${{ steps.s.output }}"},
        **more,
    }


HTTP = step({"http": {"url": "${{ input.url }}"}})


async def test_a_denied_host_is_never_called_and_no_retry_is_made(world: World):
    await world.policy("deny", "host", "127.0.0.1", name="stay away", reason="Not ours")
    ended = await world.run(HTTP, input={"url": world.outside.url})
    assert ended["error"]["code"] == "policy_denied"
    assert "stay away" in ended["error"]["message"]
    assert "Not ours" in ended["error"]["message"]
    assert world.outside.seen == []
    noted = await world.actions("deny_step")
    assert [(entry["actor"]["kind"], entry["resource_id"]) for entry in noted] == [("plane", ended["id"])]
    events = await world.org.connection.fetch(
        "select data from plane.events where org_id = $1 and type = 'policy.denied'", world.org.id
    )
    assert [json.loads(event["data"])["policy"] for event in events] == ["stay away"]


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]", "127.1"])
async def test_no_spelling_of_an_address_gets_past(world: World, host: str):
    await world.policy("deny", "host", "127.0.0.1")
    ended = await world.run(HTTP, input={"url": f"http://{host}:{world.outside.port}/"})
    assert ended["error"]["code"] == "policy_denied", ended
    assert world.outside.seen == []


@pytest.mark.parametrize("body", [{"http": {"url": "${{ input.url }}"}}, FETCH])
@pytest.mark.parametrize("effect", ["deny", "ask"])
async def test_a_redirect_does_not_lead_around_a_policy(world: World, body: dict[str, Any], effect: str):
    await world.policy(effect, "host", "localhost")
    there = f"http://localhost:{world.outside.port}/in"
    ended = await world.run(step(body), input={"url": f"{world.outside.url}/go?to={there}"})
    assert ended["error"]["code"] == "policy_denied"
    assert [call["target"].partition("?")[0] for call in world.outside.seen] == ["/go"]


async def test_a_denied_tool_does_not_run_and_others_do(world: World):
    await world.policy("deny", "tool", "http_*")
    denied = await world.run(step(FETCH), input={"url": world.outside.url})
    other = {"tool": {"name": "json_query", "with": {"data": {"a": 1}, "query": "a"}}}
    allowed = await world.run(step(other), input={"url": ""})
    assert (denied["error"]["code"], allowed["status"]) == ("policy_denied", "succeeded")
    assert world.outside.seen == []


async def test_a_host_is_denied_to_the_tool_as_to_the_step(world: World):
    await world.policy("deny", "host", "127.*")
    for body in (FETCH, {"tool": {"name": "web_fetch", "with": {"url": "${{ input.url }}"}}}):
        ended = await world.run(step(body), input={"url": world.outside.url})
        assert ended["error"]["code"] == "policy_denied"
    assert world.outside.seen == []


@pytest.mark.parametrize("denied", ["openai/gpt-4o-mini", "anthropic/*"])
async def test_a_model_and_its_fallbacks_are_checked_before_any_is_called(world: World, denied: str):
    await world.policy("deny", "model", denied)
    llm = {"llm": {"prompt": "hi", "fallback": ["anthropic/claude-sonnet-4-5"]}}
    ended = await world.run(step(llm, models={"default": "openai/gpt-4o-mini"}), input={"url": ""})
    assert ended["error"]["code"] == "policy_denied", ended
    assert world.outside.seen == []


async def test_all_is_denied_but_what_is_allowed(world: World):
    await world.policy("deny", "host", "*", priority=-100)
    allowed = await world.policy("allow", "host", f"127.0.0.1:{world.outside.port}")
    assert (await world.run(HTTP, input={"url": world.outside.url}))["status"] == "succeeded"
    await world.ok("PATCH", f"/api/policies/{allowed['id']}", json={"is_enabled": False})
    assert (await world.run(HTTP, input={"url": world.outside.url}))["error"]["code"] == "policy_denied"
    await world.ok("PATCH", f"/api/policies/{allowed['id']}", json={"is_enabled": True, "workflows": ["other"]})
    assert (await world.run(HTTP, input={"url": world.outside.url}))["error"]["code"] == "policy_denied"


async def test_a_policy_for_an_agent_concerns_executions_for_it_only(world: World):
    agent = (await world.agent.post("/api/agents", json={"name": "intern 7"})).json()
    await world.policy("deny", "host", "*", agents=["intern*"])
    free = await world.run(HTTP, input={"url": world.outside.url})
    bound = await world.run(HTTP, input={"url": world.outside.url}, agent_id=agent["id"])
    assert (free["status"], bound["status"]) == ("succeeded", "failed")
    assert bound["error"]["code"] == "policy_denied"


async def test_a_person_is_asked_once_and_the_step_goes_on(world: World, client_of: Any, superuser: Any):
    await world.policy("ask", "host", "127.0.0.1", name="who goes there", reason="Outside calls need a look")
    await world.policy("ask", "tool", "http_request")
    waiting = await world.run(step(FETCH), input={"url": world.outside.url})
    assert waiting["status"] == "waiting"
    assert world.outside.seen == []
    question = await open_question(world, waiting["id"])
    assert "who goes there" in json.dumps(question)
    approver = await create_member(superuser, world.org, role="approver")
    person = await client_of(APP, approver.token())
    refused = await world.operator.post(f"/api/escalations/{question['id']}/resolve", json={"outcome": "approve"})
    assert refused.status_code == 403, refused.text
    answer = await person.post(f"/api/escalations/{question['id']}/resolve", json={"outcome": "approve"})
    assert answer.is_success, answer.text
    ended = await world.until(waiting["id"], "succeeded", "failed")
    assert (ended["status"], len(world.outside.seen)) == ("succeeded", 1), ended
    asked = await world.actions("ask_about_step")
    assert sorted(entry["details"]["subject"] for entry in asked) == ["127.0.0.1", "http_request"]


async def test_what_a_person_refuses_is_not_done(world: World, client_of: Any, superuser: Any):
    await world.policy("ask", "host", "127.0.0.1")
    waiting = await world.run(HTTP, input={"url": world.outside.url})
    question = await open_question(world, waiting["id"])
    person = await client_of(APP, (await create_member(superuser, world.org, role="approver")).token())
    answer = await person.post(f"/api/escalations/{question['id']}/resolve", json={"outcome": "reject"})
    assert answer.is_success, answer.text
    ended = await world.until(waiting["id"], "failed")
    assert ended["error"]["code"] == "policy_denied"
    assert world.outside.seen == []


async def open_question(world: World, execution_id: str) -> dict[str, Any]:
    listed = await world.ok("GET", "/api/escalations", params={"execution_id": execution_id})
    assert len(listed["data"]) == 1, listed
    return listed["data"][0]


async def test_trying_says_what_happens(world: World):
    await world.policy("deny", "host", "*.example.com", name="none of these")
    await world.policy("allow", "host", "api.example.com", priority=5)
    for name, effect, policy in (
        ("www.example.com", "deny", "none of these"),
        ("WWW.Example.com:8443", "deny", "none of these"),
        ("api.example.com", "allow", "allow host api.example.com"),
        ("example.org", "allow", None),
    ):
        found = await world.ok("POST", "/api/policies/test", json={"kind": "host", "name": name})
        assert (found["effect"], found["policy"] and found["policy"]["name"]) == (effect, policy), name
    tool = await world.ok("POST", "/api/policies/test", json={"kind": "tool", "name": "x", "workflow": "w"})
    assert tool["effect"] == "allow"


async def test_policies_are_managed_by_who_may(world: World):
    made = await world.policy("deny", "tool", "x", name="one")
    twice = await world.operator.post(
        "/api/policies", json={"name": "one", "effect": "ask", "kind": "tool", "pattern": "y"}
    )
    assert twice.json()["code"] == "policy_name_taken"
    path = f"/api/policies/{made['id']}"
    assert (await world.ok("GET", path))["pattern"] == "x"
    changed = await world.ok("PATCH", path, json={"effect": "ask", "reason": None})
    assert (changed["effect"], changed["pattern"]) == ("ask", "x")
    assert (await world.operator.patch(path, json={"effect": None})).status_code == 422
    assert (await world.operator.patch(path, json={"effect": "forbid"})).status_code == 422
    for method, route in (
        ("GET", ""),
        ("POST", ""),
        ("GET", f"/{made['id']}"),
        ("DELETE", f"/{made['id']}"),
        ("POST", "/test"),
    ):
        answer = await world.agent.request(method, f"/api/policies{route}", json={} if method == "POST" else None)
        assert answer.status_code == 403, answer.text
    await world.ok("DELETE", path)
    assert (await world.operator.get(path)).json()["code"] == "policy_not_found"
    assert [entry["action"] for entry in await world.actions()][-3:] == [
        "create_policy",
        "update_policy",
        "delete_policy",
    ]


async def test_policies_are_listed_in_the_order_in_which_they_count(world: World):
    for effect, priority in (("allow", 0), ("deny", -1), ("ask", 0), ("deny", 0), ("allow", 9)):
        await world.policy(effect, "tool", "x", name=f"{effect} {priority}", priority=priority)
    names, cursor = [], None
    while True:
        page = await world.ok("GET", "/api/policies", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        names += [row["name"] for row in page["data"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert names == ["allow 9", "deny 0", "ask 0", "allow 0", "deny -1"]


class Counting:
    """A database that counts the calls of one kernel verb."""

    def __init__(self, database: Any) -> None:
        self.database, self.calls = database, 0

    async def kernel(self, verb: str, payload: Any) -> Any:
        self.calls += verb == "load_guard"
        return await self.database.kernel(verb, payload)


async def test_many_steps_ask_once_an_organisation_and_a_few_seconds(world: World, new_org: Any):
    execution = (await world.run(HTTP, input={"url": world.outside.url}))["id"]
    counting: Any = Counting(world.database)
    rules = RulesCache(counting, fresh_s=60)
    await asyncio.gather(*(rules.of(world.org.id, execution) for _ in range(100)))
    for _ in range(100):
        await rules.of(world.org.id, execution)
    assert counting.calls == 1


async def test_a_step_that_goes_nowhere_asks_nothing(world: World):
    counting: Any = Counting(world.database)
    guard: Any = world.engine.guard
    guard.rules._db = counting
    before = counting.calls
    ended = await world.run(step({"code": {"python": "1 + 1"}}), input={"url": ""})
    assert (ended["status"], counting.calls) == ("succeeded", before), ended
    await world.run(HTTP, input={"url": world.outside.url})
    assert counting.calls > before


BUDGET = """
    insert into plane.budgets (org_id, scope, period, limit_usd, on_reached, created_by)
    values ($1, 'organisation', 'day', 0, $2, '{"kind": "operator_key"}')"""
ASKING = step({"llm": {"prompt": "hi"}}, models={"default": "openai/gpt-4o-mini"})


async def test_a_budget_that_stops_stops_paid_steps_only(world: World):
    await world.org.connection.execute(BUDGET, world.org.id, "stop")
    stopped = await world.run(ASKING, input={"url": ""})
    free = await world.run(HTTP, input={"url": world.outside.url})
    assert (stopped["error"]["code"], free["status"]) == ("budget_exhausted", "succeeded"), stopped
    assert len(world.outside.seen) == 1
    assert [entry["details"]["subject"] for entry in await world.actions("deny_step")] == ["budget organisation"]


async def test_a_budget_that_asks_asks(world: World, client_of: Any, superuser: Any):
    await world.org.connection.execute(BUDGET, world.org.id, "ask")
    waiting = await world.run(ASKING, input={"url": ""})
    assert (waiting["status"], world.outside.seen) == ("waiting", [])
    question = await open_question(world, waiting["id"])
    person = await client_of(APP, (await create_member(superuser, world.org, role="approver")).token())
    assert (await person.post(f"/api/escalations/{question['id']}/resolve", json={"outcome": "approve"})).is_success
    ended = await world.until(waiting["id"], "succeeded", "failed")
    assert ended["status"] == "succeeded", (ended["error"], world.outside.seen)
