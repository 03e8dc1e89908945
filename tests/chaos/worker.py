"""One worker process: the product's dispatcher, sweeper and engine on a database, and a journal of what it was told.

The journal says what no table can: when this process sent which call, and what it got for an answer. A line is written
with one system call, so it outlives the process.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import asyncpg

from functions.shared.db import kernel
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.db.failures import AnswerLost, NotSent
from functions.shared.dispatch.in_process import InProcessDoorbell
from functions.shared.engine.policy import Engine, Policy
from functions.shared.engine.runner import run_frame
from functions.shared.engine.step_scope import FrameEffects
from functions.shared.errors import PlaneError, Unavailable
from functions.shared.log import configure_logging
from functions.shared.steps import Context, Done, HttpPolicy
from functions.shared.steps import fetch as clock_reader
from functions.shared.steps.handlers import HANDLERS
from tests.chaos.clocks import loop_with_shifted_time, shift_wall_clock
from tests.chaos.doorbells import UnsureDoorbell, listen

if TYPE_CHECKING:
    from functions.shared.db.port import Database
    from functions.shared.dispatch.control import Control
    from functions.shared.dispatch.doorbell import Address
    from functions.shared.jsonvalue import Json, JsonObject

CLAIM_HEADER = "x-claim"
TAKE_UP_PAUSE_S = 0.2


@dataclass(frozen=True)
class Options:
    """What one worker is like. Times in seconds; `wall_shift_s` and `loop_shift_s`: how wrong its clocks are.

    `journals`, `bells`: folders that all workers share; the latter's path is short, as addresses of sockets are.
    `owner`: the holder of leases; a later worker of the same name reports this one dead.
    `flaky`: the share of calls that are not sent, and of answers that are lost.
    `is_fenceless`: the fence is taken away, to see that the campaign notices.
    """

    name: str
    owner: str
    journals: str
    bells: str
    database_url: str
    admin_url: str
    runner_key: str
    seed: int
    lease_s: float = 1.0
    sweep_every_s: float = 0.3
    wall_shift_s: float = 0.0
    loop_shift_s: float = 0.0
    lost: float = 0.0
    times: int = 1
    flaky: float = 0.0
    is_fenceless: bool = False


class Journal:
    """What this worker was told, a line of JSON for each thing, in the order in which it learned them."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, what: str, **details: object) -> None:
        os.write(self._file, json.dumps({"what": what, "at": time.monotonic(), **details}).encode() + b"\n")


class FlakyDatabase(AsyncpgDatabase):
    """The real adapter on a bad network, below all that it does about that: groups of calls are lost together."""

    chance = random.Random()
    share = 0.0

    async def send(self, door: str, arguments: JsonObject, *, token: str | None = None) -> Json:
        if self.chance.random() < self.share:
            raise NotSent("the network is bad")
        answer = await super().send(door, arguments, token=token)
        if self.chance.random() < self.share:
            raise AnswerLost("the network is bad")
        return answer


class JournalledDatabase:
    """The real adapter, and a note of every claim, acknowledgement and refusal."""

    def __init__(self, inner: Database, journal: Journal) -> None:
        self.inner = inner
        self.journal = journal

    async def kernel(self, verb: str, payload: JsonObject) -> Json:
        sent_at = time.monotonic()
        try:
            answer = await self.inner.kernel(verb, payload)
        except Unavailable:
            holder = {name: payload[name] for name in ("execution_id", "frame", "epoch") if name in payload}
            self.journal.write("away", verb=verb, execution=holder.pop("execution_id", None), **holder)
            raise
        if verb in ("claim", "checkpoint", "extend_lease", "load_records", "act") and isinstance(answer, dict):
            self._note(verb, payload, cast("dict[str, Any]", answer), sent_at)
        return answer

    def _note(self, verb: str, payload: JsonObject, answer: dict[str, Any], sent_at: float) -> None:
        frame = {"execution": payload["execution_id"], "frame": payload.get("frame") or ""}
        if verb == "claim":
            if answer.get("ok"):
                self.journal.write("claimed", **frame, epoch=answer["epoch"], sent_at=sent_at)
        elif answer.get("reason") == "stale":
            self.journal.write("refused", **frame, epoch=payload["epoch"], verb=verb, sent_at=sent_at)
        elif verb == "checkpoint":
            records = cast("list[dict[str, Any]]", payload["records"])
            self.journal.write(
                "acknowledged",
                **frame,
                epoch=payload["epoch"],
                sent_at=sent_at,
                succeeded=[row["path"] for row in records if row["status"] == "succeeded"],
                conflicts=answer.get("conflicts") or [],
                status=answer["status"],
            )
            if adopted := answer.get("adopted"):
                its = {"execution": adopted["execution_id"], "frame": adopted["frame"]}
                self.journal.write("claimed", **its, epoch=adopted["epoch"], sent_at=sent_at)

    async def ping(self) -> int:
        return await self.inner.ping()

    async def close(self) -> None:
        await self.inner.close()


