"""Every call to the database of two reference executions is broken in every way; each execution still ends the same."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from functions.shared.db import kernel
from functions.shared.engine.attempt import idempotency_key
from functions.shared.engine.policy import Policy
from functions.shared.errors import Conflict
from tests.e2e.conftest import running_plane
from tests.e2e.counting_server import CountingServer
from tests.e2e.faults import Fault, WatchedDatabase

if TYPE_CHECKING:
    from collections.abc import Mapping

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
# `left` takes longer than an owner is silent. `fail=1`: the service turns the first attempt away. The long back-off is
# longer than a runner waits: it is parked.
REFERENCE = """
    name: reference
    input: {key: string}
    steps:
      left: {http: {url: "@url@/left?delay=0.2"}}
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
      soon:
        needs: [rounds, nap, news]
        retry: {max_attempts: 9, backoff: constant, first: 5ms}
        http: {url: "@url@/soon/${{ input.key }}?fail=1"}
      later:
        needs: [soon]
        retry: {max_attempts: 9, backoff: constant, first: 60ms}
        http: {url: "@url@/later/${{ input.key }}?fail=1"}
      approve: {needs: [later], approval: {message: "Pay?"}}
      pay:
        needs: [approve]
        effect: at_most_once
        on_unknown: ask
        http: {method: POST, url: "@url@/pay"}
      count: {needs: [pay], state: {component: reference, increment: "${{ input.key }}"}}
      sub: {needs: [count], workflow: {ref: part, input: {}}}
    output:
      items: ${{ steps.items.output | map(attribute='status') | list }}
      rounds: ${{ steps.rounds.output }}
      news: ${{ steps.news.output }}
      approve: ${{ steps.approve.output.outcome }}
      pay: ${{ steps.pay.output.status }}
      count: ${{ steps.count.output }}
      sub: ${{ steps.sub.output }}
"""
# More than 200 items are spread over frames of their own; three of them have an effect. The owner has something to do
# beside, so it runs when they have ended, and loads what they recorded.
SPREAD = """
    name: spread
    input: {key: string}
    steps:
      many:
        for_each: @items@
        max_parallel: 100
        steps:
          call: {when: "item % 100 == 0", http: {url: "@url@/many/${{ item }}"}}
      beside: {http: {url: "@url@/beside?delay=0.6"}}
      sum: {needs: [many, beside], http: {url: "@url@/sum"}}
    output: ${{ steps.many.output | length }}
