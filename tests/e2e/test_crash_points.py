"""Every call to the database of a reference execution is broken in every way; each execution still ends right."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.shared.db import kernel
from functions.shared.engine.attempt import idempotency_key
from functions.shared.engine.policy import Policy
from tests.e2e.conftest import running_plane
from tests.e2e.counting_server import CountingServer
from tests.e2e.faults import Fault, WatchedDatabase

if TYPE_CHECKING:
    import asyncpg

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.e2e.tenant import Tenant
    from tests.organisations import Org

CHILD = """
    name: part
    input: {name: {type: string, default: someone}}
    steps:
      call: {http: {url: "@url@/part"}}
    output: ${{ input.name }}
"""
REFERENCE = """
    name: reference
    steps:
      left: {http: {url: "@url@/left"}}
      right: {when: "false", http: {url: "@url@/never"}}
      items:
        needs: [left, right]
        for_each: [1, 2, 3]
        max_parallel: 2
        http: {url: "@url@/items/${{ item }}"}
      rounds:
        needs: [items]
        loop: {max: 2, until: "false"}
        steps:
          call: {http: {url: "@url@/round/${{ loop.index }}"}}
          size: {needs: [call], transform: "${{ steps.call.output.status }}"}
        output: ${{ steps.size.output }}
      nap: {needs: [left], wait: {for: 30ms}}
      news: {needs: [left], wait: {event: news}}
      count: {needs: [rounds, nap, news], state: {component: reference, increment: "${{ input.key }}"}}
      sub: {needs: [count], workflow: {ref: part, input: {}}}
    input: {key: string}
    output:
      items: ${{ steps.items.output | map(attribute='status') | list }}
      rounds: ${{ steps.rounds.output }}
      news: ${{ steps.news.output }}
      count: ${{ steps.count.output }}
      sub: ${{ steps.sub.output }}
"""
OUTPUT = {"items": [200, 200, 200], "rounds": 200, "news": {"what": "rain"}, "count": 1, "sub": "someone"}
PATHS = {
    *("left", "right", "items", "items[0]", "items[1]", "items[2]"),
    *("rounds", "rounds[0]", "rounds[0].call", "rounds[0].size", "rounds[1]", "rounds[1].call", "rounds[1].size"),
    *("nap", "news", "count", "sub"),
}
AT_ONCE = 8


@dataclass(frozen=True)
class Case:
    at: int
    fault: Fault
    is_crash: bool

    @property
    def owner(self) -> str:
        return f"{self.at}-{self.fault}-{self.is_crash}"


@dataclass
class Trial:
    """One execution under one fault, and what had been recorded and called when the fault struck."""

    case: Case
    watched: WatchedDatabase
    execution: str = ""
    recorded: frozenset[str] = frozenset()
    calls: dict[str, int] | None = None


async def test_every_call_of_a_reference_execution_may_fail_get_lost_come_twice_or_be_the_last(
    db: AsyncpgDatabase, org: Org, admin: asyncpg.Connection[Any]
) -> None:
    async with CountingServer() as server:
        async with running_plane(db, org, sweep_every_s=None) as plane:
            await plane.tenant.define(CHILD, url=server.url)
            version = await plane.tenant.define(REFERENCE, url=server.url)
            without = await _try(Case(0, "before", is_crash=False), db, org, version, server)
            assert (await plane.tenant.get(without.execution))["output"] == OUTPUT
        number = len(without.watched.calls)
        assert 10 <= number <= 30, without.watched.calls
        cases = [
            Case(at, fault, is_crash=False) for at in range(2, number + 1) for fault in ("before", "lost", "twice")
        ]
        cases += [Case(at, fault, is_crash=True) for at in range(2, number + 1) for fault in ("before", "lost")]
        gate = asyncio.Semaphore(AT_ONCE)

        async def guarded(case: Case) -> Trial:
            async with gate:
                return await _try(case, db, org, version, server)

        trials = await asyncio.gather(*(guarded(case) for case in cases))
        struck = sum(len(trial.watched.calls) >= trial.case.at for trial in trials)
        assert struck >= 0.75 * len(trials), (struck, len(trials))  # how results share checkpoints varies a little
        async with running_plane(db, org, sweep_every_s=0.2) as plane:
            for case in cases:
                await plane.bell.ring(await kernel.report_owner_dead(db, owner=case.owner))
            for trial in trials:
                await _check(trial, plane.tenant, server)
    assert await kernel.get_violations(db) == []
    assert await admin.fetchval("select count(*) from plane.frames where status <> 'done'") == 0


async def _try(case: Case, db: AsyncpgDatabase, org: Org, version: str, server: CountingServer) -> Trial:
    """Run one execution until it ends, dies, or is left to the sweeper."""
    watched = WatchedDatabase(db, at=case.at, fault=case.fault, is_crash=case.is_crash)
    trial = Trial(case, watched)
    policy = Policy(owner=case.owner, lease_s=20, extend_every_s=0.5)
    async with running_plane(watched, org, policy=policy, sweep_every_s=None) as plane:
        trial.execution = await plane.tenant.start(version, {"key": case.owner}, ring=False)
        await plane.tenant.signal(trial.execution, "news", {"what": "rain"})
        await plane.bell.ring([{"execution_id": trial.execution, "frame": "", "queue": "default", "org_id": org.id}])
        idle = 0
        while idle < 10 and not watched.died.is_set():
            await asyncio.sleep(0.02)
            idle = idle + 1 if plane.bell.is_idle else 0
            if idle and (await plane.tenant.get(trial.execution))["ended_at"] is not None:
                break
    if watched.died.is_set():
        steps = await plane.tenant.steps(trial.execution)
        trial.recorded = frozenset(path for path, step in steps.items() if step["status"] == "succeeded")
        trial.calls = dict(server.keys)
    return trial


async def _check(trial: Trial, tenant: Tenant, server: CountingServer) -> None:
    ended = await tenant.ended(trial.execution, within=30)
    assert (ended["status"], ended["output"]) == ("succeeded", OUTPUT), (trial.case, ended)
    steps = await tenant.steps(trial.execution)
    assert set(steps) == PATHS, trial.case
    for path, step in steps.items():
        key = idempotency_key(trial.execution, 0, path)
        if step["kind"] != "http" or step["status"] == "skipped":
            continue
        if trial.calls is None:
            assert server.keys[key] == 1, (trial.case, path)
        elif path in trial.recorded:
            assert server.keys[key] == trial.calls[key], (trial.case, path)
        else:
            assert server.keys[key] <= 2, (trial.case, path)
