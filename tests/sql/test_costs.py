"""What the engine promises to cost: statements, commits and index writes, counted by Postgres."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.sql.actors import Plane, Runner, Tenant, approval, record, shards

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def test_a_checkpoint_is_one_statement_and_one_commit(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    held = await runner.claim(await tenant.start(version))
    statements = counted(runner)
    for n in range(50):
        await held.checkpoint(records=[record(f"s{n}", n)], in_flight={f"s{n + 1}": {"attempt": 1}})
    # A statement outside of a transaction block is at most one commit, and each left rows of a transaction of its own.
    assert await statements() == 50
    assert await plane.db.fetchval("select count(distinct xmin::text) from plane.checkpoints") == 50


async def test_checkpoints_of_a_running_frame_are_hot(plane: Plane, tenant: Tenant, version: str) -> None:
    execution = await tenant.start(version)
    runner = await Runner.connect(plane.login_url)
    held = await runner.claim(execution)
    for n in range(100):
        await held.checkpoint(records=[record(f"s{n}", n)])
    await runner.db.close()
    row = {"n_tup_upd": 0, "n_tup_hot_upd": 0}
    for _ in range(100):
        row = await plane.row("select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = 'frames'")
        if row["n_tup_upd"] >= 101:
            break
        await asyncio.sleep(0.02)
    assert row["n_tup_upd"] == 101, "one update a checkpoint"
    assert row["n_tup_hot_upd"] >= 95, "what is not HOT is a page that another backend could not yet prune"


async def test_a_resume_is_one_statement_at_any_length(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    held = await runner.claim(await tenant.start(version))
    for page in range(20):
        await held.checkpoint("running", records=[record(f"s{page}_{n}", n) for n in range(64)])
    await held.checkpoint("ready")
    statements = counted(runner)
    again = await runner.claim(held.execution_id)
    assert (len(again.claimed["records"]), await statements()) == (1280, 1)


async def test_a_hundred_items_fan_out_and_join_in_forty_statements(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    statements = counted(runner)
    held = await runner.claim(await tenant.start(version))
    answer = await held.checkpoint("waiting", open=[shards(16)])
    for n, bell in enumerate(answer["due"]):
        shard = await runner.claim(held.execution_id, bell["frame"])
        last = await shard.finish(records=[record(f"items[{i}]", i, parent="items") for i in range(100) if i % 16 == n])
    owner = runner.adopt(last)
    assert len(owner.claimed["records"]) == 100
    await owner.finish(records=[record("items")])
    assert await statements() <= 40


async def test_waiting_costs_no_statement_of_its_own(runner: Runner, tenant: Tenant, version: str) -> None:
    held = await runner.claim(await tenant.start(version))
    statements = counted(runner)
    await held.checkpoint("waiting", records=[record("a")], open=[approval()])
    assert await statements() == 1


def counted(runner: Runner) -> Callable[[], Awaitable[int]]:
    """Count the statements that a runner sends from now on."""
    sent: list[str] = []
    runner.db.add_query_logger(lambda query: sent.append(query.query))

    async def count() -> int:
        await asyncio.sleep(0)  # the driver tells after the call
        return len(sent)

    return count
