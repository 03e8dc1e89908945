"""Steps that another agent does, through the real engine: what comes back, faults, and agents that are killed."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import PIPE, Popen
from typing import TYPE_CHECKING, Any, cast

import pytest

from functions.shared.chores.chore import Plane as ChorePlane
from functions.shared.chores.handoffs import EXPIRE_HANDOFFS
from functions.shared.config import Settings
from functions.shared.db import kernel
from functions.shared.engine.policy import Policy
from functions.shared.errors import Conflict, PlaneError
from tests.e2e.conftest import Plane, running_plane
from tests.e2e.faults import Fault, WatchedDatabase

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from functions.shared.jsonvalue import JsonObject
    from tests.e2e.tenant import Tenant
    from tests.organisations import Org

REVIEW = """
    name: review
    steps:
      before: {tool: {name: json_query, with: {data: 1, query: "@"}}}
      review:
        needs: [before]
        handoff: {to: reviewer, packet: {goal: Review it}, context: {draft: d1}, output: {verdict: string}, @more@}
      after: {needs: [review], tool: {name: json_query, with: {data: 2, query: "@"}}}
    output: ${{ steps.review.output }}
"""
DONE: JsonObject = {"verdict": "ok"}


@dataclass
class Colleague:
    """The other agent, with a key of the organisation."""

    plane: Plane
    name: str = "reviewer"

    async def call(self, verb: str, payload: JsonObject) -> dict[str, Any]:
        return cast("dict[str, Any]", await self.plane.db.call(verb, payload, self.plane.tenant.org.agent))

    async def register(self, **fields: Any) -> str:
        return str((await self.call("register_agent", {"name": self.name, **fields}))["id"])

    async def offered(self, *, within: float = 15) -> dict[str, Any]:
        """Wait for the next hand-off to this agent."""
        agent = (await self.call("get_agent", {"name": self.name}))["id"]
        until = asyncio.get_running_loop().time() + within
        while True:
            found = (await self.call("list_handoffs", {"limit": 10, "cursor": None, "offered_to": agent}))["data"]
            if found:
                return cast("dict[str, Any]", found[0])
            assert asyncio.get_running_loop().time() < until, "nothing was handed over"
            await asyncio.sleep(0.02)

    async def take(self, lease_s: float = 60) -> JsonObject:
        """Claim what is offered; gives {id, token}."""
        offered = await self.offered()
        claimed = await self.call("claim_handoff", {"id": offered["id"], "lease_seconds": lease_s})
        return {"id": offered["id"], "token": claimed["token"]}

    async def end(self, verb: str, payload: JsonObject) -> None:
        """Complete, reject or release, and ring for the step that waits."""
        await self.plane.tenant.bell.ring((await self.call(f"{verb}_handoff", payload))["due"])


@pytest.fixture
async def reviewer(plane: Plane) -> Colleague:
    colleague = Colleague(plane)
    await colleague.register(capabilities=["review"])
    return colleague


async def started(plane: Plane, more: str = "max_attempts: 3") -> str:
    return await plane.tenant.start(await plane.tenant.define(REVIEW, more=more))


async def handoff_of(reviewer: Colleague, execution: str) -> dict[str, Any]:
    listed = await reviewer.call("list_handoffs", {"limit": 10, "cursor": None, "execution_id": execution})
    [handoff] = listed["data"]
    return cast("dict[str, Any]", handoff)


async def test_another_agent_does_a_step_and_its_output_is_the_steps(plane: Plane, reviewer: Colleague) -> None:
    execution = await started(plane)
    offered = await reviewer.offered()
    assert (offered["execution_id"], offered["path"], offered["context"]) == (execution, "review", {"draft": "d1"})
    assert offered["packet"] == {"goal": "Review it", "acceptance": {"schema": {"verdict": "string"}}}
    [wait] = (await plane.tenant.get(execution))["waiting_for"]
    assert (wait["kind"], wait["to"], wait["goal"], wait["handoff_id"]) == (
        "handoff",
        "reviewer",
        "Review it",
        offered["id"],
    )
    assert (await plane.tenant.steps(execution))["review"]["status"] == "waiting"
    await reviewer.end("complete", {**await reviewer.take(), "output_data": DONE})
    ended = await plane.tenant.ended(execution)
    assert (ended["status"], ended["output"]) == ("succeeded", DONE)
    step = (await plane.tenant.steps(execution))["review"]
    assert (step["kind"], step["status"], step["duration_ms"] > 0) == ("handoff", "succeeded", True)


async def test_an_agent_that_is_named_gets_the_input(plane: Plane, reviewer: Colleague) -> None:
    version = await plane.tenant.define(
        """
        name: help
        steps:
          help: {agent: {ref: reviewer, goal: Read it, input: {text: "x"}}}
        output: ${{ steps.help.output }}
        """
    )
    execution = await plane.tenant.start(version)
    offered = await reviewer.offered()
    assert (offered["packet"], offered["context"]) == ({"goal": "Read it"}, {"text": "x"})
    await reviewer.call("accept_handoff", {"id": offered["id"]})
    await reviewer.end("complete", {"id": offered["id"], "output_data": [1, 2]})
    assert (await plane.tenant.ended(execution))["output"] == [1, 2]


async def test_an_open_call_is_done_by_whoever_fits(plane: Plane, reviewer: Colleague) -> None:
    version = await plane.tenant.define(
        """
        name: call
        steps:
          all:
            for_each: [1, 2, 3]
            handoff: {match: {skills: [review]}, packet: {goal: "Review ${{ item }}"}}
        output: ${{ steps.all.output }}
        """
    )
    execution = await plane.tenant.start(version)
    agent = (await reviewer.call("get_agent", {"name": "reviewer"}))["id"]
    for _ in range(3):
        await reviewer.offered()
        claimed = await reviewer.call("claim_next_handoff", {"agent_id": agent, "lease_seconds": 60})
        assert claimed is not None
        done: JsonObject = {"id": claimed["id"], "token": claimed["token"]}
        await reviewer.end("complete", {**done, "output_data": claimed["packet"]["goal"]})
    assert (await plane.tenant.ended(execution))["output"] == ["Review 1", "Review 2", "Review 3"]


async def test_a_rejection_and_a_dead_hand_off_fail_the_step(plane: Plane, reviewer: Colleague) -> None:
    rejected = await started(plane)
    await reviewer.end("reject", {**await reviewer.take(), "reason": "no time"})
    ended = await plane.tenant.ended(rejected)
    assert (ended["error"]["code"], ended["error"]["message"]) == ("handoff_rejected", "no time")
    dead = await started(plane, "max_attempts: 2")
    for _ in range(2):
        await reviewer.end("release", await reviewer.take())
    assert (await plane.tenant.ended(dead))["error"]["code"] == "handoff_dead"


async def test_work_for_an_agent_that_nobody_knows_fails_at_once(plane: Plane) -> None:
    assert (await plane.tenant.ended(await started(plane)))["error"]["code"] == "agent_not_found"


async def test_work_that_comes_too_late_is_taken_back(plane: Plane, reviewer: Colleague) -> None:
    execution = await started(plane, "timeout: 300ms")
    claim = await reviewer.take()
    assert (await plane.tenant.ended(execution))["error"]["code"] == "timed_out"
    with pytest.raises(Conflict) as late:
        await reviewer.end("complete", {**claim, "output_data": DONE})
    assert late.value.code == "handoff_ended"
    assert (await handoff_of(reviewer, execution))["error"]["code"] == "timed_out"
    otherwise = await started(plane, "timeout: 50ms, on_timeout: {output: {verdict: nobody read it}}")
    assert (await plane.tenant.ended(otherwise))["output"] == {"verdict": "nobody read it"}


async def test_a_cancelled_execution_takes_its_work_back(plane: Plane, reviewer: Colleague) -> None:
    execution = await started(plane)
    claim = await reviewer.take()
    with pytest.raises(Conflict) as bound:
        await reviewer.call("cancel_handoff", {"id": claim["id"]})
    assert bound.value.code == "bound_to_execution"
    await plane.tenant.cancel(execution)
    assert (await plane.tenant.ended(execution))["status"] == "cancelled"
    assert (await handoff_of(reviewer, execution))["status"] == "cancelled"


async def test_the_chore_buries_work_whose_deadline_passed_and_wakes_the_step(
    plane: Plane, reviewer: Colleague, admin: asyncpg.Connection[Any]
) -> None:
    execution = await started(plane)
    offered = await reviewer.offered()
    await admin.execute("update plane.handoffs set deadline_at = plane.clock() where id = $1", offered["id"])
    due = await EXPIRE_HANDOFFS.run(ChorePlane(plane.db, Settings(_env_file=None)))  # type: ignore[call-arg]
    await plane.tenant.bell.ring(due)
    assert (await plane.tenant.ended(execution))["error"]["code"] == "handoff_dead"


async def test_completing_against_timing_out_and_cancelling_has_one_outcome(
    plane: Plane, reviewer: Colleague, admin: asyncpg.Connection[Any]
) -> None:
    outcomes: set[str] = set()
    for number in range(20):
        execution = await started(plane, "timeout: 150ms")
        with suppress(Conflict):  # a slow machine: it was over before it could be claimed
            claim = await reviewer.take()
            await asyncio.sleep(0.0075 * number)
            rivals = [reviewer.end("complete", {**claim, "output_data": DONE}), plane.tenant.cancel(execution)]
            await asyncio.gather(*rivals, return_exceptions=True)
        ended = await plane.tenant.ended(execution)
        handoff = await handoff_of(reviewer, execution)
        step = (await plane.tenant.steps(execution))["review"]
        if step["status"] == "succeeded":
            assert handoff["status"] == "completed"
        elif handoff["status"] == "completed":  # it may be done right before what waits for it is cancelled
            assert ended["status"] == "cancelled", (ended, handoff, step)
        outcomes.add(handoff["status"])
    assert outcomes <= {"completed", "cancelled"}
    assert await admin.fetchval("select count(*) from plane.waits where answered_at is null") == 0


# Faults


async def _broken(watched: WatchedDatabase, db: AsyncpgDatabase, org: Org) -> Any:
    """Run an execution to its end over a database that breaks; gives its output."""
    policy = Policy(owner="one", lease_s=2, extend_every_s=0.2)
    async with running_plane(watched, org, policy=policy, sweep_every_s=0.1) as plane:
        tenant = replace(plane.tenant, db=db)
        reviewer = Colleague(replace(plane, tenant=tenant, db=db))
        await reviewer.register()
        execution = await tenant.start(await tenant.define(REVIEW, more="max_attempts: 3"))
        working = asyncio.create_task(_work(reviewer))
        await _until_over(watched, tenant, execution)
        await plane.bell.stop(grace_s=0)
        working.cancel()
    async with running_plane(db, org, policy=replace(policy, owner="two"), sweep_every_s=0.1) as plane:
        await plane.bell.ring(await kernel.report_owner_dead(db, owner="one"))
        working = asyncio.create_task(_work(Colleague(plane)))
        ended = await plane.tenant.ended(execution)
        working.cancel()
    assert await kernel.get_violations(db) == []
    listed = await reviewer.call("list_handoffs", {"limit": 10, "cursor": None, "execution_id": execution})
    assert [handoff["status"] for handoff in listed["data"]] == ["completed"]
    return ended["output"]


async def _until_over(watched: WatchedDatabase, tenant: Tenant, execution: str) -> None:
    for _ in range(2_000):
        if watched.died.is_set() or (await tenant.get(execution))["ended_at"] is not None:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"still not over: {await tenant.get(execution)} {watched.calls}")


async def _work(reviewer: Colleague) -> None:
    """Do it; a former one may have died with its claim, which then runs out."""
    with suppress(PlaneError, AssertionError):
        await reviewer.end("complete", {**await reviewer.take(lease_s=1), "output_data": DONE})


@pytest.mark.parametrize(
    ("fault", "is_crash"), [("before", False), ("lost", False), ("twice", False), ("before", True), ("lost", True)]
)
async def test_whatever_call_breaks_the_work_is_handed_over_once_and_its_output_counts(
    fault: Fault, is_crash: bool, db: AsyncpgDatabase, org: Org
) -> None:
    calm = WatchedDatabase(db)
    assert await _broken(calm, db, org) == DONE
    assert len(calm.calls) >= 4
    assert calm.calls[0] == "report_owner_dead", "the plane's own, as it starts"
    for at in range(2, len(calm.calls) + 1):
        assert await _broken(WatchedDatabase(db, at=at, fault=fault, is_crash=is_crash), db, org) == DONE, at


# Agents that are killed

WORKER = """
import asyncio, sys
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.db.port import ApiKey

