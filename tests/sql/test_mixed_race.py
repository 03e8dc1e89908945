"""Everything at once: owners, a sweeper, tenants that signal, publish and cancel, over one set of executions.

No call may deadlock or fail in a way that is not part of the contract; at every moment no invariant is broken; and when the
storm is over every execution comes to its end.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import asyncpg

from tests.sql.actors import Held, Plane, Runner, Tenant, approval, child, event, record, shards, timer
from tests.sql.test_races import ROUNDS

OPENINGS = ("approval", "event", "timer", "child", "shards", "budget")


class Owner:
    """Claims what it hears of and does something random with it, as a crash-happy owner would."""

    def __init__(self, runner: Runner, dice: random.Random, due: asyncio.Queue[Any]) -> None:
        self.runner, self.dice, self.due = runner, dice, due
        self.steps = 0

    async def work(self, bell: dict[str, Any], *, is_calm: bool) -> None:
        answer = await self.runner.try_claim(bell["execution_id"], bell["frame"], lease_seconds=self.dice.choice([0.01, 30]))
        if not answer["ok"]:
            return
        held: Held | None = Held(self.runner, answer, answer["seq"])
        while held is not None:
            held = await self.move(held, is_calm=is_calm)

    async def move(self, held: Held, *, is_calm: bool) -> Held | None:
        """One checkpoint; gives the frame that is held then."""
        self.steps += 1
        path = f"s{self.runner.name}_{self.steps}"
        claimed = held.claimed
        is_stopping = is_calm or claimed["cancel"] is not None
        if is_stopping or self.dice.random() < 0.3:
            status = "succeeded" if self.dice.random() < 0.8 else "failed"
            answer = await held.finish(status, records=[record(path)])
        elif self.dice.random() < 0.15:
            return None  # dies with the lease
        else:
            next_ = self.dice.choice(["running", "ready", "waiting", "waiting"])
            answer = await held.checkpoint(next_, records=[record(path, cost_usd=0.01)], open=self.openings(held, path))
        for bell in answer.get("due", []):
            self.due.put_nowait(bell)
        if answer.get("adopted"):
            return self.runner.adopt(answer)
        if answer["ok"] and answer["status"] == "running":
            held.claimed["cancel"] = answer["cancel"]
            return held
        return None

    def openings(self, held: Held, path: str) -> list[dict[str, Any]]:
        kind = self.dice.choice(OPENINGS)
        token = {"token": f"{held.claimed['gen']}:{path}:1"}
        match kind:
            case "approval":
                return [approval("approve") | token]
            case "event":
                return [event(f"e{self.dice.randrange(3)}", path=path) | token]
            case "timer":
                return [timer(self.dice.randrange(50), path) | token]
            case "child" if self.dice.random() < 0.5:
                return [child("w", path) | token]
            case "shards" if held.frame == "":
                return [shards(3, path) | token]
            case "budget":
                return [{"kind": "budget", "path": "", "name": "budget"} | token]
            case _:
                return []


async def test_a_storm_of_every_verb_leaves_nothing_broken(plane: Plane, tenant: Tenant, version: str) -> None:
    dice = random.Random()  # noqa: S311
    due: asyncio.Queue[Any] = asyncio.Queue()
    owners = [Owner(await plane.runner(f"o{n}"), dice, due) for n in range(4)]
    tenants = [await plane.tenant(tenant.org) for _ in range(3)]
    executions = await tenant.start_each(version, 20, budget_usd=5)
    for execution in executions:
        due.put_nowait({"execution_id": execution, "frame": ""})
    calls = 0
    is_over = False

    async def own(owner: Owner) -> None:
        nonlocal calls
        while not is_over:
            calls += 1
            if due.empty():
                swept = await owner.runner.kernel("sweep", {"limit": 50, "backoff_seconds": 0.01})
                for bell in swept["due"]:
                    due.put_nowait(bell)
                await asyncio.sleep(0.001)
            else:
                await owner.work(due.get_nowait(), is_calm=False)

    async def bother(who: Tenant) -> None:
        nonlocal calls
        while not is_over:
            calls += 1
            execution = dice.choice(executions)
            try:
                match dice.randrange(12):
                    case 0:
                        answer = await who.cancel(execution)
                    case 1 | 2:
                        answer = await who.publish(f"e{dice.randrange(3)}", {"n": calls})
                    case 3 | 4:
                        answer = await who.signal(execution, f"e{dice.randrange(3)}", {"n": calls})
                    case 5:
                        answer = await who.decide(execution, "budget", "grant", usd=1)
                    case 6:
                        answer = await who.retry(execution)
                    case 7:
                        fresh = await who.start(version, budget_usd=5)
                        executions.append(fresh)
                        answer = {"due": [{"execution_id": fresh, "frame": ""}]}
                    case _:
                        answer = await who.decide(execution, "approve")
            except asyncpg.PostgresError as error:
                assert (error.sqlstate or "").startswith("PT4"), error
                continue
            for bell in answer["due"]:
                due.put_nowait(bell)

    async def watch() -> None:
        while not is_over:
            assert await plane.violations() == []
            await asyncio.sleep(0.02)

    async def clock() -> None:
        nonlocal is_over
        while calls < ROUNDS * 20:
            await asyncio.sleep(0.05)
        is_over = True

    await asyncio.gather(clock(), watch(), *(own(owner) for owner in owners), *(bother(who) for who in tenants))
    for (execution,) in await plane.db.fetch("select id::text from plane.executions where status = 'running' order by depth"):
        await tenants[0].cancel(execution)
    await calm_down(plane, owners[0], due)
    statuses = await plane.db.fetch("select status, count(*) from plane.executions group by 1")
    assert {row["status"] for row in statuses} <= {"succeeded", "failed", "cancelled"}
    assert await plane.db.fetchval("select count(*) from plane.waits where answered_at is null") == 0
    twice = "select count(*) from (select 1 from plane.checkpoints group by execution_id, gen, path having count(*) > 1) as x"
    assert await plane.db.fetchval(twice) == 0
    assert len(statuses) > 1


async def calm_down(plane: Plane, owner: Owner, due: asyncio.Queue[Any]) -> None:
    """Let one owner finish whatever it can claim, a minute later each time: leases, timers and graces pass."""
    for minute in range(1, 30):
        left = await plane.db.fetch("select execution_id::text, frame from plane.frames where status <> 'done' order by depth desc")
        if not left:
            return
        await owner.runner.shift(f"{minute * 2} minutes")
        await owner.runner.kernel("sweep", {"limit": 10_000, "per_org": 10_000})
        for row in left:
            await owner.work({"execution_id": row["execution_id"], "frame": row["frame"]}, is_calm=True)
        while not due.empty():
            due.get_nowait()
    raise AssertionError(await plane.db.fetch("select execution_id::text, frame, status, due_at from plane.frames where status <> 'done'"))
