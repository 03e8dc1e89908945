"""Random workflows through the real engine and database under random faults, against what the language says they are.

Every so often a call to the kernel fails, or its answer is lost, or it is sent twice, or the process dies before or
after it; whole planes are cut off wherever they are; doorbells are lost or come twice. Whatever happens, each execution
must end as tests/e2e/oracle.py says, with the same steps, the same outputs and the same skips.

`AGENTPLANE_RANDOM_EXAMPLES` is the number of workflows (40 unless told); they run 40 at a time. A failure names the
seed of its 40: `AGENTPLANE_RANDOM_SEED` draws the same ones again. `-rP` shows what was drawn and which faults struck.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings

from functions.shared.db import kernel
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.dispatch.doorbell import SilentDoorbell
from functions.shared.engine.policy import Policy
from functions.shared.errors import PlaneError, Unavailable
from functions.shared.steps import Context, Done, NeedsPerson, StepFailed
from functions.shared.steps.handlers import HANDLERS
from tests.e2e.conftest import running_plane
from tests.e2e.faults import Crash, WatchedDatabase
from tests.e2e.oracle import ASKS, SOMEBODY, Expected, Oracle, Result, differences, masked
from tests.e2e.random_documents import CHILDREN, FAILS, FLAKY, GIVES_UP, Document, documents, features
from tests.e2e.tenant import Tenant
from tests.e2e.wrong_oracles import IgnoresConditions
from tests.organisations import Org, create_org

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.shared.jsonvalue import Json, JsonObject
    from functions.shared.steps import Handler

AT_ONCE = 40
LOTS = 5
ROUNDS = -(-int(os.environ.get("AGENTPLANE_RANDOM_EXAMPLES", "40")) // AT_ONCE)
# Five owners in a row that vanish without a result are a crash loop, and the step at fault fails: fewer do here.
LIVES = 3  # of planes, the last of which is left alone
DEATHS = 2  # of the owners of one frame, besides
FAULTS = ("before", "lost", "twice", "dies before", "dies after")
FAULTY = 0.1
INPUT: Document = {"numbers": [3, 1, 2]}
BY_NAME = {child["name"]: child for child in CHILDREN}


class ChaoticDatabase(WatchedDatabase):
    """Breaks calls at random, and counts how. An owner that died sends nothing any more."""

    def __init__(self, inner: AsyncpgDatabase, chance: random.Random) -> None:
        super().__init__(inner)
        self.chance = chance
        self.struck: Counter[str] = Counter()
        self.dead: set[tuple[Json, Json, Json]] = set()
        self.deaths: Counter[tuple[Json, Json]] = Counter()

    async def kernel(self, verb: str, payload: JsonObject) -> Json:
        if verb in ("sweep", "report_owner_dead"):
            return await self.inner.kernel(verb, payload)
        owner = (payload.get("execution_id"), payload.get("frame"), payload.get("epoch"))
        if owner in self.dead and owner[2] is not None:
            raise Crash
        fault = self.chance.choice(FAULTS) if self.chance.random() < FAULTY else None
        # Who never hears that its claim was granted has vanished too.
        if fault in ("dies before", "dies after") or (fault == "lost" and verb == "claim"):
            self.deaths[owner[:2]] += 1
            fault = fault if self.deaths[owner[:2]] <= DEATHS else None
        if fault is not None:
            self.struck[fault] += 1
        if fault == "before":
            raise Unavailable("never sent")
        if fault == "dies before":
            self.dead.add(owner)
            raise Crash
        answer = await self.inner.kernel(verb, payload)
        if fault == "lost":
            raise Unavailable("answer lost", code="outcome_unknown")
        if fault == "dies after":
            self.dead.add(owner)
            raise Crash
        return await self.inner.kernel(verb, payload) if fault == "twice" else answer


@dataclass(frozen=True)
class Trial:
    document: Document
    execution: str
    expected: Expected


@dataclass
class World:
    """What is outside: workers that do what the text of a step says, and people and events that answer waits."""

    chance: random.Random
    tenant: Tenant
    told: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    @property
    def handlers(self) -> dict[str, Handler]:
        return {"code": self.work, "tool": HANDLERS["tool"]}

    async def work(self, config: JsonObject, context: Context) -> Done:
        python, inputs = config["python"], config.get("inputs")
        if not inputs:  # the items of shards are too many to dawdle
            await asyncio.sleep(self.chance.random() * 0.03)
        if isinstance(python, str) and python.startswith(ASKS):
            return self.ask(python.removeprefix(ASKS).rstrip("'"), context)
        if python == FAILS or (isinstance(inputs, dict) and "7'" in str(python) and inputs["item"] == 7):
            raise StepFailed("boom", "It broke.")
        if python == GIVES_UP or (python == FLAKY and context.attempt < 3):
            raise StepFailed("boom", "It broke, and may not break again.", retryable=True)
        return Done(context.path)

    def ask(self, said: str, context: Context) -> Done:
        who, _, on_timeout = said.partition(" ")
        if (answer := context.answer) is None:
            late = {"timeout_s": 0.02, "on_timeout": on_timeout} if who == "nobody" else {}
            raise NeedsPerson(who, kept=context.path, **late)
        return Done([answer.kept, answer.outcome, SOMEBODY if answer.decided_by else None])

    async def answer_waits(self, admin: asyncpg.Connection[Any]) -> None:
        """Answer each wait once, for as long as this runs."""
        while True:
            await asyncio.sleep(0.02)
            for row in await admin.fetch(
                "select execution_id::text, token, kind, name, data from plane.waits where answered_at is null"
                " and (kind in ('approval', 'unknown') or kind = 'event' and name like 'told-%')"
            ):
                said = json.loads(row["data"]).get("message")
                if (row["execution_id"], row["token"]) in self.told or said == "nobody":
                    continue
                self.told.add((row["execution_id"], row["token"]))
                outcome = {"approval": said, "unknown": "retry"}.get(row["kind"])
                payload = row["name"] if outcome is None else {"outcome": outcome, "form": {}}
                with suppress(PlaneError):  # cancelled meanwhile, because something beside it failed
                    await self.tenant.signal(row["execution_id"], row["name"], payload)


@pytest.mark.parametrize("number", range(ROUNDS))
async def test_random_workflows_under_random_faults_end_as_the_language_says(
    number: int, db_url: str, authenticator_url: Callable[[str], str], runner_key: str
) -> None:
    seed_of_round = int(os.environ.get("AGENTPLANE_RANDOM_SEED", random.randrange(2**32)))
    drawn = _draw(seed_of_round)
    try:
        struck = await _run(drawn, random.Random(seed_of_round), db_url, authenticator_url(db_url), runner_key)
    except BaseException as error:
        error.add_note(f"AGENTPLANE_RANDOM_SEED={seed_of_round}")
        raise
    uses = Counter(feature for document in drawn for feature in features(document))
    print(f"round {number}: faults {dict(struck)}; documents with {dict(uses.most_common())}")  # noqa: T201  -rP
    assert set(struck) == set(FAULTS), "every fault has struck"
    assert len(uses) > 20, "most of the language was drawn"


def _draw(seed_of_round: int) -> list[Document]:
    """Draw so many workflows, in lots: hypothesis begins each with the plainest one, and stays near what it drew."""
    drawn: list[Document] = []
    for lot in range(LOTS):
        of_lot: list[Document] = []

        @seed(seed_of_round + lot)
        @settings(
            max_examples=AT_ONCE // LOTS + 1,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @given(document=documents())
        def draw(document: Document) -> None:
            of_lot.append(document)  # noqa: B023  drawn within the round

        draw()
        drawn += of_lot[1:]
    return drawn


async def _run(
    drawn: list[Document], chance: random.Random, owner_url: str, login_url: str, runner_key: str
) -> Counter[str]:
    admin, watcher = await asyncpg.connect(owner_url), await asyncpg.connect(owner_url)
    inner = await AsyncpgDatabase.connect(login_url, runner_key=runner_key)
    try:
        org = await create_org(admin, has_owner=True)
        world = World(chance, Tenant(inner, org, SilentDoorbell()))
        answering = asyncio.create_task(world.answer_waits(watcher))
        trials, struck = await _play(drawn, world, inner, org)
        answering.cancel()
        assert await kernel.get_violations(inner) == []
        seen_by_the_wrong = 0
        for trial in trials:
            found = await _read(trial.execution, admin)
            assert differences(trial.expected, found) == [], trial
            wrong = IgnoresConditions(trial.document, BY_NAME, INPUT).run()
            seen_by_the_wrong += differences(wrong, found) != []
        assert seen_by_the_wrong, "this comparison would see an engine that ignores conditions"
        return struck
    finally:
        await inner.close()
        await admin.close()
        await watcher.close()


async def _play(
    drawn: list[Document], world: World, inner: AsyncpgDatabase, org: Org
) -> tuple[list[Trial], Counter[str]]:
    """Start all, let plane after plane die over them, and see them all end."""
    db, tenant = ChaoticDatabase(inner, world.chance), world.tenant
    for child in CHILDREN:
        await tenant.define(yaml.safe_dump(child))
    trials: list[Trial] = []
    for number, document in enumerate(drawn):
        version = await tenant.define(yaml.safe_dump({**document, "name": f"random-{number}"}))
        expected = Oracle(document, BY_NAME, INPUT).run()
        trials.append(Trial(document, await tenant.start(version, INPUT), expected))
    bells: list[JsonObject] = [
        {"execution_id": trial.execution, "frame": "", "queue": "default", "org_id": org.id} for trial in trials
    ]
    policy = Policy(owner="chaos", lease_s=1.5, extend_every_s=0.3, inline_retry_s=0.05, stop_grace_s=60)
    for life in range(LIVES):
        is_deaf = world.chance.random() < 0.5
        async with running_plane(
            db, org, policy=policy, handlers=world.handlers, sweep_every_s=0.2, is_deaf=is_deaf
        ) as plane:
            if life == LIVES - 1:
                await asyncio.gather(*(tenant.ended(trial.execution, within=60) for trial in trials))
                break
            await plane.bell.ring(world.chance.choices(bells, k=2 * len(bells)))  # some twice, some never
            await asyncio.sleep(0.05 + world.chance.random() * 0.25)
            await plane.bell.stop(grace_s=0)  # cuts every task off wherever it is
    return trials, db.struck


async def _read(execution: str, admin: asyncpg.Connection[Any]) -> Expected:
    """What the tables say about how an execution ended."""
    row = await admin.fetchrow("select status, output, error from plane.executions where id = $1", execution)
    assert row is not None
    rows = await admin.fetch(
        "select c.path, c.status, c.error ->> 'code' as code, coalesce(c.output, p.body) as output"
        " from plane.checkpoints as c left join plane.payloads as p on p.org_id = c.org_id and p.hash = c.output_ref"
        " where c.execution_id = $1",
        execution,
    )
    results = {found["path"]: Result(found["status"], _value(found["output"]), found["code"] or "") for found in rows}
    return Expected(row["status"], _value(row["output"]), results, row["error"])


def _value(text: str | None) -> Any:
    return masked(json.loads(text or "null"))
