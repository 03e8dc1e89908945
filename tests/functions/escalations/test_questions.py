"""Questions that an agent asks by itself: asked, taken, answered, dismissed, timed out."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from functions.shared.chores import Plane as ChorePlane
from functions.shared.chores.escalations import TIME_OUT_ESCALATIONS
from functions.shared.config import Settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.functions.conftest import Organisation
    from tests.functions.escalations.conftest import Somebody
    from tests.functions.running import Plane

ASKED = {"options": ["refund", "refuse"], "form": {"amount": {"type": "number", "default": 250}}}


async def entries(org: Organisation, escalation: dict[str, Any]) -> list[tuple[str, str]]:
    rows = await org.connection.fetch(
        "select action, actor_kind from plane.audit_entries where org_id = $1 and resource_id = $2 order by id",
        *(org.id, escalation["id"]),
    )
    return [(row["action"], row["actor_kind"]) for row in rows]


async def events(org: Organisation, escalation: dict[str, Any]) -> list[str]:
    rows = await org.connection.fetch(
        "select type from plane.events where org_id = $1 and data ->> 'escalation_id' = $2 order by feed_id",
        *(org.id, escalation["id"]),
    )
    return [row["type"] for row in rows]


async def test_a_question_is_answered_with_what_the_person_filled_in(
    org: Organisation, agent: Somebody, anna: Somebody
) -> None:
    asked = await agent.ask(**ASKED, context={"ticket": 1})
    assert asked["created_by"]["kind"] == "agent_key"
    assert (asked["may_answer"], asked["refusal"]) == (False, "people_only")
    assert (await anna.read(asked))["may_answer"]

    answered = await anna.resolve(asked, "refund", form={"amount": 200}, comment="less")

    assert answered.status_code == 200
    seen = await agent.read(asked)
    assert (seen["status"], seen["outcome"], seen["answer"], seen["comment"]) == (
        "resolved",
        "refund",
        {"amount": 200},
        "less",
    )
    assert seen["decided_by"] == {"kind": "person", "id": anna.user.user_id, "label": "anna@example.com"}
    assert await entries(org, asked) == [("create_escalation", "api_key"), ("resolve_escalation", "person")]
    assert await events(org, asked) == ["escalation.opened", "escalation.resolved"]


async def test_the_form_gets_its_defaults_and_is_checked(agent: Somebody, anna: Somebody) -> None:
    asked = await agent.ask(**ASKED)

    wrong = await anna.resolve(asked, "refund", form={"amount": "much", "amout": 1})
    unknown = await anna.resolve(asked, "refnd")
    right = await anna.resolve(asked, "refund")

    assert wrong.status_code == 422
    assert {error["pointer"] for error in wrong.json()["errors"]} == {"/form/amount", "/form/amout"}
    assert unknown.json()["errors"][0]["did_you_mean"] == "refund"
    assert right.json()["answer"] == {"amount": 250}


async def test_another_outcome_needs_no_form(agent: Somebody, anna: Somebody) -> None:
    asked = await agent.ask(options=["yes", "no"], form={"amount": "number"})

    assert (await anna.resolve(asked, "yes")).status_code == 422
    assert (await anna.resolve(asked, "no")).json()["answer"] is None


async def test_the_first_answer_counts(org: Organisation, agent: Somebody, anna: Somebody, bert: Somebody) -> None:
    asked = await agent.ask(options=["a", "b"])

    answers = await asyncio.gather(anna.resolve(asked, "a"), bert.resolve(asked, "b"))

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    late = next(answer for answer in answers if answer.status_code == 409).json()
    assert (late["code"], late["escalation"]["status"]) == ("escalation_closed", "resolved")
    assert [action for action, _ in await entries(org, asked)] == ["create_escalation", "resolve_escalation"]


async def test_an_idempotency_key_answers_once(org: Organisation, agent: Somebody, anna: Somebody) -> None:
    asked = await agent.ask()
    url, key = f"/api/escalations/{asked['id']}/resolve", {"Idempotency-Key": "one"}

    first = await anna.http.post(url, json={"outcome": "yes"}, headers=key)
    again = await anna.http.post(url, json={"outcome": "yes"}, headers=key)

    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()


async def test_a_claim_has_one_winner_and_keeps_nobody_from_answering(
    org: Organisation, agent: Somebody, anna: Somebody, bert: Somebody
) -> None:
    asked = await agent.ask()

    claims = await asyncio.gather(anna.say(asked, "claim"), bert.say(asked, "claim"))
    winner, loser = (anna, bert) if claims[0].status_code == 200 else (bert, anna)

    assert sorted(claim.status_code for claim in claims) == [200, 409]
    assert (await winner.say(asked, "claim")).json()["claimed_by"]["id"] == winner.user.user_id
    assert [each["id"] for each in await winner.list(mine=True)] == [asked["id"]]
    assert await loser.list(mine=True) == []
    assert (await loser.say(asked, "release")).json()["code"] == "not_yours"
    released = await winner.say(asked, "release")
    assert (released.json()["status"], released.json()["claimed_by"]) == ("open", None)
    await winner.say(asked, "claim")
    assert (await loser.resolve(asked, "yes")).status_code == 200


async def test_an_admin_gives_back_what_somebody_else_has_taken(
    org: Organisation, agent: Somebody, anna: Somebody, meet: Callable[..., Awaitable[Somebody]]
) -> None:
    asked = await agent.ask()
    await anna.say(asked, "claim")

    released = await (await meet(org, "admin")).say(asked, "release")

    assert (released.status_code, released.json()["status"]) == (200, "open")


async def test_who_asked_may_dismiss_and_others_who_may_not_answer_may_not(
    org: Organisation, agent: Somebody, anna: Somebody, meet: Callable[..., Awaitable[Somebody]]
) -> None:
    asked, other = await agent.ask(), await anna.ask()

    refused = await agent.say(other, "dismiss")
    dismissed = await agent.say(asked, "dismiss", comment="not needed")

    assert (refused.status_code, refused.json()["code"]) == (403, "people_only")
    assert (dismissed.json()["status"], dismissed.json()["comment"]) == ("dismissed", "not needed")
    assert (await anna.resolve(asked, "yes")).json()["code"] == "escalation_closed"
    viewer = await meet(org, "viewer")
    assert (await viewer.say(other, "dismiss")).json()["code"] == "missing_scope"


async def test_everybody_who_writes_may_comment_and_all_read_it(agent: Somebody, anna: Somebody) -> None:
    asked = await agent.ask()
    await anna.say(asked, "comment", text="Which invoice?")
    await agent.say(asked, "comment", text="4711")
    await anna.resolve(asked, "yes")
    await anna.say(asked, "comment", text="Thanks")

    comments = (await agent.read(asked))["comments"]

    assert [comment["text"] for comment in comments] == ["Which invoice?", "4711", "Thanks"]
    assert [comment["author"]["kind"] for comment in comments] == ["person", "agent_key", "person"]


async def test_a_question_times_out_with_the_outcome_that_it_names(
    org: Organisation, agent: Somebody, anna: Somebody, database: AsyncpgDatabase
) -> None:
    with_default = await agent.ask(options=["refund", "refuse"], timeout_seconds=60, on_timeout="refuse")
    without, open_still = await agent.ask(timeout_seconds=60), await agent.ask(timeout_seconds=600)
    await org.connection.execute(
        "update plane.escalations set deadline = plane.clock() where deadline < plane.clock() + interval '2 minutes'"
    )

    await TIME_OUT_ESCALATIONS.run(ChorePlane(database, Settings(_env_file=None)))

    seen = await agent.read(with_default)
    assert (seen["status"], seen["outcome"], seen["decided_by"]) == ("timed_out", "refuse", None)
    assert ((await agent.read(without))["status"], (await agent.read(without))["outcome"]) == ("timed_out", None)
    assert (await agent.read(open_still))["status"] == "open"
    assert (await anna.resolve(with_default, "refund")).status_code == 409
    assert (await entries(org, with_default))[1:] == [("time_out_escalation", "plane")]
    assert (await events(org, with_default))[1:] == ["escalation.timed_out"]


async def test_what_happens_at_a_timeout_must_be_an_option(agent: Somebody) -> None:
    body = {"reason": "r", "options": ["a"], "on_timeout": "b", "timeout_seconds": 5}

    refused = await agent.http.post("/api/escalations", json=body)

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/on_timeout")


async def test_a_form_that_is_no_schema_is_refused(agent: Somebody) -> None:
    refused = await agent.http.post("/api/escalations", json={"reason": "r", "form": {"a": {"type": "nubmer"}}})

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"].startswith("/form")


async def test_unknown_things_are_named(agent: Somebody) -> None:
    async def refusal(**fields: Any) -> tuple[int, str]:
        answer = await agent.http.post("/api/escalations", json={"reason": "r", **fields})
        return answer.status_code, answer.json()["code"]

    assert await refusal(execution_id=str(uuid4())) == (404, "execution_not_found")
    assert await refusal(workflow_id=str(uuid4())) == (404, "workflow_not_found")
    assert (await refusal(agent_id=str(uuid4())))[0] == 422
    missing = await agent.http.get(f"/api/escalations/{uuid4()}")
    assert (missing.status_code, missing.json()["code"]) == (404, "escalation_not_found")


async def test_a_long_poll_answers_as_soon_as_somebody_has(agent: Somebody, anna: Somebody) -> None:
    asked = await agent.ask()
    begun = time.monotonic()
    waiting = asyncio.create_task(agent.http.get(f"/api/escalations/{asked['id']}?wait=20"))
    preferring = asyncio.create_task(agent.http.get(f"/api/escalations/{asked['id']}", headers={"Prefer": "wait=20"}))
    await asyncio.sleep(0.1)
    await anna.resolve(asked, "yes")

    assert (await waiting).json()["outcome"] == (await preferring).json()["outcome"] == "yes"
    assert time.monotonic() - begun < 5
    short = await agent.http.get(f"/api/escalations/{(await agent.ask())['id']}?wait=0")
    assert short.json()["status"] == "open"


WAITS = """
name: asks
input: {question: string}
limits: {timeout: 1h}
steps:
  answered:
    wait: {event: escalation.resolved, match: {id: "${{ input.question }}"}}
