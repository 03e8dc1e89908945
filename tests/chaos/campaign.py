"""A campaign: load on several workers, everything that can happen to them, and what is left at the end."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.engine.attempt import idempotency_key
from functions.shared.postgres.postmaster import has_ended
from tests.chaos.checker import problems_in, zombies_in
from tests.chaos.database import running_postgres
from tests.chaos.doorbells import SUFFIX, UnsureDoorbell
from tests.chaos.evidence import UNKNOWN, Claim, Disturbance, Effect, Evidence, Line, Step, read_journal
from tests.chaos.load import Load
from tests.chaos.nursery import Nursery
from tests.chaos.outcomes import executions_of
from tests.chaos.report import Report
from tests.chaos.worker import CLAIM_HEADER, Options
from tests.chaos.workflows import compiled
from tests.e2e.counting_server import CountingServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.chaos.database import Postgres

STOP_WITHIN_S = 30.0


@dataclass(frozen=True)
class Plan:
    """What a campaign does. `weights`: how often each kind of harm is done, relative to each other.

    Two controls that the checker must notice: `is_fenceless`, workers write for frames that are not theirs any more;
    `is_forgetful`, Postgres acknowledges what a crash will undo.
    `progress_within_s`: when nothing has been recorded for so long, what has not ended never will.
    """

    seconds: float
    seed: int
    folder: Path
    workers: int = 4
    alive: int = 24
    pause_s: tuple[float, float] = (0.2, 0.8)
    weights: Mapping[str, float] = field(default_factory=lambda: {"kill": 5, "freeze": 4, "restart": 0.4})
    is_fenceless: bool = False
    is_forgetful: bool = False
    progress_within_s: float = 90.0
    version: int = field(default_factory=lambda: int(os.environ.get("PG", "18")))


@dataclass
class _Worker:
    pid: int
    options: Options
    is_frozen: bool = False


class Campaign:
    """Runs one plan; `await run()` gives the report, with every problem that the checker found."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._chance = random.Random(plan.seed)
        self._disturbances: list[Disturbance] = []
        self._workers: list[_Worker] = []
        self._effects: list[tuple[float, str, str]] = []
        self._names = 0
        self._journals = plan.folder / "journals"
        self._bells = Path(tempfile.mkdtemp(prefix="bells-"))

    async def run(self) -> Report:
        plan = self._plan
        self._journals.mkdir(parents=True)
        async with (
            CountingServer(on_request=self._saw) as service,
            running_postgres(plan.folder, plan.version, is_forgetful=plan.is_forgetful) as postgres,
            Nursery(plan.folder / "workers.log") as nursery,
        ):
            db = await AsyncpgDatabase.connect(postgres.login_url, runner_key=postgres.runner_key)
            bell = UnsureDoorbell(self._bells, random.Random(plan.seed), lost=self._chance.choice((0.3, 1)), times=2)
            load = Load(postgres, db, bell, random.Random(plan.seed), plan.alive)
            await load.define(service.url)
            await postgres.fetch("checkpoint")  # so that one which forgets keeps what there is until now
            began = time.monotonic()
            for _ in range(plan.workers):
                await self._spawn(postgres, nursery)
            loading = asyncio.create_task(load.run())
            harming = asyncio.create_task(self._harm(postgres, nursery))
            await asyncio.wait({loading, harming}, timeout=plan.seconds, return_when=asyncio.FIRST_COMPLETED)
            harming.cancel()
            with suppress(asyncio.CancelledError):
                await harming
            load.is_over = True
            await self._drain(loading, postgres)
            await self._stop()
            await db.close()
            shutil.rmtree(self._bells, ignore_errors=True)
            evidence = await self._gather(postgres, load, service.url)
        return Report(plan.seed, time.monotonic() - began, evidence, problems_in(evidence), zombies_in(evidence))

    def _saw(self, _path: str, headers: Mapping[str, str]) -> None:
        self._effects.append((time.monotonic(), headers.get("idempotency-key", ""), headers.get(CLAIM_HEADER, "")))

    # Workers

    async def _spawn(self, postgres: Postgres, nursery: Nursery, former: Options | None = None) -> None:
        """Start a worker; sometimes under its predecessor's name, which it then reports dead."""
        chance, plan = self._chance, self._plan
        self._names += 1
        name = f"w{self._names}"
        owner = former.owner if former is not None and chance.random() < 0.5 else name
        options = Options(
            name=name,
            owner=owner,
            journals=str(self._journals),
            bells=str(self._bells),
            database_url=postgres.login_url,
            admin_url=postgres.admin_url,
            runner_key=postgres.runner_key,
            seed=chance.getrandbits(32),
            lease_s=chance.uniform(0.5, 2),
            sweep_every_s=chance.uniform(0.1, 0.5),
            wall_shift_s=chance.choice((-300, 0, 300)),
            loop_shift_s=chance.choice((-86_400, 0, 1e6)),
            lost=chance.choice((0, 0.3, 1)),
            times=chance.choice((1, 5)),
            flaky=chance.choice((0, 0, 0.02)),
            is_fenceless=plan.is_fenceless,
        )
        self._workers.append(_Worker(await nursery.spawn(options), options))

    async def _stop(self) -> None:
        """Ask all workers to end, as an operator would, and see them end."""
        for worker in self._workers:
            os.kill(worker.pid, signal.SIGTERM)
        until = time.monotonic() + STOP_WITHIN_S
        while not all(has_ended(worker.pid) for worker in self._workers):
            assert time.monotonic() < until, "a worker does not stop"
            await asyncio.sleep(0.02)

    # Harm

    async def _harm(self, postgres: Postgres, nursery: Nursery) -> None:
        harms = {"kill": self._kill, "freeze": self._freeze, "restart": self._restart}
        thawing: set[asyncio.Task[None]] = set()
        try:
            while True:
                await asyncio.sleep(self._chance.uniform(*self._plan.pause_s))
                kinds = list(self._plan.weights)
                kind = self._chance.choices(kinds, [self._plan.weights[kind] for kind in kinds])[0]
                task = asyncio.create_task(harms[kind](postgres, nursery))
                thawing.add(task)
                if kind == "freeze":
                    await asyncio.sleep(0)
                else:
                    await asyncio.shield(task)
                for done in [each for each in thawing if each.done()]:
                    thawing.discard(done)
                    done.result()
        finally:
            await asyncio.gather(*thawing)

    def _victim(self) -> _Worker | None:
        """Choose somebody, but leave one at work."""
        awake = [worker for worker in self._workers if not worker.is_frozen]
        return self._chance.choice(awake) if len(awake) > 1 else None

    async def _kill(self, postgres: Postgres, nursery: Nursery) -> None:
        worker = self._victim()
        if worker is None:
            return
        os.kill(worker.pid, signal.SIGKILL)
        now = time.monotonic()
        self._workers.remove(worker)
        while not has_ended(worker.pid):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        self._disturbances.append(Disturbance("killed", worker.options.name, now, time.monotonic()))
        (self._bells / f"{worker.options.name}{SUFFIX}").unlink(missing_ok=True)
        await self._spawn(postgres, nursery, worker.options)

    async def _freeze(self, _postgres: Postgres, _nursery: Nursery) -> None:
        """Stop a worker until its leases are over, and let it go on as if nothing had been."""
        worker = self._victim()
        if worker is None:
            return
        worker.is_frozen = True
        since = time.monotonic()
        os.kill(worker.pid, signal.SIGSTOP)
        await asyncio.sleep(worker.options.lease_s * self._chance.uniform(1, 1.6) + self._chance.uniform(0, 0.4))
        os.kill(worker.pid, signal.SIGCONT)
        worker.is_frozen = False
        self._disturbances.append(Disturbance("frozen", worker.options.name, since, time.monotonic()))

    async def _restart(self, postgres: Postgres, _nursery: Nursery) -> None:
        since, until = await postgres.restart()
        self._disturbances.append(Disturbance("restarted", None, since, until))

    # The end

    async def _drain(self, loading: asyncio.Task[None], postgres: Postgres) -> None:
        """Wait for everything to end, as long as anything gets on."""
        query = "select coalesce(max(feed_id), 0) as latest from plane.checkpoints"
        latest, since = -1, time.monotonic()
        while not loading.done():
            await asyncio.wait({loading}, timeout=0.5)
            now_latest = (await postgres.fetch(query))[0]["latest"]
            if now_latest != latest:
                latest, since = now_latest, time.monotonic()
            if time.monotonic() > since + self._plan.progress_within_s:
                loading.cancel()
                with suppress(asyncio.CancelledError):
                    await loading
                return  # the checker reports what has not ended
        loading.result()

    async def _gather(self, postgres: Postgres, load: Load, url: str) -> Evidence:
        journal: list[Line] = []
        for path in sorted(self._journals.glob("*.journal")):
            journal += read_journal(path)
        executions, decisions, steps = await executions_of(postgres, load, compiled(url))
        by_key = {idempotency_key(step.execution, 0, step.path): step for step in steps}
        evidence = Evidence(
            executions=tuple(executions),
            effects=(),
            journal=tuple(journal),
            disturbances=tuple(self._disturbances),
            decisions=tuple(decisions),
            counters=await _counters(postgres),
            violations=tuple(load.violations),
            surprises=tuple(load.surprises),
            unfinished_frames=(await postgres.fetch("select count(*) as n from plane.frames where status <> 'done'"))[
                0
            ]["n"],
            server_log=postgres.log(),
        )
        return replace(evidence, effects=tuple(_effects(self._effects, by_key)))


async def _counters(postgres: Postgres) -> dict[str, int]:
    rows = await postgres.fetch("select key, value from plane.state where component = 'chaos'")
    return {row["key"]: json.loads(row["value"]) for row in rows}


def _effects(seen: list[tuple[float, str, str]], by_key: Mapping[str, Step]) -> list[Effect]:
    return [Effect(at, by_key.get(key, Step(UNKNOWN, key)), Claim.of(claim)) for at, key, claim in seen]
