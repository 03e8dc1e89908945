"""The plane: engine, dispatcher and sweeper as a plane on one machine wires them; only bodies of steps are empty."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from dataclasses import replace
from functools import partial
from typing import Any

import asyncpg

from bench.systems.base import OUTPUT, intervals_ms, message
from functions.shared.auth.keys import SCOPES, hash_key, new_key
from functions.shared.config import Settings
from functions.shared.db import kernel
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.db.port import ApiKey, Person
from functions.shared.dispatch.control import Control
from functions.shared.dispatch.doorbell import Address
from functions.shared.dispatch.in_process import SWEEP_EVERY_S, InProcessDoorbell
from functions.shared.dsl.compiled import compile_document
from functions.shared.engine.assembly import engine_of
from functions.shared.engine.policy import DocumentCache, Engine
from functions.shared.engine.runner import run_frame
from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.postgres.migrate import apply
from functions.shared.postgres.urls import with_login
from functions.shared.steps.base import Context, Done
from functions.shared.steps.redaction import Guarded

APPROVER = "4f0b7a52-6a3d-4d1b-9a35-2f5f9f6a1c77"  # approvals are decided by people
RESUMES = 20  # at most, of one long execution
TOOL: JsonObject = {"tool": {"name": "json_query", "with": {"data": {}, "query": "a"}}}


def sequence(steps: int) -> JsonObject:
    """`steps` steps, each after the one before."""
    named: JsonObject = {f"s{at}": {**({"needs": [f"s{at - 1}"]} if at else {}), **TOOL} for at in range(steps)}
    return {"name": f"sequence-{steps}", "steps": named}


FAN: JsonObject = {
    "name": "fan",
    "input": {"items": {"type": "array"}},
    "steps": {
        "each": {"for_each": "${{ input.items }}", "max_parallel": 100, **TOOL},
        "join": {"needs": ["each"], **TOOL},
    },
}
# One item after the other, so that it has as many finished steps as items have been done when its process dies.
LONG: JsonObject = {
    "name": "long",
    "input": {"items": {"type": "array"}},
    "steps": {"each": {"for_each": "${{ input.items }}", "max_parallel": 1, **TOOL}},
    "output": 0,
}
# Each round records its own message; it reaches the others by reference.
CONVERSATION: JsonObject = {
    "name": "conversation",
    "input": {"turns": "integer"},
    "steps": {"turn": {"loop": {"max": 1000, "until": "${{ loop.index + 1 >= input.turns }}"}, **TOOL}},
    "output": 0,
}
APPROVAL: JsonObject = {
    "name": "approval",
    "steps": {"ask": {"approval": {"message": "Go on?"}}, "go": {"needs": ["ask"], **TOOL}},
}


class AgentPlane:
    """Starts executions as the API does, by the caller's key, and rings the dispatcher."""

    _db: AsyncpgDatabase
    _engine: Engine
    _bell: InProcessDoorbell

    def __init__(self) -> None:
        self._operator, self._runner = new_key("operator"), new_key("runner")
        self._password = new_key("login").key_hash
        self._versions: dict[str, str] = {}
        # By execution. Whoever comes first makes it: a sweep may run an execution before its start has been answered.
        self._ended: defaultdict[str, asyncio.Future[None]] = defaultdict(asyncio.Future)
        self._long: dict[int, Address] = {}
        self._step = self._do_nothing
        self._running: asyncio.Task[Any] | None = None
        self._may_end = asyncio.Event()

    async def prepare(self, url: str) -> None:
        await apply(url)
        owner = await asyncpg.connect(url)
        await owner.execute(f"alter role authenticator password '{self._password}'")
        await owner.execute("select gateway.create_runner_key($1, $2)", self._runner.key_hash, self._runner.prefix)
        made = await owner.fetchval(
            "select gateway.create_organisation('bench', $1, $2, $3)",
            self._operator.key_hash,
            self._operator.prefix,
            list(SCOPES),
        )
        await owner.execute(
            "select gateway.create_member($1, $2, 'somebody@localhost', 'owner')", json.loads(made)["org_id"], APPROVER
        )
        await owner.close()

    async def open(self, url: str, concurrency: int) -> None:
        login = with_login(url, "authenticator", self._password)
        self._db = await AsyncpgDatabase.connect(login, runner_key=self._runner.secret)
        self._bell = InProcessDoorbell(
            self._run, partial(kernel.sweep, self._db), concurrency=concurrency, sweep_every_s=SWEEP_EVERY_S
        )
        self._engine = replace(engine_of(Settings(), self._db, self._bell), handlers={"tool": Guarded(self._body)})
        await self._bell.start()

    async def close(self) -> None:
        await self._bell.stop()
        await self._db.close()

    async def run_sequential(self, executions: int, steps: int, concurrency: int) -> None:
        version = await self._version(sequence(steps))
        left = iter(range(executions))

        async def client() -> None:
            for _ in left:
                await self._run_to_end(version)

        await asyncio.gather(*(client() for _ in range(concurrency)))

    async def fan_out(self, width: int) -> None:
        await self._run_to_end(await self._version(FAN), {"items": [0] * width})

    async def fill(self, steps: int) -> None:
        """Let its process die in the step after those."""
        await self._bell.stop()  # frames are run by hand here, and no sweep shall come in between
        items: list[Json] = [0] * (steps + RESUMES)
        started: Any = await self._call("start_execution", version_id=await self._version(LONG), input={"items": items})
        self._long[steps] = Address.of(started["due"][0])
        held = self._hold_after(steps)
        self._running = asyncio.create_task(run_frame(self._long[steps], self._engine))
        await held
        await self._die()

    async def resume(self, steps: int) -> float:
        """Run the frame with an engine that knows no document yet."""
        begun = self._hold_after(0)
        engine = replace(self._engine, documents=DocumentCache())
        began = time.perf_counter()
        self._running = asyncio.create_task(run_frame(self._long[steps], engine))
        return (await begun - began) * 1000

    async def rest(self, steps: int) -> None:
        """Let the step end, and the process die in the next one."""
        await self._hold_after(0)
        await self._die()

    def _hold_after(self, steps: int) -> asyncio.Future[float]:
        """Let that many steps pass, and hold the next one until this is called again; it tells when that has begun."""
        self._may_end.set()
        may_end = self._may_end = asyncio.Event()
        begun: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        left = iter(range(steps))

        async def hold(_config: JsonObject, _context: Context) -> Done:
            if next(left, None) is None:
                begun.set_result(time.perf_counter())
                await may_end.wait()
            return Done(OUTPUT)

        self._step = hold
        return begun

    async def _die(self) -> None:
        """Drop the frame without a word, then report the process as the platform would."""
        assert self._running is not None
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await kernel.report_owner_dead(self._db, owner=self._engine.policy.owner)

    async def converse(self, turns: int, size: int) -> list[float]:
        at = [time.perf_counter()]

        async def speak(_config: JsonObject, _context: Context) -> Done:
            at.append(time.perf_counter())
            return Done(message(size))

        self._step = speak
        await self._run_to_end(await self._version(CONVERSATION), {"turns": turns})
        self._step = self._do_nothing
        at.append(time.perf_counter())
        return intervals_ms(at[1:])

    async def approve(self, count: int, *, doorbell: bool) -> list[float]:
        begun: dict[str, float] = {}

        async def note(_config: JsonObject, context: Context) -> Done:
            begun[context.execution_id] = time.perf_counter()
            return Done(OUTPUT)

        self._step = note
        version = await self._version(APPROVAL)
        waiting = [await self._start(version) for _ in range(count)]
        for execution_id in waiting:
            await self._waits(execution_id, "ask")
        answered: dict[str, float] = {}
        for execution_id in waiting:
            answered[execution_id] = time.perf_counter()
            address = await self._answer(execution_id, "ask")
            if doorbell:
                await self._bell.ring([address.message()])
                await self._ended[execution_id]
            else:
                await asyncio.sleep(SWEEP_EVERY_S / count)  # spread over the period
        await asyncio.gather(*(self._ended[execution_id] for execution_id in waiting))
        self._ended.clear()
        self._step = self._do_nothing
        return [(begun[execution_id] - answered[execution_id]) * 1000 for execution_id in waiting]

    async def park(self, count: int) -> None:
        """Leave that many executions waiting for an approval."""
        version = await self._version(APPROVAL)
        limit = asyncio.Semaphore(32)

        async def one() -> None:
            async with limit:
                started: Any = await self._call("start_execution", version_id=version, input={})
                for message in started["due"]:
                    outcome = await run_frame(Address.of(message), self._engine)
                    assert outcome.status == "waiting", outcome

        await asyncio.gather(*(one() for _ in range(count)))

    async def sweep(self, times: int) -> list[float]:
        """Sweep so often; give the milliseconds of each."""
        took: list[float] = []
        for _ in range(times):
            began = time.perf_counter()
            await kernel.sweep(self._db)
            took.append((time.perf_counter() - began) * 1000)
        return took

    async def _body(self, config: JsonObject, context: Context) -> Done:
        return await self._step(config, context)

    async def _do_nothing(self, _config: JsonObject, _context: Context) -> Done:
        return Done(OUTPUT)

    async def _run(self, address: Address, control: Control) -> float | None:
        outcome = await run_frame(address, self._engine, control=control)
        if outcome.status == "done":
            self._ended[address.execution_id].set_result(None)
        return outcome.again_in_s

    async def _call(self, verb: str, **payload: Json) -> Json:
        return await self._db.call(verb, payload, ApiKey(hash_key(self._operator.secret)))

    async def _decide(self, **payload: Json) -> Json:
        claims: JsonObject = {
            "sub": APPROVER,
            "aud": "authenticated",
            "role": "authenticated",
            "email": "somebody@localhost",
            "exp": int(time.time()) + 86_400,
        }
        return await self._db.call("signal_execution", payload, Person("", claims))

    async def _version(self, document: JsonObject) -> str:
        name = str(document["name"])
        if name not in self._versions:
            compiled = compile_document(document)
            stored: Any = await self._call(
                "create_workflow",
                name=name,
                format="yaml",
                definition=json.dumps(document),
                is_json=True,
                document=document,
                queue=compiled.queue,
                steps=list(compiled.index),
            )
            self._versions[name] = stored["version_id"]
        return self._versions[name]

    async def _start(self, version: str, given: JsonObject | None = None) -> str:
        started: Any = await self._call("start_execution", version_id=version, input=given or {})
        await self._bell.ring(started["due"])
        return str(started["id"])

    async def _run_to_end(self, version: str, given: JsonObject | None = None) -> None:
        execution_id = await self._start(version, given)
        await self._ended[execution_id]
        del self._ended[execution_id]

    async def _open_wait(self, execution_id: str) -> str | None:
        execution: Any = await self._call("get_execution", execution_id=execution_id)
        if execution["status"] in {"failed", "succeeded", "cancelled", "timed_out"}:
            message = f"the execution has ended: {execution}"
            raise RuntimeError(message)
        return next((wait["path"] for wait in execution["waiting_for"]), None)

    async def _waits(self, execution_id: str, path: str) -> None:
        while await self._open_wait(execution_id) != path:
            await asyncio.sleep(0.01)

    async def _answer(self, execution_id: str, path: str | None) -> Address:
        answer: Any = await self._decide(execution_id=execution_id, name=path, payload={"outcome": "approve"})
        return Address.of(answer["due"][0])
