"""Writes the fixture of a release: `python -m tests.releases.write 0.1.0`, with the code of that release.

A worker of this engine is killed while it runs one execution of every kind. What it leaves in the database goes to
`<release>.sql`, how each execution has to end to `<release>.json`: as they do with this engine when nobody is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from functions.shared.db import kernel
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.db.port import ApiKey
from functions.shared.dispatch.doorbell import Address, SilentDoorbell
from functions.shared.engine.policy import Policy
from functions.shared.engine.runner import run_frame
from functions.shared.postgres.account import account_for
from functions.shared.postgres.binaries import find_binaries
from functions.shared.postgres.connection import connected
from functions.shared.postgres.history import read_migrations
from functions.shared.postgres.plane_database import prepare_database
from functions.shared.postgres.server import EmbeddedPostgres
from tests.e2e.conftest import make_engine, running_plane
from tests.e2e.tenant import Tenant
from tests.organisations import Org, create_org, create_runner_key
from tests.people import User
from tests.releases.finishing import finish
from tests.releases.situations import PARTS, SITUATIONS, Situation, World

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
WORKER = "worker"
LEASE_S = 5.0


async def main(release: str) -> None:
    """Write both files."""
    with tempfile.TemporaryDirectory(prefix="agentplane-release-") as data:
        async with EmbeddedPostgres(data, settings={"fsync": "off"}) as server:
            expected = await _undisturbed(server)
            db, org, admin_url = await _prepare(server, "half_done")
            ids = await _start_all(db, org)
            _run_worker(db_url=admin_url, login=server.url("half_done", login=True), org=org, ids=ids)
            await _afterwards(db, org, ids, admin_url)
            _write(release, server, org, ids, expected)
            await db.close()


async def _prepare(server: EmbeddedPostgres, name: str) -> tuple[AsyncpgDatabase, Org, str]:
    urls = await prepare_database(server, name)
    async with connected(urls.admin_url) as connection:
        org: Org = await create_org(connection, "acme", has_owner=True)  # pyright: ignore[reportArgumentType]
    db = await AsyncpgDatabase.connect(urls.authenticator_url, runner_key=await create_runner_key(urls.admin_url))
    return db, org, urls.admin_url


async def _undisturbed(server: EmbeddedPostgres) -> dict[str, Any]:
    """Give, by situation, how each execution ends when nothing happens to it."""
    db, org, _ = await _prepare(server, "undisturbed")
    ids = await _start_all(db, org, nap="20ms")
    world = World(is_hanging=False)
    tenant = Tenant(db, org, SilentDoorbell())
    async with running_plane(db, org, handlers=world.handlers, sweep_every_s=0.2) as plane:
        await plane.tenant.waiting_for(ids["event"], "news", within=30)
        await plane.tenant.cancel(ids["too_late"])
    ids["ready"] = await _start(tenant, _last())
    ended = await finish(db, org, world, within=60)
    await db.close()
    return {name: _end_of(ended[execution]) for name, execution in ids.items()}


def _end_of(execution: dict[str, Any]) -> dict[str, Any]:
    return {
        "status": execution["status"],
        "output": execution["output"],
        "code": (execution["error"] or {}).get("code"),
        "steps": {path: step["status"] for path, step in sorted(execution["steps"].items())},
    }


def _last() -> Situation:
    return next(each for each in SITUATIONS if each.then == "start")


async def _start_all(db: AsyncpgDatabase, org: Org, nap: str | None = None) -> dict[str, str]:
    tenant = Tenant(db, org, SilentDoorbell())
    for name, text in PARTS.items():
        await tenant.define(f"name: {name}\n{text}")
    return {
        each.name: await _start(tenant, each, {"nap": nap} if nap and "nap" in each.input else None)
        for each in SITUATIONS
        if each.then != "start"
    }


async def _start(tenant: Tenant, situation: Situation, given: dict[str, Any] | None = None) -> str:
    version = await tenant.define(f"name: {situation.name}\n{situation.document}")
    return await tenant.start(version, given or situation.input, ring=False)


# The worker


def _run_worker(*, db_url: str, login: str, org: Org, ids: dict[str, str]) -> None:
    """Run every execution in a process of its own until each is where it should be; then it is gone, as if killed."""
    given = json.dumps({"admin": db_url, "login": login, "org": asdict(org), "ids": ids})
    done = subprocess.run([sys.executable, "-m", "tests.releases.write", WORKER], input=given.encode(), check=False)
    if done.returncode != -signal.SIGKILL:
        sys.exit(f"the worker ended with {done.returncode}")


async def work(given: dict[str, Any]) -> None:
    """Run until every situation has come about, and die."""
    db = await AsyncpgDatabase.connect(given["login"], runner_key=await create_runner_key(given["admin"]))
    fields = given["org"]
    keys = {"operator": ApiKey(**fields["operator"]), "agent": ApiKey(**fields["agent"])}
    org = Org(**{**fields, **keys, "owner": User(**fields["owner"])})
    world = World(is_hanging=True)
    policy = Policy(owner="killed", lease_s=LEASE_S, extend_every_s=0.3)
    async with running_plane(db, org, policy=policy, handlers=world.handlers, sweep_every_s=0.2) as plane:
        left = [each for each in SITUATIONS if each.then != "start"]
        until = asyncio.get_running_loop().time() + 60
        while left:
            left = [each for each in left if not await _has_come(each, given["ids"][each.name], plane.tenant, world)]
            if asyncio.get_running_loop().time() > until:
                sys.exit(f"not reached: {[each.name for each in left]}")
            await asyncio.sleep(0.05)
        await asyncio.sleep(1.5)  # until steps in flight are noted and the last results are written
        os.kill(os.getpid(), signal.SIGKILL)


async def _has_come(situation: Situation, execution: str, tenant: Tenant, world: World) -> bool:
    if any((execution, path) not in world.hung for path in situation.hangs):
        return False
    now = await tenant.get(execution)
    if situation.has_ended and now["ended_at"] is None:
        return False
    waits = {wait["path"] for wait in now["waiting_for"]}
    if any(path not in waits for path in situation.waits) and not _waits_inside(situation, waits):
        return False
    return not situation.recorded or len(await tenant.steps(execution)) >= situation.recorded


def _waits_inside(situation: Situation, waits: set[str]) -> bool:
    """Back-offs, parts and shards are waits that are not shown."""
    return situation.name in {"retry", "shards", "child_waits", "child_hangs", "draining"} and not waits


# After the kill


async def _afterwards(db: AsyncpgDatabase, org: Org, ids: dict[str, str], admin_url: str) -> None:
    tenant = Tenant(db, org, SilentDoorbell())
    for each in SITUATIONS:
        match each.then:
            case "cancel":
                await tenant.cancel(ids[each.name])
            case "drain":
                await tenant.cancel(ids[each.name])
                policy = Policy(owner="second", lease_s=LEASE_S)
                engine = make_engine(db, SilentDoorbell(), policy=policy, handlers=World(is_hanging=True).handlers)
                await run_frame(Address(ids[each.name], "", "default", org.id), engine)
            case "signal":
                await tenant.signal(ids[each.name], "told", {"what": "go"})
            case "retry":
                gen = (await tenant.get(ids[each.name]))["gen"]
                fields = {"execution_id": ids[each.name], "gen": gen, "keep": ["first"]}
                await db.call("retry_execution", fields, org.operator)
            case "crash again":
                await _crash(db, ids[each.name], admin_url)
            case "start":
                ids[each.name] = await _start(tenant, each)
            case _:
                pass


async def _crash(db: AsyncpgDatabase, execution: str, admin_url: str) -> None:
    """Let two more owners take it and die without a word."""
    for owner in ("second", "third"):
        async with connected(admin_url) as admin:
            ref = await admin.fetchval("select claim_ref from plane.frames where execution_id = $1", execution)
        await kernel.report_dead(db, execution_id=execution, frame="", claim_ref=ref)
        await kernel.claim(
            db,
            execution_id=execution,
            frame="",
            queue="default",
            claim_ref=owner,
            owner=owner,
            lease_s=LEASE_S,
            known=[],
        )


def _write(release: str, server: EmbeddedPostgres, org: Org, ids: dict[str, str], expected: dict[str, Any]) -> None:
    executions: list[dict[str, Any]] = []
    for each in SITUATIONS:
        end = dict(expected[each.name])
        if each.ends is not None and "status" in each.ends:
            end |= {"output": None, "code": None, **each.ends}
        elif each.ends is not None:
            end["output"] = each.ends
        executions.append({"situation": each.name, "id": ids[each.name], "end": end})
    fixture = {
        "release": release,
        "migrations": {str(each): sha256(each.script.encode()).hexdigest() for each in read_migrations()},
        "taken_at": datetime.now(UTC).isoformat(),
        "org": {"id": org.id, "operator_key_hash": org.operator.key_hash},
        "executions": executions,
    }
    (HERE / f"{release}.json").write_text(json.dumps(fixture, indent=1) + "\n")
    (HERE / f"{release}.sql").write_text(_dump(server))


def _dump(server: EmbeddedPostgres) -> str:
    program = find_binaries(server.version, account_for(server.cluster)) / "bin" / "pg_dump"
    options = ["--data-only", "--column-inserts", "--rows-per-insert=50", "--exclude-schema=supabase_migrations"]
    printed = subprocess.run(
        [program, *options, "--exclude-table=gateway.verbs", server.url("half_done")],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    kept = (
        line
        for line in printed.splitlines()
        if not line.startswith(("--", "\\", "SET ", "SELECT pg_catalog.set_config"))
    )
    return "\n".join(line for line in kept if line) + "\n"


def _run(arguments: Sequence[str]) -> None:
    if list(arguments) == [WORKER]:
        asyncio.run(work(json.loads(sys.stdin.read())))
    else:
        asyncio.run(main(*arguments))


if __name__ == "__main__":
    _run(sys.argv[1:])
