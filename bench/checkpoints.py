"""Ten sequential steps that do nothing: steps a second through the whole engine, against a bare insert and commit.

The floor inserts a row of the same size with the same driver into the same Postgres, at the same concurrency.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import asyncpg

from functions.shared.auth.keys import SCOPES, hash_key, new_key
from functions.shared.config import Settings
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.db.port import ApiKey
from functions.shared.dispatch.doorbell import Address, SilentDoorbell
from functions.shared.dsl.compiled import compile_document
from functions.shared.engine.policy import Engine, Policy
from functions.shared.engine.runner import run_frame
from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.postgres.migrate import apply
from functions.shared.postgres.server import EmbeddedPostgres
from functions.shared.postgres.urls import with_database
from functions.shared.steps import HttpPolicy
from functions.shared.steps.base import Context, Done

STEPS = 10
REPEATS = 5
CONCURRENCIES = (1, 8, 32)
EXECUTIONS = {1: 30, 8: 120, 32: 240}


async def _do_nothing(_config: JsonObject, _context: Context) -> Done:
    return Done({"ok": True})


def _document() -> JsonObject:
    steps: dict[str, Json] = {}
    for number in range(STEPS):
        needs: dict[str, Json] = {"needs": [f"s{number - 1}"]} if number else {}
        steps[f"s{number}"] = {**needs, "tool": {"name": "json_query", "with": {"data": {}, "query": "a"}}}
    return {"name": "ten-steps", "steps": steps}


async def run() -> list[dict[str, Any]]:
    """Measure in a Postgres of its own with its usual settings (fsync on)."""
    with tempfile.TemporaryDirectory(prefix="agentplane-bench-") as folder:
        async with EmbeddedPostgres(Path(folder)) as postgres:
            owner = await asyncpg.connect(postgres.url())
            await owner.execute("create database bench")
            url = with_database(postgres.url(), "bench")
            await apply(url)
            await owner.execute(f"alter role authenticator password '{postgres.login_password}'")
            await owner.close()
            return await _measure(url, with_database(postgres.url(login=True), "bench"))


async def _measure(owner_url: str, login_url: str) -> list[dict[str, Any]]:
    owner = await asyncpg.connect(owner_url)
    key, runner = new_key("operator"), new_key("runner")
    await owner.execute("select gateway.create_runner_key($1, $2)", runner.key_hash, runner.prefix)
    await owner.execute(
        "select gateway.create_organisation('bench', $1, $2, $3)", key.key_hash, key.prefix, list(SCOPES)
    )
    await owner.execute("create table public.floor (id bigserial primary key, body jsonb not null)")
    db = await AsyncpgDatabase.connect(login_url, runner_key=runner.secret, max_connections=max(CONCURRENCIES))
    engine = Engine(
        db=db,
        doorbell=SilentDoorbell(),
        handlers={"tool": _do_nothing},
        policy=Policy(owner="bench"),
        http=HttpPolicy(allow_private=frozenset(Settings().allow_private_hosts)),
        environment={},
    )
    caller = ApiKey(hash_key(key.secret))
    compiled = compile_document(_document())
    stored: Any = await db.call(
        "create_workflow",
        {
            "name": "ten-steps",
            "format": "yaml",
            "definition": json.dumps(_document()),
            "is_json": True,
            "document": _document(),
            "queue": compiled.queue,
            "steps": list(compiled.index),
        },
        caller,
    )
    rows: list[dict[str, Any]] = []
    for concurrency in CONCURRENCIES:
        floors, engines = [], []
        for _ in range(REPEATS):  # interleaved, so that both see the same machine
            floors.append(await _floor(owner_url, concurrency))
            engines.append(await _executions(db, caller, engine, stored["version_id"], concurrency))
        floor, steps = statistics.median(floors), statistics.median(engines)
        rows.append({"concurrency": concurrency, "floor": floor, "steps": steps, "ratio": steps / floor})
    await db.close()
    await owner.close()
    return rows


async def _floor(url: str, concurrency: int) -> float:
    """Rows a second: insert and commit, one statement each."""
    pool = await asyncpg.create_pool(url, min_size=concurrency, max_size=concurrency)
    body = json.dumps({"path": "s0", "kind": "tool", "status": "succeeded", "output": {"ok": True}, "pad": "x" * 200})
    each = EXECUTIONS[concurrency] * STEPS // concurrency

    async def client() -> None:
        async with pool.acquire() as connection:
            for _ in range(each):
                await connection.execute("insert into public.floor (body) values ($1)", body)

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(concurrency)))
    took = time.perf_counter() - began
    await pool.close()
    return each * concurrency / took


async def _executions(db: AsyncpgDatabase, caller: ApiKey, engine: Engine, version_id: str, concurrency: int) -> float:
    """Steps a second, claims included. Starting the executions is not counted."""
    due: list[Address] = []
    for _ in range(EXECUTIONS[concurrency]):
        started: Any = await db.call("start_execution", {"version_id": version_id, "input": {}}, caller)
        due.extend(Address.of(message) for message in started["due"])
    limit = asyncio.Semaphore(concurrency)

    async def one(address: Address) -> None:
        async with limit:
            outcome = await run_frame(address, engine)
            if outcome.status != "done":
                message = f"{address} ended as {outcome}"
                raise RuntimeError(message)

    began = time.perf_counter()
    await asyncio.gather(*(one(address) for address in due))
    took = time.perf_counter() - began
    return len(due) * STEPS / took
