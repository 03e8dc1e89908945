"""Limits of a frame, and what does not count towards a step's own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from functions.shared.engine.policy import Policy
from functions.shared.steps import Context, Done
from functions.shared.steps.handlers import HANDLERS
from tests.e2e.conftest import running_plane

if TYPE_CHECKING:
    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from functions.shared.jsonvalue import JsonObject
    from tests.e2e.counting_server import CountingServer
    from tests.organisations import Org


class Heavy:
    """A kind that takes long to get ready, and then answers at once."""

    def __init__(self) -> None:
        self.prepared = 0

    async def prepare(self) -> None:
        self.prepared += 1
        await asyncio.sleep(0.5)

    async def __call__(self, _config: JsonObject, _context: Context) -> Done:
        return Done(output="ready")


async def test_getting_a_kind_ready_takes_none_of_its_steps_time(
    db: AsyncpgDatabase, org: Org, server: CountingServer
) -> None:
    heavy = Heavy()
    async with running_plane(db, org, handlers={**HANDLERS, "code": heavy}) as plane:
        version = await plane.tenant.define(
            """
            name: heavy
            steps:
              a: {timeout: 200ms, retry: {max_attempts: 1}, code: {python: "result = 1"}}
              b: {http: {url: "@url@/b"}}
              c: {needs: [b], http: {url: "@url@/c"}}
            """,
            url=server.url,
        )
        execution = await plane.tenant.start(version)
        assert (await plane.tenant.ended(execution))["status"] == "succeeded"
        steps = await plane.tenant.steps(execution)
    assert heavy.prepared == 1
    assert steps["a"]["duration_ms"] < 200
    assert steps["c"]["ended_at"] < steps["a"]["ended_at"]  # others were not held back


async def failed_with(db: AsyncpgDatabase, org: Org, server: CountingServer, *, within: str, delay: str) -> Any:
    policy = Policy(owner="test", lease_s=5, extend_every_s=0.1, frame_records=3)
    async with running_plane(db, org, policy=policy) as plane:
        version = await plane.tenant.define(
            """
            name: many
            limits: {timeout: @within@}
            steps:
              items: {for_each: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], max_parallel: 1, http: {url: "@url@/item"}}
              cleanup: {needs: [items], requires: ended, http: {url: "@url@/cleanup?delay=@delay@"}}
            """,
            url=server.url,
            within=within,
            delay=delay,
        )
        return await plane.tenant.ended(await plane.tenant.start(version))


async def test_a_frame_with_too_many_checkpoints_fails_as_such(
    db: AsyncpgDatabase, org: Org, server: CountingServer
) -> None:
    ended = await failed_with(db, org, server, within="10s", delay="0")
    assert (ended["status"], ended["error"]["code"]) == ("failed", "too_many_checkpoints")
    assert 3 <= server.calls["/item"] < 10


async def test_a_deadline_still_ends_what_has_too_many_checkpoints(
    db: AsyncpgDatabase, org: Org, server: CountingServer
) -> None:
    ended = await failed_with(db, org, server, within="700ms", delay="1.2")
    assert ended["status"] == "timed_out"
