"""What an owner takes into memory of what shards have recorded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from functions.shared.dispatch.doorbell import Address, SilentDoorbell
from functions.shared.engine.runner import run_frame
from functions.shared.steps import Context, Done
from tests.e2e.conftest import make_engine, running_plane
from tests.e2e.faults import WatchedDatabase

if TYPE_CHECKING:
    import asyncpg

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from functions.shared.engine.policy import Engine
    from functions.shared.jsonvalue import JsonObject
    from tests.organisations import Org

WIDE = """
    name: wide
    input: {numbers: array}
    steps:
      items:
        for_each: ${{ input.numbers }}
        max_parallel: 64
        http: {url: "http://127.0.0.1/${{ item }}"}
      soon: {wait: {for: 100ms}}
      other: {needs: [soon], wait: {for: 100ms}}
      count: {transform: "${{ steps.items.output | length }}"}
    output: ${{ [steps.count.output, steps.items.output[0][:3], steps.items.output[200][:3]] }}
"""


def engine_with_outputs(db: AsyncpgDatabase, size: int) -> tuple[Engine, WatchedDatabase]:
    """An engine whose http steps answer so many different characters."""

    async def answer(config: JsonObject, _context: Context) -> Done:
        number = str(config["url"]).rsplit("/", 1)[-1]
        return Done(output=f"{number:0>3}" + "x" * size)

    watched = WatchedDatabase(db)
    return make_engine(watched, SilentDoorbell(), handlers={"http": answer}), watched


async def run_shards(admin: asyncpg.Connection, engine: Engine, execution: str, *, but: int) -> None:
    """Run the shards that have not ended, but for so many of them."""
    rows = await admin.fetch(
        "select frame, queue from plane.frames where frame <> '' and status <> 'done' order by frame"
    )
    for row in rows[: len(rows) - but]:
        await run_frame(Address(execution, row["frame"], row["queue"]), engine)


async def test_what_shards_record_is_loaded_when_all_have_ended(
    db: AsyncpgDatabase, org: Org, admin: asyncpg.Connection
) -> None:
    engine, watched = engine_with_outputs(db, 18_000)
    async with running_plane(db, org, sweep_every_s=None, is_deaf=True) as plane:
        version = await plane.tenant.define(WIDE)
        execution = await plane.tenant.start(version, {"numbers": list(range(260))}, ring=False)
        root = Address(execution, "", "default")
        assert (await run_frame(root, engine)).status == "waiting"
        await run_shards(admin, engine, execution, but=1)
        await asyncio.sleep(0.2)
        assert (await run_frame(root, engine)).status == "waiting"  # the timer, while a shard is open
        assert watched.counts["load_records"] == 0
        await asyncio.sleep(0.2)
        await run_shards(admin, engine, execution, but=0)
        await run_frame(root, engine)
        ended = await plane.tenant.get(execution)
        assert (ended["status"], ended["output"]) == ("succeeded", [260, "000", "200"])


async def test_items_that_are_too_large_together_are_not_fetched(
    db: AsyncpgDatabase, org: Org, admin: asyncpg.Connection
) -> None:
    engine, watched = engine_with_outputs(db, 100_000)
    async with running_plane(db, org, sweep_every_s=None, is_deaf=True) as plane:
        version = await plane.tenant.define(WIDE)
        execution = await plane.tenant.start(version, {"numbers": list(range(260))}, ring=False)
        root = Address(execution, "", "default")
        assert (await run_frame(root, engine)).status == "waiting"
        await asyncio.sleep(0.2)
        await run_frame(root, engine)
        await asyncio.sleep(0.2)
        await run_shards(admin, engine, execution, but=0)
        await run_frame(root, engine)
        ended = await plane.tenant.get(execution)
        assert (ended["status"], ended["error"]["code"]) == ("failed", "output_too_large")
        assert watched.counts["load_records"] <= 2