output:
  outcome: ${{ steps.answered.output.outcome }}
  amount: ${{ steps.answered.output.form.amount }}
"""


async def test_the_answer_wakes_the_execution_that_waits_for_it(agent: Somebody, anna: Somebody, plane: Plane) -> None:
    await plane.store(WAITS)
    asked = await agent.ask(**ASKED)
    started = await plane.start("asks", input={"question": asked["id"]})
    await plane.until(started["id"], "waiting")

    await anna.resolve(asked, "refund", form={"amount": 3})

    ended = await plane.until(started["id"], "succeeded", "failed")
    assert ended["output"] == {"outcome": "refund", "amount": 3}


async def test_an_answer_that_came_before_the_wait_is_not_missed(agent: Somebody, anna: Somebody, plane: Plane) -> None:
    await plane.store(WAITS)
    asked = await agent.ask(**ASKED)
    await anna.resolve(asked, "refund", form={"amount": 4})

    ended = await plane.start("asks", input={"question": asked["id"]}, wait=20)

    assert ended["output"] == {"outcome": "refund", "amount": 4}


FORGES = """
name: forges
input: {question: string}
steps:
  said: {emit: {event: escalation.resolved, payload: {id: "${{ input.question }}", outcome: refund, form: {amount: 9}}}}
"""


async def test_nobody_but_the_plane_says_what_people_decided(agent: Somebody, anna: Somebody, plane: Plane) -> None:
    await plane.store(WAITS)
    await plane.store(FORGES)
    asked = await agent.ask(**ASKED)
    started = await plane.start("asks", input={"question": asked["id"]})
    await plane.until(started["id"], "waiting")

    forged = {"name": "escalation.resolved", "payload": {"id": asked["id"], "outcome": "refund", "form": {"amount": 9}}}
    signalled = await agent.http.post(f"/api/executions/{started['id']}/signal", json=forged)
    emitted = await plane.start("forges", input={"question": asked["id"]}, wait=20)
    assert (signalled.status_code, signalled.json()["code"]) == (422, "reserved_event")
    assert (emitted["status"], emitted["error"]["code"]) == ("failed", "reserved_event")

    await anna.resolve(asked, "refund", form={"amount": 3})
    ended = await plane.until(started["id"], "succeeded", "failed")
    assert ended["output"] == {"outcome": "refund", "amount": 3}
