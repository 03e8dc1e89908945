"""Forty workers of two organisations share five server connections, and nobody sees what is another's."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from functions.shared.db import kernel
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.db.port import ApiKey
from functions.shared.errors import Internal, PlaneError
from functions.shared.postgres.connection import connected
from tests.pgbouncer import pooled
from tests.pooler.conftest import SERVER_CONNECTIONS
from tests.pooler.sessions import look, look_at_all
from tests.sql.actors import Plane, connect, record

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from functions.shared.jsonvalue import JsonObject
    from tests.organisations import Org
    from tests.pooler.conftest import Behind

WORKERS = 40
ROUNDS = 6


@dataclass
class Side:
    """An organisation in the crowd: its workflow, and the executions that the other side tries to see."""

    org: Org
    version: str
    started: asyncio.Queue[str] = field(default_factory=asyncio.Queue[str])


@dataclass
class Worker:
    """One process of an organisation: a connection of its own, and a tally of what was looked at."""

    db: AsyncpgDatabase
    name: str
    side: Side
    other: Side
    seen: Counter[str] = field(default_factory=Counter[str])

    @property
    def org(self) -> Org:
        return self.side.org

    async def work(self) -> None:
        """Mix what tenants, runners and strangers do; every answer is looked at."""
        for number in range(ROUNDS):
            await self.write(number)
            await self.move()
            theirs = {"execution_id": await self.other.started.get()}
            await self.refused("execution_not_found", "get_execution", theirs)
            await self.refused("unauthenticated", "list_workflows", {}, ApiKey("0" * 64))
            await self.refused("internal", "probe_sqlstate", {"sqlstate": "22012"})
            await self.list()
        await self.stop_waiting()
        await self.list()

    async def write(self, number: int) -> None:
        """Write; write, and fail after it; read."""
        mine: JsonObject = {"component": "crowd", "key": self.name}
        value: JsonObject = {"org": self.org.id, "worker": self.name, "number": number}
        await self.db.call("put_state", {**mine, "value": value}, self.org.operator)
        await self.refused("internal", "probe_try", {"failures": 10**9, "sqlstate": "22012", "note": self.name})
        found = cast("dict[str, Any]", await self.db.call("get_state", mine, self.org.agent))
        assert found["value"] == value
        self.seen["written"] += 1

    async def move(self) -> None:
        """Start an execution, claim it, record a step and finish it."""
        asked: JsonObject = {"version_id": self.side.version, "input": {"org": self.org.id}, "mode": "engine"}
        started = cast("dict[str, Any]", await self.db.call("start_execution", asked, self.org.operator))
        address: JsonObject = {"execution_id": started["id"], "frame": ""}
        held = await kernel.claim(
            self.db, **address, queue="default", claim_ref=started["id"], owner="crowd", lease_s=30, known=[]
        )
        assert isinstance(held, kernel.Claimed)
        assert held.input == {"org": self.org.id}
        finish = {"status": "succeeded", "output": {"org": self.org.id}, "error": None}
        ended = await kernel.checkpoint(
            self.db,
            {**address, "epoch": held.epoch, "seq": 1, "records": [record("a", {"org": self.org.id})], "in_flight": {}}
            | {"next": "done", "finish": finish},
        )
        assert ended.status == "done"
        own = cast("dict[str, Any]", await self.db.call("get_execution", address, self.org.agent))
        assert own["output"] == {"org": self.org.id}
        self.seen["moved"] += 1
        self.side.started.put_nowait(started["id"])

    async def list(self) -> None:
        """Whatever is listed is the own organisation's."""
        asked: JsonObject = {"component": "crowd", "limit": 100}
        page = cast("dict[str, Any]", await self.db.call("list_state", asked, self.org.agent))
        assert {row["value"]["org"] for row in page["data"]} == {self.org.id}
        me = cast("dict[str, Any]", await self.db.call("get_organisation", {}, self.org.operator))
        assert me["id"] == self.org.id
        self.seen["listed"] += 1

    async def refused(self, code: str, fn: str, payload: JsonObject, caller: ApiKey | None = None) -> None:
        """The call is refused, with this code."""
        with pytest.raises(PlaneError) as raised:
            await self.db.call(fn, payload, caller or self.org.operator)
        assert raised.value.code == code, (fn, raised.value)
        self.seen[code] += 1

    async def stop_waiting(self) -> None:
        """Give up in the middle of a statement: the connection is cut under it."""
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(self.db.call("probe_try", {"failures": 0, "seconds": 9}, self.org.agent), 0.05)
        self.seen["gave up"] += 1


