"""Random workflows through the real engine and database under random faults, against the same ones in memory."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from functions.shared.db import kernel
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.dispatch.doorbell import SilentDoorbell
from functions.shared.dsl.compiled import compile_document
from functions.shared.engine.interpreter import LeafResult, Outcome, run_in_memory
from functions.shared.engine.paths import address_of
from functions.shared.engine.policy import Policy
from functions.shared.errors import Unavailable
from functions.shared.steps import Context, Done, StepFailed
from tests.e2e.conftest import running_plane
from tests.e2e.faults import WatchedDatabase
from tests.e2e.tenant import Tenant
from tests.organisations import Org, create_org
from tests.unit.engine.documents import Case, cases

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.shared.engine.plan import Start
    from functions.shared.jsonvalue import Json, JsonObject
    from tests.conftest import Server

FAULTY = 0.08
KILLS = 5


class ChaoticDatabase(WatchedDatabase):
    """Every so often a call fails before, or after it was committed, or is sent twice."""

    def __init__(self, inner: AsyncpgDatabase, chance: random.Random) -> None:
        super().__init__(inner)
        self.chance = chance

    async def kernel(self, verb: str, payload: JsonObject) -> Json:
        dice = self.chance.random() / FAULTY if verb not in ("sweep", "report_owner_dead") else 1
        if dice < 1 / 3:
            raise Unavailable("never sent")
        answer = await self.inner.kernel(verb, payload)
        if dice < 2 / 3:
            raise Unavailable("answer lost", code="outcome_unknown")
        return await self.inner.kernel(verb, payload) if dice < 1 else answer


@dataclass(frozen=True)
class Trial:
    case: Case
    execution: str
    expected: Outcome


def in_memory(case: Case) -> Outcome:
    def leaf(start: Start) -> LeafResult:
        if address_of(start.path) in case.failing:
            return LeafResult(error={"code": "boom", "message": "it broke"})
        return LeafResult(start.path)

    return run_in_memory(compile_document(case.document), {}, leaf)


def handler_for(failing: dict[str, frozenset[str]], chance: random.Random) -> Any:
    async def handle(_config: JsonObject, context: Context) -> Done:
        await asyncio.sleep(chance.random() * 0.04)
        if address_of(context.path) in failing[context.execution_id]:
            raise StepFailed("boom", "it broke")
        return Done(context.path)

    return handle


@settings(
    max_examples=1,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(drawn=st.lists(cases(), min_size=60, max_size=60), seed=st.integers(0, 2**32))
def test_random_workflows_under_random_faults_end_as_they_do_in_memory(
    drawn: list[Case],
    seed: int,
    db_url: str,
    authenticator_url: Callable[[str], str],
    runner_key: str,
    postgres: Server,
) -> None:
    del postgres
    asyncio.run(_run(drawn, random.Random(seed), db_url, authenticator_url(db_url), runner_key))


async def _run(drawn: list[Case], chance: random.Random, owner_url: str, login_url: str, runner_key: str) -> None:

    admin = await asyncpg.connect(owner_url)
    inner = await AsyncpgDatabase.connect(login_url, runner_key=runner_key)
    try:
        trials = await _all(drawn, chance, inner, await create_org(admin))
        assert await kernel.get_violations(inner) == []
        for trial in trials:
            await _compare(trial, admin)
    finally:
        await inner.close()
        await admin.close()


async def _all(drawn: list[Case], chance: random.Random, inner: AsyncpgDatabase, org: Org) -> list[Trial]:
    """Start all, kill the plane again and again, and see them all end."""
    db = ChaoticDatabase(inner, chance)
    tenant = Tenant(inner, org, SilentDoorbell())
    trials: list[Trial] = []
    for number, case in enumerate(drawn):
        version = await tenant.define(yaml.safe_dump({**case.document, "name": f"random-{number}"}))
        trials.append(Trial(case, await tenant.start(version), in_memory(case)))
    due: list[JsonObject] = [
        {"execution_id": trial.execution, "frame": "", "queue": "default", "org_id": org.id} for trial in trials
    ]
    handlers = {"code": handler_for({trial.execution: trial.case.failing for trial in trials}, chance)}
    policy = Policy(owner="chaos", lease_s=1, extend_every_s=0.3, stop_grace_s=60)
    cut_off = 0
    for _ in range(KILLS):
        async with running_plane(db, org, policy=policy, handlers=handlers, sweep_every_s=0.2) as plane:
            await plane.bell.ring(due * 2)
            await asyncio.sleep(0.03 + chance.random() * 0.1)
            cut_off += not plane.bell.is_idle
            await plane.bell.stop(grace_s=0)  # cuts every task off wherever it is
    assert cut_off
    async with running_plane(db, org, policy=policy, handlers=handlers, sweep_every_s=0.2):
        for trial in trials:
            await tenant.ended(trial.execution, within=30)
    return trials


async def _compare(trial: Trial, admin: asyncpg.Connection[Any]) -> None:
    row = await admin.fetchrow("select status, output, error from plane.executions where id = $1", trial.execution)
    assert row is not None
    assert row["status"] == trial.expected.status, trial
    if trial.expected.status != "succeeded":
        return  # what else ran before a failure ended it depends on the moment
    rows = await admin.fetch(
        "select path, status from plane.checkpoints where execution_id = $1 and parent = ''", trial.execution
    )
    expected = {path: record.status for path, record in trial.expected.records.items() if record.parent == ""}
    assert {found["path"]: found["status"] for found in rows} == expected, trial
    assert json.loads(row["output"] or "null") == trial.expected.output, trial
