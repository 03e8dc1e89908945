"""The packages behind a pooler in transaction mode: forty callers of two organisations, five server connections."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

from functions.shared.postgres.connection import connected
from tests.local_lambda.conftest import SERVER_CONNECTIONS
from tests.local_lambda.running import client_at, violations_of
from tests.pooler.sessions import look, look_at_all

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.functions.conftest import Organisation
    from tests.local_lambda.running import Lambda

WORKERS = 40
DOCUMENT = """\
name: whose
input: {org: string}
steps:
  a: {transform: "${{ input.org }}"}
  b: {needs: [a], transform: "${{ steps.a.output }}"}
output: ${{ steps.b.output }}
"""


async def work(http: httpx.AsyncClient, org_id: str, number: int, others: list[str], seen: Counter[str]) -> None:
    """Write, read, be refused, start an execution and wait for its end; each answer is the own organisation's."""
    where = {"component": "crowd", "key": f"worker-{number}"}
    for round_ in range(2):
        body = {**where, "value": {"org": org_id, "round": round_}}
        seen[f"put {(await http.post('/api/state', json=body)).status_code // 100}xx"] += 1
        found = (await http.get("/api/state", params=where)).json()
        assert found["value"] == {"org": org_id, "round": round_}, found
        page = (await http.get("/api/state", params={"component": "crowd"})).json()
        assert {row["value"]["org"] for row in page["data"]} == {org_id}
        missing = await http.get("/api/state", params={"component": "crowd", "key": "nowhere"})
        assert missing.json()["code"] == "state_not_found"
        for execution in others:
            assert (await http.get(f"/api/executions/{execution}")).status_code == 404
        seen["looked"] += 1
    started = await http.post("/api/executions", json={"workflow": "whose", "input": {"org": org_id}})
    assert started.status_code in (200, 202), started.text
    ended = await end_of(http, started.json()["id"])
    assert (ended["status"], ended["output"]) == ("succeeded", org_id)
    seen["ran"] += 1


async def end_of(http: httpx.AsyncClient, execution: str) -> dict[str, Any]:
    for _ in range(300):
        found = (await http.get(f"/api/executions/{execution}")).json()
        if found["status"] in ("succeeded", "failed"):
            return found
        await asyncio.sleep(0.2)
    raise AssertionError(f"still {found['status']} after a minute")


async def test_forty_callers_of_the_packages_share_five_connections_and_see_their_own_only(
    lambda_: Lambda,
    pooled_url: str,
    module_db_url: str,
    new_org: Callable[[], Awaitable[Organisation]],
    record_property: Callable[[str, Any], None],
) -> None:
    fresh = await look(pooled_url)
    orgs = [await new_org(), await new_org()]
    clients = [client_at(lambda_.local.url, org.operator) for org in orgs]
    theirs: list[list[str]] = []
    for org, http in zip(orgs, clients, strict=True):
        made = await http.post("/api/workflows", json={"format": "yaml", "definition": DOCUMENT})
        assert made.status_code == 201, made.text
        started = await http.post("/api/executions", json={"workflow": "whose", "input": {"org": org.id}})
        theirs.append([started.json()["id"]])
    seen: Counter[str] = Counter()
    began = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as group:
        for number in range(WORKERS):
            mine = number % 2
            group.create_task(work(clients[mine], orgs[mine].id, number, theirs[1 - mine], seen))
    took = asyncio.get_running_loop().time() - began
    for http in clients:
        await http.aclose()
    assert seen == {"put 2xx": 2 * WORKERS, "looked": 2 * WORKERS, "ran": WORKERS}

    sessions = await look_at_all(pooled_url, SERVER_CONNECTIONS)
    assert [session.differences(fresh) for session in sessions] == [{}] * len(sessions)
    async with connected(module_db_url) as admin:
        servers = await admin.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database() and usename = 'authenticator'"
        )
        assert servers <= SERVER_CONNECTIONS
        assert await violations_of(admin, *(org.id for org in orgs)) == []
    assert "prepared statement" not in lambda_.told(20_000)
    record_property("summary", f"pooler: {WORKERS} callers of the packages, {servers} server connections, {took:.1f} s")
