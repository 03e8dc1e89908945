"""Postgres ends and comes back while the port stays open."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import pytest

from functions.shared.db.port import Answer, Idempotency
from functions.shared.errors import PlaneError, Unavailable
from functions.shared.postgres.schema import load_schema
from tests.contract.backends import KINDS, Backend, add_probes, serve
from tests.organisations import create_org, create_runner_key
from tests.postgres.servers import embedded

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from functions.shared.postgres.server import EmbeddedPostgres
    from tests.organisations import Org


@asynccontextmanager
async def plane(data: Path, kind: str) -> AsyncGenerator[tuple[EmbeddedPostgres, Backend, Org]]:
    """A Postgres of the test's own, as many others share the run's, and one way to it."""
    async with embedded(data) as server:
        admin = await asyncpg.connect(server.url())
        await admin.execute("create database plane")
        await load_schema(server.url("plane"))
        await add_probes(server.url("plane"))
        await admin.execute(f"alter role authenticator password '{server.login_password}'")
        await admin.close()
        owner = await asyncpg.connect(server.url("plane"))
        org = await create_org(owner)
        await owner.close()
        runner_key = await create_runner_key(server.url("plane"))
        with serve(kind, server.url("plane", login=True), runner_key) as backend:
            yield server, backend, org


@pytest.mark.parametrize("kind", KINDS)
async def test_the_port_goes_on_after_a_restart(tmp_path: Path, kind: str) -> None:
    async with plane(tmp_path, kind) as (server, backend, org), backend.connected() as port:
        warm = [port.call("probe_echo", {"value": n}, org.agent) for n in range(3)]
        assert await asyncio.gather(*warm) == [0, 1, 2]
        await server.stop()
        begun = time.monotonic()
        with pytest.raises(Unavailable) as raised:
            await port.call("probe_try", {"failures": 0}, org.agent, safe=True)
        assert raised.value.retry_after == 2
        assert time.monotonic() - begun < 5
        with pytest.raises(Unavailable):
            await port.ping()
        await server.start()
        if kind == "asyncpg-pooled":  # it refuses the call by which it learns that Postgres is back
            assert await port.call("probe_echo", {"value": 4}, org.agent, safe=True) == 4
        await port.ping()
        assert await port.call_once("probe_try", {"failures": 0}, org.agent, Idempotency("k", "f" * 64)) == Answer(1)


@pytest.mark.parametrize("kind", ["asyncpg", "postgrest"])
async def test_calls_in_flight_when_postgres_is_killed_end_well_or_say_why(tmp_path: Path, kind: str) -> None:
    async with plane(tmp_path, kind) as (server, backend, org), backend.connected() as port:
        await port.ping()

        async def change(number: int) -> Answer | PlaneError:
            try:
                payload = {"failures": 0, "note": str(number), "seconds": 0.02}
                return await port.call_once("probe_try", payload, org.agent, Idempotency(f"key-{number}", "f" * 64))
            except PlaneError as error:
                return error

        calling = [asyncio.create_task(change(number)) for number in range(60)]
        await asyncio.sleep(0.05)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        server.leave_running()
        await server.start()
        outcomes = await asyncio.gather(*calling)

        assert {error.code for error in outcomes if isinstance(error, PlaneError)} <= {"database_unavailable"}
        again = await asyncio.gather(*(change(number) for number in range(60)))
        assert all(isinstance(outcome, Answer) for outcome in again)
        owner = await asyncpg.connect(server.url("plane"))
        notes = await owner.fetch("select note, count(*) as times from probe.done group by note")
        await owner.close()
        assert {row["note"]: row["times"] for row in notes} == {str(number): 1 for number in range(60)}
