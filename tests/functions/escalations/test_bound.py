"""What an execution waits for and its escalation are one thing, whoever closes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.functions.escalations.conftest import APPROVAL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.functions.conftest import Organisation
    from tests.functions.escalations.conftest import Somebody
    from tests.functions.running import Plane


async def waiting(plane: Plane, anna: Somebody, definition: str = APPROVAL, **input: Any) -> dict[str, Any]:
    name = definition.split("name: ")[1].split("\n", maxsplit=1)[0]
    await plane.store(definition)
    started = await plane.start(name, input=input or {"amount": 250})
    await plane.until(started["id"], "waiting")
    (found,) = await anna.list(execution_id=started["id"])
    return found


async def closings(org: Organisation, asked: dict[str, Any]) -> tuple[list[str], list[str]]:
    """What the audit and the feed say of its end."""
    audit = await org.connection.fetch(
        "select action from plane.audit_entries where org_id = $1 and resource = 'escalations' and resource_id = $2"
        " order by id",
        *(org.id, asked["id"]),
    )
    events = await org.connection.fetch(
        "select type from plane.events where org_id = $1 and data ->> 'escalation_id' = $2 order by feed_id",
        *(org.id, asked["id"]),
    )
    return [row[0] for row in audit], [row[0] for row in events]


async def test_an_approval_shows_what_it_needs_and_gets_what_was_filled_in(
    org: Organisation, plane: Plane, anna: Somebody
) -> None:
    asked = await waiting(plane, anna, APPROVAL + "      priority: urgent\n      show: {customer: 7}\n")
    assert (asked["kind"], asked["priority"], asked["reason"], asked["path"]) == (
        "approval",
        "urgent",
        "Refund 250 USD?",
        "approve",
    )
    assert (asked["context"], asked["outcomes"]) == ({"customer": 7}, ["approve", "reject"])
    assert asked["form"]["amount"]["default"] == 250
    assert asked["created_by"] == {"kind": "plane", "id": asked["execution_id"], "label": "refund"}

    answered = await anna.resolve(asked, "approve", form={"amount": 40}, comment="half")

    assert answered.json()["comment"] == "half"
    ended = await plane.until(asked["execution_id"], "succeeded")
    steps = await plane.get(f"/api/executions/{ended['id']}/steps")
    output = steps["data"][0]["output"]
    assert (output["outcome"], output["form"]) == ("approve", {"amount": 40})
    assert output["decided_by"]["label"] == "anna@example.com"
    assert await closings(org, asked) == (["resolve_escalation"], ["escalation.opened", "escalation.resolved"])


async def test_a_signal_closes_it_too(org: Organisation, plane: Plane, anna: Somebody) -> None:
    asked = await waiting(plane, anna)
    signal = {"name": "approve", "payload": {"outcome": "reject"}}

    answer = await anna.http.post(f"/api/executions/{asked['execution_id']}/signal", json=signal)

    assert answer.status_code == 200
    seen = await anna.read(asked)
    assert (seen["status"], seen["outcome"], seen["decided_by"]["label"]) == ("resolved", "reject", "anna@example.com")
    assert await closings(org, asked) == (["resolve_escalation"], ["escalation.opened", "escalation.resolved"])
    assert (await anna.resolve(asked, "approve")).json()["code"] == "escalation_closed"


async def test_a_timeout_closes_it_with_its_default(org: Organisation, plane: Plane, anna: Somebody) -> None:
    asked = await waiting(plane, anna, APPROVAL + "      timeout: 300ms\n      on_timeout: reject\n")

    await plane.until(asked["execution_id"], "succeeded")

    seen = await anna.read(asked)
    assert (seen["status"], seen["outcome"], seen["decided_by"]) == ("timed_out", "reject", None)
    assert await closings(org, asked) == (["time_out_escalation"], ["escalation.opened", "escalation.timed_out"])


async def test_a_cancelled_execution_cancels_it(org: Organisation, plane: Plane, anna: Somebody) -> None:
    asked = await waiting(plane, anna)

    await plane.agent.post(f"/api/executions/{asked['execution_id']}/cancel")

    assert (await anna.read(asked))["status"] == "cancelled"
    assert await closings(org, asked) == (["cancel_escalation"], ["escalation.opened", "escalation.cancelled"])
    assert (await anna.resolve(asked, "approve")).json()["code"] == "escalation_closed"


async def test_the_end_of_the_execution_cancels_what_is_still_asked(
    org: Organisation, plane: Plane, anna: Somebody
) -> None:
    two = """