"""
ITEMS = 201
OUTPUTS: dict[str, Any] = {
    "reference": {
        "items": [200, 200, 200],
        "rounds": 200,
        "news": {"what": "rain"},
        "approve": "approve",
        "pay": 200,
        "count": 1,
        "sub": "someone",
    },
    "spread": ITEMS,
}
TURNED_AWAY = Counter({"soon": 1, "later": 1})
AT_MOST_ONCE = "pay"
WAITS = {"approval", "timer", "event", "retry", "child", "shards"}
# Verbs that no execution calls: the sweeper's, the platform's and the health check's; and the one below the port.
NOT_OF_AN_EXECUTION = {"sweep", "report_dead", "get_violations", "move_together"}
LEASE_S = 20
AT_ONCE = 16


@dataclass(frozen=True)
class Case:
    """The `number`-th call (from 1) of a verb is broken."""

    workflow: str
    verb: str
    number: int
    fault: Fault
    is_crash: bool

    @property
    def owner(self) -> str:
        return f"{self.workflow}-{self.verb}-{self.number}-{self.fault}-{self.is_crash}".replace("_", "-").lower()


@dataclass
class Trial:
    """One execution under one fault, and what had been recorded and called when the process died."""

    case: Case
    watched: WatchedDatabase
    execution: str = ""
    recorded: frozenset[str] = frozenset()
    calls: dict[str, int] | None = None
    statuses: dict[str, str] = field(default_factory=dict)


async def test_every_call_of_the_reference_executions_may_fail_get_lost_come_twice_or_be_the_last(
    db: AsyncpgDatabase, org: Org, admin: asyncpg.Connection[Any]
) -> None:
    async with CountingServer() as server:
        async with running_plane(db, org, sweep_every_s=None) as plane:
            await plane.tenant.define(CHILD, url=server.url)
            versions = {
                "reference": await plane.tenant.define(REFERENCE, url=server.url),
                "spread": await plane.tenant.define(SPREAD, url=server.url, items=str(list(range(ITEMS)))),
            }
        undisturbed = {name: await _undisturbed(name, db, org, version, server) for name, version in versions.items()}
        await _has_everything(undisturbed, admin)
        cases = [case for trial in undisturbed.values() for case in _cases(trial)]
        gate = asyncio.Semaphore(AT_ONCE)

        async def guarded(case: Case) -> Trial:
            async with gate:
                return await _try(case, db, org, versions[case.workflow], server)

        trials = await asyncio.gather(*(guarded(case) for case in cases))
        missed = [trial.case for trial in trials if trial.watched.counts[trial.case.verb] < trial.case.number]
        assert len(missed) <= len(trials) / 10, missed  # how results share checkpoints varies a little
        async with running_plane(db, org, sweep_every_s=0.2) as plane:
            for case in cases:
                await plane.bell.ring(await kernel.report_owner_dead(db, owner=case.owner))
            await asyncio.gather(*(_see_end(trial, plane.tenant, server) for trial in trials))
            for trial in trials:
                await _check(trial, undisturbed[trial.case.workflow], plane.tenant, server)
    assert await kernel.get_violations(db) == []
    assert await admin.fetchval("select count(*) from plane.frames where status <> 'done'") == 0
    assert set(await _counts_of_state(admin)) == {1}


def _cases(undisturbed: Trial) -> list[Case]:
    """Give every call that the undisturbed execution made, times every way to break it."""
    ways: list[tuple[Fault, bool]] = [("before", False), ("lost", False), ("twice", False)]
    ways += [("before", True), ("lost", True)]
    return [
        Case(undisturbed.case.workflow, verb, number, fault, is_crash)
        for verb, count in undisturbed.watched.counts.items()
        if verb != "report_owner_dead"  # when the plane starts
        for number in range(1, count + 1)
        for fault, is_crash in ways
    ]


async def _has_everything(undisturbed: Mapping[str, Trial], admin: asyncpg.Connection[Any]) -> None:
    """The references use every kernel verb that an execution can, and every kind of wait that nothing lost opens."""
    definition = await admin.fetchval(
        "select pg_get_functiondef('api.kernel_with_key(text, text, jsonb)'::regprocedure)"
    )
    verbs = set(re.findall(r"when '(\w+)'", definition))
    assert {verb for trial in undisturbed.values() for verb in trial.watched.counts} == verbs - NOT_OF_AN_EXECUTION
    assert {row["kind"] for row in await admin.fetch("select distinct kind from plane.waits")} == WAITS


async def _undisturbed(name: str, db: AsyncpgDatabase, org: Org, version: str, server: CountingServer) -> Trial:
    trial = await _try(Case(name, "", 0, "before", is_crash=False), db, org, version, server)
    async with running_plane(db, org, sweep_every_s=None) as plane:
        assert (await plane.tenant.get(trial.execution))["output"] == OUTPUTS[name]
        steps = await plane.tenant.steps(trial.execution)
    trial.statuses = {path: step["status"] for path, step in steps.items()}
    return trial


async def _try(case: Case, db: AsyncpgDatabase, org: Org, version: str, server: CountingServer) -> Trial:
    """Run one execution until it ends, dies, or is left to the sweeper."""
    watched = WatchedDatabase(db, verb=case.verb, at=case.number, fault=case.fault, is_crash=case.is_crash)
    trial = Trial(case, watched)
    policy = Policy(owner=case.owner, lease_s=LEASE_S, extend_every_s=0.15, inline_retry_s=0.02)
    async with running_plane(watched, org, policy=policy, sweep_every_s=None) as plane:
        trial.execution = await plane.tenant.start(version, {"key": case.owner}, ring=False)
        await plane.tenant.signal(trial.execution, "news", {"what": "rain"})
        await plane.bell.ring([{"execution_id": trial.execution, "frame": "", "queue": "default", "org_id": org.id}])
        idle = 0
        while idle < 10 and not watched.died.is_set():
            await asyncio.sleep(0.02)
            if await _attend(trial, plane.tenant, server):
                break
            idle = idle + 1 if plane.bell.is_idle else 0
    if watched.died.is_set():
        steps = await plane.tenant.steps(trial.execution)
        trial.recorded = frozenset(path for path, step in steps.items() if step["status"] == "succeeded")
        trial.calls = dict(server.keys)
    return trial


async def _attend(trial: Trial, tenant: Tenant, server: CountingServer) -> bool:
    """Answer what it waits for, as somebody who knows what the service has seen; whether it has ended."""
    execution = await tenant.get(trial.execution)
    for wait in execution["waiting_for"]:
        if wait["kind"] == "approval":
            answer = {"outcome": "approve"}
        elif wait["kind"] == "unknown" and server.keys[_key(trial, wait["path"])]:
            answer = {"outcome": "succeeded", "output": {"status": 200}}
        elif wait["kind"] == "unknown":
            answer = {"outcome": "retry"}
        else:
            continue
        with suppress(Conflict):  # it was answered a moment ago
            await tenant.signal(trial.execution, wait["path"], answer)
    return execution["ended_at"] is not None


async def _see_end(trial: Trial, tenant: Tenant, server: CountingServer) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + 60
    while not await _attend(trial, tenant, server):
        assert loop.time() < until, (trial.case, await tenant.get(trial.execution))
        await asyncio.sleep(0.05)


async def _check(trial: Trial, undisturbed: Trial, tenant: Tenant, server: CountingServer) -> None:
    ended = await tenant.get(trial.execution)
    assert (ended["status"], ended["output"]) == ("succeeded", OUTPUTS[trial.case.workflow]), (trial.case, ended)
    steps = await tenant.steps(trial.execution)
    assert {path: step["status"] for path, step in steps.items()} == undisturbed.statuses, trial.case
    for path, step in steps.items():
        if step["kind"] != "http" or step["status"] == "skipped" or f"{path}[0]" in steps:
            continue
        _check_effects(trial, path, server.keys[_key(trial, path)])


def _check_effects(trial: Trial, path: str, seen: int) -> None:
    """What the service saw of a step: more than needed only where the process died between doing and recording.

    An owner that cannot load what it has to plan with gives its frame back, and with it what it was doing.
    """
    needed = 1 + TURNED_AWAY[path]
    if trial.case.verb == "load_records" and not trial.case.is_crash:
        assert needed <= seen <= needed + 1, (trial.case, path)
    elif trial.calls is None or path == AT_MOST_ONCE:
        assert seen == needed, (trial.case, path)
    elif path in trial.recorded:
        assert seen == trial.calls[_key(trial, path)], (trial.case, path)
    else:
        assert needed <= seen <= needed + 1, (trial.case, path)


def _key(trial: Trial, path: str) -> str:
    return idempotency_key(trial.execution, 0, path)


async def _counts_of_state(admin: asyncpg.Connection[Any]) -> list[int]:
    return [
        int(row["value"]) for row in await admin.fetch("select value from plane.state where component = 'reference'")
    ]
