"""Escalations in SQL: one truth with what waits for them, in every race; and who is refused without any HTTP before it.

`AGENTPLANE_RACE_ROUNDS` is the number of rounds of every race (300 unless told).
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from functions.shared.auth.keys import AGENT_SCOPES
from tests.people import create_member
from tests.sql.actors import approval, connect, event
from tests.sql.scenes import TOLD_OTHERWISE
from tests.sql.test_races import ROUNDS, code_of, together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.sql.actors import Json, Plane, Runner, Tenant

CLOSED = ("escalation_closed", "wait_closed")


async def resolve(who: Tenant, escalation: str, outcome: str, **more: Any) -> Json:
    return await who.db.fetchval("select api.resolve_escalation($1)", {"id": escalation, "outcome": outcome, **more})


async def parked(runner: Runner, tenant: Tenant, version: str, count: int, **wait: Any) -> tuple[list[str], list[str]]:
    """Executions that wait for a decision; gives their ids and those of their escalations."""
    executions = await tenant.start_each(version, count)
    frames = await runner.claim_each(executions)
    await runner.checkpoint_each(frames, "waiting", open=[approval(**wait)])
    rows = await tenant.db.fetch("select execution_id::text, id::text from plane.escalations")
    asked = {row["execution_id"]: row["id"] for row in rows}
    return executions, [asked[execution] for execution in executions]


async def questions(tenant: Tenant, count: int, **fields: Any) -> list[str]:
    return await tenant.db.fetchval(
        "select jsonb_agg(plane.open_escalation($1)) from generate_series(1, $2)",
        {"reason": "May I?", "outcomes": ["a", "b"], **fields},
        count,
    )


async def outcomes_of(plane: Plane, escalations: Sequence[str]) -> Counter[str]:
    """How they ended; every one was told and audited exactly once."""
    assert await plane.db.fetch(TOLD_OTHERWISE) == []
    rows = await plane.db.fetch(
        "select status, outcome from plane.escalations where id = any ($1::uuid[])", list(escalations)
    )
    return Counter(f"{row['status']} {row['outcome'] or ''}".strip() for row in rows)


def winners(answers: Sequence[Any]) -> list[Any]:
    """The answers that had their way; all others were told that it was closed."""
    assert all(code_of(answer) in CLOSED for answer in answers if isinstance(answer, asyncpg.PostgresError)), answers
    return [answer for answer in answers if not isinstance(answer, asyncpg.PostgresError)]


async def test_two_people_and_a_timeout_at_once_give_one_outcome(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    anna, bert, late = await plane.tenant(tenant.org), await plane.tenant(tenant.org), await plane.runner("late")
    data = {"outcomes": ["a", "b"], "on_timeout": "a"}
    executions, asked = await parked(runner, tenant, version, ROUNDS, data=data, deadline_ms=60_000)
    await late.shift("2 minutes")

    for execution, escalation in zip(executions, asked, strict=True):
        *answers, claimed = await together(
            resolve(anna, escalation, "a"), resolve(bert, escalation, "b"), late.try_claim(execution)
        )
        won = winners(answers)
        assert len(won) <= 1
        assert claimed["ok"]
        wait = await plane.row("select outcome, payload from plane.waits where execution_id = $1", execution)
        seen = await plane.row("select status, outcome, decided_by from plane.escalations where id = $1", escalation)
        if won:
            assert (seen["status"], seen["outcome"]) == ("resolved", wait["outcome"]) == ("resolved", won[0]["outcome"])
            assert seen["decided_by"] == wait["payload"]["decided_by"]
        else:
            assert (seen["status"], seen["outcome"], wait["outcome"]) == ("timed_out", "a", "timed_out")

    ends = await outcomes_of(plane, asked)
    assert sum(ends.values()) == ROUNDS
    assert len(ends) == 3 or ROUNDS < 50, f"each of them must have been first at times: {ends}"


async def test_a_question_answered_by_two_while_it_times_out_has_one_outcome(
    plane: Plane, runner: Runner, tenant: Tenant
) -> None:
    anna, bert = await plane.tenant(tenant.org), await plane.tenant(tenant.org)
    asked = await questions(tenant, ROUNDS)

    for escalation in asked:
        await plane.db.execute("update plane.escalations set deadline = plane.clock() where id = $1", escalation)
        *answers, _ = await together(
            resolve(anna, escalation, "a"), resolve(bert, escalation, "b"), runner.kernel("time_out_escalation", {})
        )
        assert len(winners(answers)) <= 1
        closed = await plane.db.fetchval("select status from plane.escalations where id = $1", escalation)
        assert closed == ("resolved" if winners(answers) else "timed_out")

    ends = await outcomes_of(plane, asked)
    assert sum(ends.values()) == ROUNDS
    assert len(ends) == 3 or ROUNDS < 50, ends


async def test_a_cancel_and_an_answer_at_once_agree(plane: Plane, runner: Runner, tenant: Tenant, version: str) -> None:
    anna, other = await plane.tenant(tenant.org), await plane.tenant(tenant.org)
    executions, asked = await parked(runner, tenant, version, ROUNDS)

    for execution, escalation in zip(executions, asked, strict=True):
        answer, _ = await together(resolve(anna, escalation, "approve"), other.cancel(execution))
        wait = await plane.row("select outcome from plane.waits where execution_id = $1", execution)
        seen = await plane.row("select status from plane.escalations where id = $1", escalation)
        assert (wait["outcome"], seen["status"]) == (
            ("approve", "resolved") if winners([answer]) else ("cancelled", "cancelled")
        )

    ends = await outcomes_of(plane, asked)
    assert len(ends) == 2 or ROUNDS < 50, ends


async def test_a_link_against_its_member_and_against_itself(plane: Plane, runner: Runner, tenant: Tenant) -> None:
    member = await create_member(plane.db, tenant.org, may_decide_by_mail=True)
    dora = await plane.tenant(tenant.org, id=member.user_id)
    doors = [await connect(plane.login_url) for _ in range(2)]
    rounds = min(ROUNDS, 100)
    asked = await questions(tenant, rounds)
    tokens = {sha256(secret).hexdigest(): secret for secret in (secrets.token_bytes(32) for _ in range(rounds))}
    await runner.kernel("announce_escalations", {"limit": 1000})
    mails = (await runner.kernel("claim_mails", {"token_hashes": list(tokens)}))["mails"]
    assert sorted(mail["escalation"]["id"] for mail in mails) == sorted(asked)

    used: Counter[str] = Counter()
    for mail in mails:
        by_link = {"token_hash": mail["token_hash"], "outcome": "a"}
        answers = await together(
            *(door.fetchval("select api.call_public('answer_link', $1)", by_link) for door in doors),
            resolve(dora, mail["escalation"]["id"], "b"),
        )
        refused = [code_of(answer) for answer in answers if isinstance(answer, asyncpg.PostgresError)]
        assert len(refused) == 2
        assert set(refused) <= {"escalation_closed", "link_closed", "link_used"}
        used["member" if isinstance(answers[0], Exception) and isinstance(answers[1], Exception) else "link"] += 1

    ends = await outcomes_of(plane, asked)
    assert (ends["resolved a"], ends["resolved b"]) == (used["link"], used["member"])
    for door in doors:
        await door.close()


async def test_a_budget_of_many_frames_is_asked_once_and_closed_with_the_last(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    """Each round three frames of one tree run out of money while somebody grants and somebody cancels."""
    anna, others = await plane.tenant(tenant.org), [await plane.runner(f"r{n}") for n in range(3)]
    budget = {"kind": "budget", "path": "", "name": "budget", "data": {"outcomes": ["grant", "stop"]}}
    for _ in range(min(ROUNDS, 60)):
        execution = await tenant.start(version)
        root = await runner.claim(execution)
        parts = [{"frame": f"items/{n}", "path": "items", "from": n, "to": n + 1, "max_parallel": 1} for n in range(3)]
        await root.checkpoint(open=[{"token": "0:items:1", "kind": "shards", "path": "items", "shards": parts}])
        held = [await others[n].claim(execution, f"items/{n}") for n in range(3)]
        await held[0].checkpoint("waiting", open=[{**budget, "token": "0:b0:1"}])
        escalation = await plane.db.fetchval(
            "select id::text from plane.escalations where execution_id = $1", execution
        )

        answers = await together(
            held[1].checkpoint("waiting", open=[{**budget, "token": "0:b1:1"}]),
            held[2].checkpoint("waiting", open=[{**budget, "token": "0:b2:1"}]),
            resolve(anna, escalation, "grant", form={"usd": "1"}),
        )

        assert [answer["ok"] for answer in answers[:2]] == [True, True]
        assert answers[2]["status"] == "answered"
        assert await plane.violations() == []
        open_waits = await plane.db.fetchval(
            "select count(*) from plane.waits where execution_id = $1 and kind = 'budget' and answered_at is null",
            execution,
        )
        open_questions = await plane.db.fetchval(
            "select count(*) from plane.escalations where execution_id = $1 and decided_at is null", execution
        )
        assert open_questions == (1 if open_waits else 0)
        await tenant.cancel(execution)
        assert await plane.violations() == []
    assert await plane.db.fetch(TOLD_OTHERWISE) == []


async def test_the_answer_and_the_wait_for_it_never_miss_each_other(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    asked = await questions(tenant, ROUNDS)
    anna = await plane.tenant(tenant.org)
    frames = await runner.claim_each(await tenant.start_each(version, ROUNDS))
    woken: Counter[str] = Counter()

    for escalation, held in zip(asked, frames, strict=True):
        wait = event("escalation.resolved", match={"id": escalation})
        resolved, parked_as = await together(resolve(anna, escalation, "a"), held.checkpoint("waiting", open=[wait]))
        assert resolved["status"] == "answered"
        kept = await plane.row("select outcome, payload from plane.waits where execution_id = $1", held.execution_id)
        assert (kept["outcome"], kept["payload"]["outcome"]) == ("answered", "a")
        woken[parked_as["status"]] += 1

    assert len(woken) == 2 or ROUNDS < 50, f"both orders must have happened: {woken}"


# Refusals, without any HTTP


async def refusal(call: Any) -> tuple[str, str]:
    with pytest.raises(asyncpg.PostgresError) as refused:
        await call
    return refused.value.sqlstate or "", code_of(refused.value)


async def test_a_key_a_stranger_and_a_viewer_are_refused_in_sql(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    _, (asked,) = await parked(runner, tenant, version, 1)
    operator_key = await plane.tenant(tenant.org, kind="operator")
    agent_key = await plane.tenant(tenant.org, kind="agent", scopes=AGENT_SCOPES)
    viewer = await plane.tenant(tenant.org, scopes=["escalations:read"])
    stranger = await plane.tenant()

    assert await refusal(resolve(operator_key, asked, "approve")) == ("PT403", "people_only")
    assert await refusal(resolve(agent_key, asked, "approve")) == ("PT403", "people_only")
    assert await refusal(resolve(viewer, asked, "approve")) == ("PT403", "missing_scope")
    assert await refusal(resolve(stranger, asked, "approve")) == ("PT404", "escalation_not_found")
    for who in (operator_key, agent_key, viewer, stranger):
        signal = who.db.fetchval(
            "select plane.signal_execution(execution_id, 'approve', '{\"outcome\": \"approve\"}')"
            " from plane.escalations where id = $1",
            asked,
        )
        if who is stranger:
            assert await signal is None  # sees no such row
        else:
            assert (await refusal(signal))[0] == "PT403"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await who.db.execute("update plane.escalations set status = 'resolved'")
    assert await plane.db.fetchval("select status from plane.escalations where id = $1", asked) == "open"


async def test_an_expired_token_is_refused_at_the_door(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    _, (asked,) = await parked(runner, tenant, version, 1)
    member = await create_member(plane.db, tenant.org)
    door = await connect(plane.login_url)
    payload = {"id": asked, "outcome": "approve"}

    async def call(claims: Json) -> Any:
        return await door.fetchval(
            "select api.call_with_token($1, 'resolve_escalation', $2, $3)", claims, payload, tenant.org.id
        )

    assert await refusal(call(member.claims(expires_in=-1))) == ("PT401", "token_expired")
    assert (await refusal(call({**member.claims(), "sub": "nobody"})))[0] == "PT401"
    assert (await refusal(call({**member.claims(), "role": "anon"})))[0] == "PT401"
    assert (await call(member.claims()))["status"] == "answered"
    await door.close()


async def test_a_link_is_refused_for_what_is_wrong_with_it(plane: Plane, runner: Runner, tenant: Tenant) -> None:
    await create_member(plane.db, tenant.org, may_decide_by_mail=True)
    (asked,) = await questions(tenant, 1)
    token_hash = sha256(b"secret").hexdigest()
    await runner.kernel("announce_escalations", {})
    assert (await runner.kernel("claim_mails", {"token_hashes": [token_hash]}))["mails"]
    door = await connect(plane.login_url)

    async def call(verb: str, **payload: Any) -> Any:
        return await door.fetchval("select api.call_public($1, $2)", verb, payload)

    for wrong in (sha256(b"Secret").hexdigest(), "x", None):
        assert await refusal(call("open_link", token_hash=wrong)) == ("PT404", "link_not_found")
        assert await refusal(call("answer_link", token_hash=wrong, outcome="a")) == ("PT404", "link_not_found")
    assert await refusal(call("answer_link", token_hash=token_hash, outcome="c")) == ("PT422", "invalid_outcome")
    assert (await call("open_link", token_hash=token_hash))["escalation"]["status"] == "open"
    other = (await questions(tenant, 1))[0]
    await call("answer_link", token_hash=token_hash, outcome="a", id=other)  # the link says which one
    rows = await plane.db.fetch("select id::text, status from plane.escalations")
    assert {row["id"]: row["status"] for row in rows} == {asked: "resolved", other: "open"}
    await plane.db.execute("update plane.escalations set needs_aal2 = true, decided_at = null, status = 'open'")
    await plane.db.execute("update plane.escalation_links set used_at = null")
    assert await refusal(call("open_link", token_hash=token_hash)) == ("PT403", "aal2_required")
    assert await plane.db.fetchval("select token_hash from plane.escalation_links") != bytes.fromhex(token_hash)
    await door.close()


async def test_what_a_tenant_asks_is_in_its_own_organisation(plane: Plane, tenant: Tenant) -> None:
    other = await plane.org()
    claims = json.dumps({"org_id": other.id})

    made = await tenant.db.fetchval(
        "select plane.open_escalation($1)", {"reason": "r", "org_id": other.id, "created_by": json.loads(claims)}
    )

    row = await plane.row("select org_id::text, created_by from plane.escalations where id = $1", made)
    assert (row["org_id"], row["created_by"]) == (tenant.org.id, tenant.actor)
