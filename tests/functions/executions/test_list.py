from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.functions.executions.documents import PLAIN, WAITS

if TYPE_CHECKING:
    import asyncpg

    from tests.functions.running import Plane


async def test_executions_are_filtered_by_workflow_status_and_agent(plane: Plane):
    agent = (await plane.agent.post("/api/agents", json={"name": "worker"})).json()["id"]
    plain, waits = await plane.store(PLAIN), await plane.store(WAITS)
    await plane.store("# Do it", name="runbook")
    done = (await plane.start("plain", wait=20, input={"who": "Ada"}))["id"]
    parked = (await plane.until((await plane.start("waits", agent_id=agent))["id"], "waiting"))["id"]
    external = (await plane.start("runbook", agent_id=agent))["id"]

    async def found(**query: Any) -> list[str]:
        return [row["id"] for row in (await plane.get("/api/executions", **query))["data"]]

    assert await found() == [external, parked, done]
    assert await found(workflow="plain") == [done]
    assert await found(workflow_id=waits["id"]) == [parked]
    assert await found(workflow_id=plain["version_id"]) == [done]
    assert await found(status="succeeded") == [done]
    assert await found(status="completed") == [done]
    assert await found(status="waiting") == [parked]
    assert await found(status="running") == [external]
    assert await found(status="queued") == []
    assert await found(agent_id=agent) == [external, parked]
    assert await found(agent_id=agent, status="waiting", workflow="waits") == [parked]
    assert await found(agent_id=agent, workflow="plain") == []
    assert await found(workflow="nothing") == []
    wrong = await plane.agent.get("/api/executions", params={"status": "complete", "agent": agent})
    assert {error["pointer"] for error in wrong.json()["errors"]} == {"/query/status", "/query/agent"}


async def test_pages_follow_each_other_without_gap_or_repeat(still_plane: Plane):
    await still_plane.store("# Do it", name="runbook")
    started = [(await still_plane.start("runbook"))["id"] for _ in range(7)]
    seen: list[str] = []
    cursor: str | None = None
    while cursor or not seen:
        query = {"limit": 3, "workflow": "runbook"} | ({"cursor": cursor} if cursor else {})
        page = await still_plane.get("/api/executions", **query)
        seen += [row["id"] for row in page["data"]]
        cursor = page["next_cursor"]
    assert seen == started[::-1]


@pytest.fixture
async def many(still_plane: Plane, superuser: asyncpg.Connection) -> Plane:
    """5,000 executions of 5 workflows and 5 agents."""
    await still_plane.store("# Do it", name="runbook")
    await still_plane.start("runbook")
    await superuser.execute(
        """
        with flow as (
          insert into plane.workflows (org_id, name, latest) select $1, 'flow ' || n, 1 from generate_series(1, 5) as n
          returning id, org_id
        ), version as (
          insert into plane.workflow_versions (org_id, workflow_id, version, format, definition, content_hash)
          select org_id, id, 1, 'markdown', '#', '' from flow
          returning id, workflow_id, org_id
        ), numbered as (select *, row_number() over () as n from version)
        insert into plane.executions (
          org_id, workflow_id, version_id, mode, status, root_execution_id, ended_at, created_at, agent_id)
        select org_id, workflow_id, id, 'external', case when i % 4 = 0 then 'failed' else 'succeeded' end,
          gen_random_uuid(), now(), now() - i * interval '1 minute',
          ('00000000-0000-4000-8000-0000000000' || lpad((i % 5)::text, 2, '0'))::uuid
        from numbered, generate_series(1, 1000) as i
        """,
        still_plane.org.id,
    )
    await superuser.execute("analyze plane.executions")
    return still_plane


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("true", "executions_recent"),
        (
            "workflow_id = (select min(id::text)::uuid from plane.workflows where name like 'flow%')",
            "executions_by_workflow",
        ),
        ("status = 'failed'", "executions_by_status"),
        ("agent_id = '00000000-0000-4000-8000-000000000003'", "executions_by_agent"),
    ],
)
async def test_lists_walk_an_index_and_sort_nothing(
    many: Plane, superuser: asyncpg.Connection, condition: str, index: str
):
    async with superuser.transaction():
        claims = f'{{"principal": "api_key", "org_id": "{many.org.id}", "scopes": []}}'
        await superuser.execute(
            "select set_config('request.jwt.claims', $1, true), set_config('role', 'authenticated', true)", claims
        )
        rows = await superuser.fetch(
            f"explain select * from plane.executions where org_id = '{many.org.id}' and {condition}"
            " and (created_at, id) < (now(), 'ffffffff-ffff-ffff-ffff-ffffffffffff')"
            " order by created_at desc, id desc limit 51"
        )
    plan = "\n".join(row[0] for row in rows)
    assert index in plan
    assert "Sort" not in plan


async def test_a_page_of_many_is_read_in_milliseconds(many: Plane):
    page = await many.get("/api/executions", limit=50, status="failed")
    assert len(page["data"]) == 50
    assert page["next_cursor"] is not None
