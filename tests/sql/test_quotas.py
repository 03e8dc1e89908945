"""Every verb that adds something that has a quota asks for it: the list is checked against the quotas themselves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from functions.shared.auth.keys import SCOPES
from tests.organisations import create_org
from tests.sql.isolation import CALLS, seed, things_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.sql.isolation import Things

ADDS: dict[str, tuple[str, Callable[[Things], dict[str, Any]]]] = {
    "agents": ("register_agent", CALLS["register_agent"]),
    "keys": ("create_key", CALLS["create_key"]),
    "workflows": ("create_workflow", lambda t: CALLS["create_workflow"](t) | {"name": "another"}),
    "state_entries": ("put_state", lambda t: CALLS["put_state"](t) | {"key": "another"}),
    "state_bytes": ("put_state", lambda t: CALLS["put_state"](t) | {"key": "another"}),
    "memories": ("put_memory", CALLS["put_memory"]),
    "executions_per_day": ("start_execution", CALLS["start_execution"]),
    "concurrent_executions": ("start_execution", CALLS["start_execution"]),
    "webhooks": ("create_webhook", CALLS["create_webhook"]),
    "hooks": ("create_hook", CALLS["create_hook"]),
    "event_triggers": ("create_trigger", CALLS["create_trigger"]),
    "schedules": ("create_schedule", CALLS["create_schedule"]),
    "budgets": ("create_budget", CALLS["create_budget"]),
    "rate_limits": ("set_rate_limit", CALLS["set_rate_limit"]),
}
# By an invitation, not by a key: tests/functions/limits/test_quotas.py.
BY_PEOPLE = {"members"}


@pytest.fixture
async def admin(module_db_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(module_db_url)
    yield connection
    await connection.close()


@pytest.fixture
async def things(admin: asyncpg.Connection) -> Things:
    org = await create_org(admin, agent_scopes=SCOPES)
    keys = await admin.fetch("select id::text from plane.api_keys where org_id = $1 order by kind", org.id)
    made = things_of(org, *(row["id"] for row in keys))
    await seed(admin, made)
    return made


async def test_every_quota_is_listed(admin: asyncpg.Connection) -> None:
    defaults = json.loads(await admin.fetchval("select plane.quota_defaults()::text"))
    assert set(ADDS) | BY_PEOPLE == set(defaults)


@pytest.mark.parametrize("quota", sorted(ADDS))
async def test_nothing_is_added_over_a_quota(admin: asyncpg.Connection, things: Things, quota: str) -> None:
    fn, payload = ADDS[quota]
    call = "select api.call_with_key($1, $2, $3::text::jsonb)"
    values = (things.org.operator.key_hash, fn, json.dumps(payload(things)))
    undone = admin.transaction()
    await undone.start()
    await admin.execute("set local role anon")
    await admin.execute(call, *values)
    await undone.rollback()

    await admin.execute("insert into plane.quotas (org_id, name, max_value) values ($1, $2, 0)", things.org.id, quota)
    if quota == "state_bytes":
        await admin.execute(
            "insert into plane.quota_counts (org_id, name, used) values ($1, $2, 1)", things.org.id, quota
        )
    await admin.execute("set role anon")
    with pytest.raises(asyncpg.PostgresError) as refused:
        await admin.execute(call, *values)
    detail = json.loads(refused.value.detail)
    assert (detail["code"], detail["quota"]) == ("quota_exceeded", quota)
    assert refused.value.sqlstate == ("PT429" if "executions" in quota else "PT403")