@pytest.fixture
async def sides(behind: Behind) -> tuple[Side, Side]:
    plane = Plane(await connect(behind.admin_url), behind.admin_url, behind.direct_url)
    one, other = [Side(org, await plane.version(org, name=f"w-{time.monotonic_ns()}")) for org in behind.orgs]
    await plane.close()
    return one, other


@asynccontextmanager
async def crowd(
    behind: Behind, sides: tuple[Side, Side], url: str, *, is_pooled: bool = True
) -> AsyncGenerator[list[Worker]]:
    """Forty workers with a connection each, of the two sides in turn."""
    async with AsyncExitStack() as afterwards:
        workers: list[Worker] = []
        for number in range(WORKERS):
            db = await AsyncpgDatabase.connect(url, runner_key=behind.runner_key, pooled=is_pooled, max_connections=1)
            afterwards.push_async_callback(db.close)
            workers.append(Worker(db, f"worker-{number}", sides[number % 2], sides[1 - number % 2]))
        yield workers


async def test_forty_workers_on_five_connections_see_their_own_only(
    behind: Behind, sides: tuple[Side, Side], caplog: pytest.LogCaptureFixture, record_property: Callable[..., None]
) -> None:
    caplog.set_level(logging.CRITICAL, "agentplane.database")  # hundreds of refusals are meant
    fresh = await look(behind.url)
    begun = time.monotonic()
    async with crowd(behind, sides, behind.url) as workers:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker.work())
        took = time.monotonic() - begun
        assert sum((worker.seen for worker in workers), Counter[str]()) == {
            "written": 240,
            "moved": 240,
            "listed": 280,
            "execution_not_found": 240,
            "unauthenticated": 240,
            "internal": 480,
            "gave up": 40,
        }
    sessions = await look_at_all(behind.url, SERVER_CONNECTIONS)
    assert len({session.pid for session in sessions}) == SERVER_CONNECTIONS
    assert [session.differences(fresh) for session in sessions] == [{}] * SERVER_CONNECTIONS
    async with connected(behind.admin_url) as admin:
        servers = await admin.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database() and usename = 'authenticator'"
        )
        assert servers <= SERVER_CONNECTIONS
        assert await admin.fetchval("select count(*) from probe.done") == 0  # all that failed was undone
        strangers = "select count(*) from plane.state where org_id::text <> value ->> 'org'"
        assert await admin.fetchval(strangers) == 0
        assert await admin.fetchval("select count(*) from plane.state where component = 'crowd'") == WORKERS
        assert await admin.fetchval("select count(*) from plane.violations") == 0
    record_property("summary", f"pooler: {WORKERS} workers on {SERVER_CONNECTIONS} server connections, {took:.1f} s")


async def test_with_prepared_statements_the_same_crowd_fails(
    behind: Behind, sides: tuple[Side, Side], caplog: pytest.LogCaptureFixture
) -> None:
    """The control: what the settings prevent is really there."""
    with pooled(behind.direct_url) as pooler:  # of its own, as what is prepared stays in the server's connections
        async with crowd(behind, sides, pooler.url(behind.direct_url), is_pooled=False) as workers:
            asking = [worker.list() for worker in workers for _ in range(5)]
            outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert any(isinstance(outcome, Internal) for outcome in outcomes)
    refused = {vars(record)["sqlstate"] for record in caplog.records if record.message == "database refused a call"}
    assert refused & {"26000", "42P05"}, refused  # no such statement; there is one of this name already