class FencelessDatabase(JournalledDatabase):
    """Writes for frames that somebody else holds: what must be noticed."""

    def __init__(self, inner: Database, journal: Journal, admin_url: str) -> None:
        super().__init__(inner, journal)
        self._admin_url = admin_url

    async def kernel(self, verb: str, payload: JsonObject) -> Json:
        sent_at = time.monotonic()
        answer = await self.inner.kernel(verb, payload)
        if verb in ("checkpoint", "extend_lease") and isinstance(answer, dict) and answer.get("reason") == "stale":
            answer = await self.inner.kernel(verb, payload | await self._fence_of(payload))
        if isinstance(answer, dict) and verb in ("claim", "checkpoint"):
            self._note(verb, payload, cast("dict[str, Any]", answer), sent_at)
        return answer

    async def _fence_of(self, payload: JsonObject) -> JsonObject:
        connection = await asyncpg.connect(self._admin_url)
        try:
            found = await connection.fetchrow(
                "select epoch, seq + 1 as seq from plane.frames where execution_id = $1 and frame = $2",
                *(payload["execution_id"], payload.get("frame") or ""),
            )
        finally:
            await connection.close()
        return dict(found) if found else {}


async def traced_http(worker: str, config: JsonObject, context: Context) -> Done:
    """Do an http step with a header that says under which claim it runs."""
    effects = cast("FrameEffects", context.effects)
    claim = f"{worker}|{effects.execution_id}|{effects.frame}|{effects.epoch}"
    headers = cast("JsonObject", config.get("headers") or {})
    return await HANDLERS["http"]({**config, "headers": {**headers, CLAIM_HEADER: claim}}, context)


def run_worker(options: Options) -> None:
    """Work until SIGTERM, or until the nursery is gone."""
    shift_wall_clock(options.wall_shift_s)
    make_loop = partial(loop_with_shifted_time, options.loop_shift_s)
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(_work(options))


async def _work(options: Options) -> None:
    configure_logging("ERROR")
    journal = Journal(Path(options.journals) / f"{options.name}.journal")
    loop = asyncio.get_running_loop()
    clocks = {"wall": time.time(), "datetime": clock_reader.datetime.now(UTC).timestamp(), "loop": loop.time()}
    adapter = await FlakyDatabase.connect(options.database_url, runner_key=options.runner_key)
    adapter.chance, adapter.share = random.Random(options.seed), options.flaky
    db: Any = (
        FencelessDatabase(adapter, journal, options.admin_url)
        if options.is_fenceless
        else JournalledDatabase(adapter, journal)
    )
    policy = Policy(
        owner=options.owner,
        lease_s=options.lease_s,
        extend_every_s=options.lease_s / 4,
        inline_retry_s=0.1,  # a longer back-off is parked
        stop_grace_s=1.0,
    )
    engine = Engine(
        db=db,
        doorbell=UnsureDoorbell(Path(options.bells), random.Random(options.seed), options.lost, options.times),
        handlers={**HANDLERS, "http": partial(traced_http, options.name)},
        policy=policy,
        http=HttpPolicy(allow_private=frozenset({"127.0.0.1"})),
        environment={},
    )

    async def run(address: Address, control: Control) -> float | None:
        return (await run_frame(address, engine, control=control)).again_in_s

    bell = InProcessDoorbell(run, partial(kernel.sweep, db, backoff_s=0.5), sweep_every_s=options.sweep_every_s)
    heard: set[asyncio.Task[None]] = set()

    def on_doorbell(message: JsonObject) -> None:
        task = loop.create_task(bell.ring([message]))
        heard.add(task)
        task.add_done_callback(heard.discard)

    ear = await listen(Path(options.bells), options.name, on_doorbell)
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    journal.write("hello", pid=os.getpid(), wall_shift_s=options.wall_shift_s, **clocks)
    await _take_up(db, bell, options.owner)
    await bell.start()
    parent = os.getppid()
    while not stopped.is_set() and os.getppid() == parent:
        with suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), 1)
    ear.close()
    await bell.stop()
    await db.close()
    journal.write("bye")


async def _take_up(db: Database, bell: InProcessDoorbell, owner: str) -> None:
    """Continue what a former worker of this name held, as a plane does when it starts."""
    while True:
        try:
            await bell.ring(await kernel.report_owner_dead(db, owner=owner))
        except PlaneError:
            await asyncio.sleep(TAKE_UP_PAUSE_S)
        else:
            return