async def main(url, key, agent, seconds):
    db = await AsyncpgDatabase.connect(url)
    claimed = None
    while claimed is None:
        claimed = await db.call("claim_next_handoff", {"agent_id": agent, "lease_seconds": 1}, ApiKey(key))
        await asyncio.sleep(0.02)
    print(claimed["id"], flush=True)
    await asyncio.sleep(float(seconds))
    done = {"id": claimed["id"], "token": claimed["token"], "output_data": {"verdict": "done"}}
    await db.call("complete_handoff", done, ApiKey(key))
    print("done", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_the_work_of_a_killed_agent_comes_back_and_a_second_one_completes_it(
    plane: Plane, reviewer: Colleague, db_url: str, authenticator_url: Callable[[str], str]
) -> None:
    agent = (await reviewer.call("get_agent", {"name": "reviewer"}))["id"]
    key = plane.tenant.org.agent.key_hash

    def work(seconds: float) -> Popen[str]:
        command = [sys.executable, "-c", WORKER, authenticator_url(db_url), key, agent, str(seconds)]
        return Popen(command, stdout=PIPE, text=True, cwd=Path(__file__).resolve().parents[2])

    async def says(process: Popen[str]) -> str:
        assert process.stdout is not None
        return (await asyncio.to_thread(process.stdout.readline)).strip()

    execution = await started(plane)
    with work(30) as first:
        handoff = await says(first)
        first.send_signal(signal.SIGKILL)
    with work(0) as second:
        assert await says(second) == handoff
        assert await says(second) == "done"
    assert (await plane.tenant.ended(execution))["output"] == {"verdict": "done"}
    ended = await handoff_of(reviewer, execution)
    assert (ended["status"], ended["attempts"]) == ("completed", 2)
