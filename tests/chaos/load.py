"""The load: executions that are started, answered, signalled and cancelled as people and agents do, outages or not."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from functions.shared.db import kernel
from functions.shared.db.port import Idempotency
from functions.shared.errors import PlaneError, Unavailable
from tests.chaos.evidence import Step
from tests.chaos.workflows import KINDS
from tests.e2e.tenant import Tenant

if TYPE_CHECKING:
    import random

    from functions.shared.db.port import Database
    from functions.shared.jsonvalue import JsonObject
    from tests.chaos.database import Postgres
    from tests.chaos.doorbells import UnsureDoorbell

LOOK_EVERY_S = 0.05
VIOLATIONS_EVERY = 20  # looks
OPEN_WAITS = """
    select w.execution_id::text as execution, w.token, w.kind, w.path, e.input
    from plane.waits as w join plane.executions as e on e.id = w.execution_id
    where w.answered_at is null and w.kind in ('approval', 'unknown', 'event')
"""


@dataclass
class Started:
    """An execution as its starter knows it."""

    id: str
    workflow: str
    input: JsonObject
    is_cancelled: bool = False


@dataclass
class Load:
    """Keeps `alive` executions going until it is told to stop, and answers whatever waits for somebody."""

    postgres: Postgres
    db: Database
    bell: UnsureDoorbell
    chance: random.Random
    alive: int
    started: dict[str, Started] = field(default_factory=dict)
    told: dict[Step, list[str]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    is_over: bool = False
    _answered: set[str] = field(default_factory=set)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _ids: int = 0

    async def define(self, url: str) -> None:
        """Store the workflows."""
        tenant = Tenant(self.db, self.postgres.org, self.bell)
        for name, kind in KINDS.items():
            self.versions[name] = await tenant.define(kind.text, url=url)

    async def run(self) -> None:
        """Go on until it is over and everything has ended; notes what no caller should be told."""
        looks = 0
        while True:
            running = await self._running()
            if self.is_over and running == 0 and not self._tasks:
                return
            if not self.is_over:
                for _ in range(max(0, self.alive - running)):
                    self._do(self._start_one())
            for wait in await self.postgres.fetch(OPEN_WAITS):
                self._attend(wait)
            if looks % VIOLATIONS_EVERY == 0:
                await self._look_for_violations()
            looks += 1
            await asyncio.sleep(LOOK_EVERY_S)
            for task in [task for task in self._tasks if task.done()]:
                self._tasks.discard(task)
                if (error := task.exception()) is not None:
                    self.surprises.append(f"{type(error).__name__}: {error}")

    async def _running(self) -> int:
        rows = await self.postgres.fetch("select count(*) as number from plane.executions where ended_at is null")
        return int(rows[0]["number"]) + len(self._tasks)

    async def _look_for_violations(self) -> None:
        with suppress(Unavailable):
            self.violations += [str(row) for row in await kernel.get_violations(self.db)]

    def _do(self, work: Any) -> None:
        self._tasks.add(asyncio.create_task(work))

    async def _ask(self, fn: str, payload: JsonObject, *, as_person: bool = False) -> dict[str, Any]:
        """Call a verb once, however often the database is away meanwhile; raises what the verb refuses."""
        org = self.postgres.org
        once = Idempotency(secrets.token_hex(8), "0" * 64)
        while True:
            try:
                answer = await self.db.call_once(fn, payload, org.person if as_person else org.operator, once)
            except Unavailable:
                await asyncio.sleep(0.1)
            except PlaneError as error:
                if error.code != "idempotency_in_progress":
                    raise
                await asyncio.sleep(0.1)
            else:
                found = cast("dict[str, Any]", answer.value)
                await self.bell.ring(found.get("due") or [])
                return found

    # Conversations

    async def _start_one(self) -> None:
        names = list(KINDS)
        name = self.chance.choices(names, [KINDS[name].weight for name in names])[0]
        self._ids += 1
        given: JsonObject = {"id": str(self._ids)}
        if name == "timed":
            given["at"] = (datetime.now(UTC) + timedelta(seconds=self.chance.uniform(0, 1))).isoformat()
        execution = await self._start(name, given)
        if name == "doomed":
            await asyncio.sleep(self.chance.uniform(0, 1.5))
            await self._ask("cancel_execution", {"execution_id": execution.id})
            execution.is_cancelled = True
        if name == "signalled":
            for number in (1, 2):
                await asyncio.sleep(self.chance.uniform(0, 0.3))
                await self._signal(execution.id, "news", {"number": number})

    async def _start(self, name: str, given: JsonObject) -> Started:
        payload: JsonObject = {"version_id": self.versions[name], "input": given, "mode": "engine"}
        made = await self._ask("start_execution", payload)
        started = self.started[made["id"]] = Started(made["id"], name, given)
        return started

    def _attend(self, wait: Any) -> None:
        key = f"{wait['execution']} {wait['token']}"
        execution = self.started.get(wait["execution"])
        if key in self._answered or execution is None:
            return
        self._answered.add(key)
        if wait["kind"] == "approval":
            self._do(self._decide(Step(execution.id, wait["path"])))
        elif wait["kind"] == "unknown":
            done = {"status": 200, "body": {"path": f"/{execution.workflow}/pay"}}
            self._do(self._signal(execution.id, wait["path"], {"outcome": "succeeded", "output": done}))
        elif execution.workflow == "listener":
            given: JsonObject = {"id": f"for-{execution.input['id']}", "to": execution.input["id"]}
            self._do(self._start("speaker", given))

    async def _decide(self, step: Step) -> None:
        """Let two people decide at the same time, each their own way."""
        outcomes = ["approve", "reject"]
        self.chance.shuffle(outcomes)
        answers = await asyncio.gather(
            *(self._signal(step.execution, step.path, {"outcome": outcome}) for outcome in outcomes)
        )
        self.told[step] = [outcome for outcome, answer in zip(outcomes, answers, strict=True) if answer == "answered"]

    async def _signal(self, execution: str, name: str, payload: JsonObject) -> str:
        """Give how the signal was taken: answered, voted, queued, or the code of the refusal."""
        asked: JsonObject = {"execution_id": execution, "name": name, "payload": payload}
        try:
            return str((await self._ask("signal_execution", asked, as_person=True))["status"])
        except PlaneError as error:
            return error.code