name: two
input: {amount: number}
limits: {timeout: 1h}
steps:
  ask: {approval: {message: May I?}}
  fail: {needs: [pause], fail: no}
  pause: {wait: {for: 300ms}}
"""
    asked = await waiting(plane, anna, two)

    await plane.until(asked["execution_id"], "failed")

    assert (await anna.read(asked))["status"] == "cancelled"
    assert await closings(org, asked) == (["cancel_escalation"], ["escalation.opened", "escalation.cancelled"])


async def test_it_cannot_be_dismissed(plane: Plane, anna: Somebody) -> None:
    asked = await waiting(plane, anna)

    refused = await anna.say(asked, "dismiss")

    assert (refused.status_code, refused.json()["code"]) == (409, "awaited_by_execution")
    assert refused.json()["outcomes"] == ["approve", "reject"]


async def test_a_retry_asks_anew(plane: Plane, anna: Somebody) -> None:
    asked = await waiting(plane, anna)
    await plane.agent.post(f"/api/executions/{asked['execution_id']}/cancel")
    await plane.until(asked["execution_id"], "cancelled")

    await plane.agent.post(f"/api/executions/{asked['execution_id']}/retry")
    await plane.until(asked["execution_id"], "waiting")

    statuses = [each["status"] for each in await anna.list(execution_id=asked["execution_id"])]
    assert statuses == ["cancelled", "open"]


BUDGET = """
name: spend
limits: {timeout: 1h, budget_usd: 0.001, on_budget: ask}
steps:
  many:
    for_each: [1, 2]
    steps:
      ask: {approval: {message: "${{ item }}"}}
"""


async def test_a_budget_of_a_tree_is_one_question_that_an_operators_key_may_answer(
    org: Organisation, still_plane: Plane, anna: Somebody, meet: Callable[..., Awaitable[Somebody]]
) -> None:
    await still_plane.store("name: w\nsteps:\n  a: {transform: 1}\n")
    started = await still_plane.start("w")
    for frame in ("", "many/0", "many/1"):
        if frame:
            await org.connection.execute(
                "insert into plane.frames (execution_id, frame, org_id, root_execution_id, depth, deadline_at)"
                " values ($1, $2, $3, $1, 1, now() + interval '1 hour')",
                *(started["id"], frame, org.id),
            )
        await org.connection.execute(
            """
            select plane._open_waits(f, '[{"token": "0::%s", "kind": "budget", "path": "", "name": "budget",
              "data": {"message": "More?", "outcomes": ["grant", "stop"]}}]'::jsonb)
            from plane.frames as f where execution_id = $1 and frame = $2
            """
            % (frame or "root"),
            *(started["id"], frame),
        )
    (asked,) = await anna.list(execution_id=started["id"])
    assert (asked["kind"], asked["priority"], asked["outcomes"]) == ("budget", "high", ["grant", "stop"])
    assert (await (await meet(org, "agent")).resolve(asked, "stop")).json()["code"] == "people_only"

    answer = await (await meet(org, "operator_key")).resolve(asked, "grant", form={"usd": "1.5"})

    assert (answer.status_code, answer.json()["outcome"]) == (200, "grant")
    assert answer.json()["decided_by"]["kind"] == "operator_key"
    still = await org.connection.fetchval(
        "select count(*) from plane.waits where execution_id = $1 and answered_at is null", started["id"]
    )
    assert still == 0
    assert await closings(org, asked) == (["resolve_escalation"], ["escalation.opened", "escalation.resolved"])
