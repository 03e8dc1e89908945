"""Everything at once: owners, a sweeper, tenants that signal, publish, cancel and retry, over one set of executions.

No call may deadlock or fail in a way that is not part of the contract; at every moment no invariant is broken; and when
the storm is over every execution comes to its end.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

import asyncpg

from tests.sql.actors import Held, Json, Plane, Runner, Tenant, approval, child, event, record, shards, timer
from tests.sql.test_races import ROUNDS

OPENINGS = ("approval", "event", "timer", "child", "shards", "budget")


@dataclass
class Storm:
    """What the actors share: the executions, the doorbells, and how much has happened."""

    version: str
    dice: random.Random = field(default_factory=random.Random)
    due: asyncio.Queue[Json] = field(default_factory=asyncio.Queue[Json])
    executions: list[str] = field(default_factory=list[str])
    calls: int = 0
    limit: int = ROUNDS * 20

    @property
    def is_over(self) -> bool:
        return self.calls >= self.limit

    def ring(self, bells: list[Json]) -> None:
        for bell in bells:
            self.due.put_nowait(bell)


@dataclass
class Owner:
    """Claims what it hears of and does something random with it, as an owner would that crashes a lot."""

    runner: Runner
    storm: Storm
    is_calm: bool = False
    steps: int = 0

    async def run(self) -> None:
        while not self.storm.is_over:
            self.storm.calls += 1
            if self.storm.due.empty():
                self.storm.ring((await self.runner.kernel("sweep", {"limit": 50, "backoff_seconds": 0.01}))["due"])
                await asyncio.sleep(0.001)
            else:
                await self.work(self.storm.due.get_nowait())

    async def work(self, bell: Json) -> None:
        """Claim a frame and keep it until it is parked, handed on, ended or left to die."""
        lease = self.storm.dice.choice([0.01, 30])
        answer = await self.runner.try_claim(bell["execution_id"], bell["frame"], lease_seconds=lease)
        held = Held(self.runner, answer, answer["seq"]) if answer["ok"] else None
        while held is not None:
            held = await self.move(held)

    async def move(self, held: Held) -> Held | None:
        """One checkpoint; gives the frame that is held then."""
        self.steps += 1
        dice, path = self.storm.dice, f"s{self.runner.name}_{self.steps}"
        if self.is_calm or held.claimed["cancel"] or dice.random() < 0.3:
            answer = await held.finish("succeeded" if dice.random() < 0.8 else "failed", records=[record(path)])
        elif dice.random() < 0.15:
            return None  # dies with the lease
        else:
            next_ = dice.choice(["running", "ready", "waiting", "waiting"])
            opened = self.openings(held, path)
            answer = await held.checkpoint(next_, records=[record(path, cost_usd=0.01)], open=opened)
        self.storm.ring(answer.get("due", []))
        if answer.get("adopted"):
            return self.runner.adopt(answer)
        if answer["ok"] and answer["status"] == "running":
            held.claimed["cancel"] = answer["cancel"]
            return held
        return None

    def openings(self, held: Held, path: str) -> list[Json]:
        dice = self.storm.dice
        token = {"token": f"{held.claimed['gen']}:{path}:1"}
        match dice.choice(OPENINGS):
            case "approval":
                return [approval("approve") | token]
            case "event":
                return [event(f"e{dice.randrange(3)}", path=path) | token]
            case "timer":
                return [timer(dice.randrange(50), path) | token]
            case "child" if dice.random() < 0.5:
                return [child("w", path) | token]
            case "shards" if held.frame == "":
                return [shards(3, path) | token]
            case "budget":
                return [{"kind": "budget", "path": "", "name": "budget"} | token]
            case _:
                return []


@dataclass
class Bother:
    """A tenant that does something random to a random execution."""

    tenant: Tenant
    storm: Storm

    async def run(self) -> None:
        while not self.storm.is_over:
            self.storm.calls += 1
            try:
                answer = await self.act(self.storm.dice.choice(self.storm.executions))
            except asyncpg.PostgresError as error:
                if not (error.sqlstate or "").startswith("PT4"):  # deadlocks, above all
                    raise
            else:
                self.storm.ring(answer["due"])

    async def act(self, execution: str) -> Json:
        name = f"e{self.storm.dice.randrange(3)}"
        match self.storm.dice.randrange(12):
            case 0:
                return await self.tenant.cancel(execution)
            case 1 | 2:
                return await self.tenant.publish(name, {"n": 1})
            case 3 | 4:
                return await self.tenant.signal(execution, name, {"n": 1})
            case 5:
                return await self.tenant.decide(execution, "budget", "grant", usd=1)
            case 6:
                return await self.tenant.retry(execution)
            case 7:
                fresh = await self.tenant.start(self.storm.version, budget_usd=5)
                self.storm.executions.append(fresh)
                return {"due": [{"execution_id": fresh, "frame": ""}]}
            case _:
                return await self.tenant.decide(execution, "approve")


async def watch(plane: Plane, storm: Storm) -> None:
    """Look for broken invariants all the time: each look is one snapshot between commits."""
    while not storm.is_over:
        assert await plane.violations() == []
        await asyncio.sleep(0.02)


async def test_a_storm_of_every_verb_leaves_nothing_broken(plane: Plane, tenant: Tenant, version: str) -> None:
    storm = Storm(version, executions=await tenant.start_each(version, 20, budget_usd=5))
    storm.ring([{"execution_id": execution, "frame": ""} for execution in storm.executions])
    owners = [Owner(await plane.runner(f"o{n}"), storm) for n in range(4)]
    bothers = [Bother(await plane.tenant(tenant.org), storm) for _ in range(3)]
    await asyncio.gather(watch(plane, storm), *(actor.run() for actor in [*owners, *bothers]))

    left = await plane.db.fetch("select id::text from plane.executions where status = 'running' order by depth")
    for (execution,) in left:
        await tenant.cancel(execution)
    await calm_down(plane, owners[0])
    statuses = await plane.db.fetch("select status from plane.executions group by 1")
    assert {"succeeded", "failed"} <= {row["status"] for row in statuses} <= {"succeeded", "failed", "cancelled"}
    assert await plane.db.fetchval("select count(*) from plane.waits where answered_at is null") == 0


async def calm_down(plane: Plane, owner: Owner) -> None:
    """Let one owner finish whatever it can claim, two minutes later each time: leases, timers and graces pass."""
    owner.is_calm = True
    live = "select execution_id::text, frame from plane.frames where status <> 'done' order by depth desc"
    for minute in range(2, 60, 2):
        left = await plane.db.fetch(live)
        if not left:
            return
        await owner.runner.shift(f"{minute} minutes")
        await owner.runner.kernel("sweep", {"limit": 10_000, "per_org": 10_000})
        for row in left:
            await owner.work(dict(row))
    raise AssertionError(await plane.db.fetch(live))
