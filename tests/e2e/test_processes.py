"""Real processes: a killed plane, a frozen one, and what a caller sees over HTTP."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from functions.shared.db import kernel
from functions.shared.dispatch.doorbell import SilentDoorbell
from functions.shared.engine.attempt import idempotency_key
from functions.shared.simulator.script import Rule
from functions.shared.simulator.server import Simulator
from tests.e2e.counting_server import CountingServer
from tests.e2e.patience import eventually
from tests.e2e.plane_process import ROOT, PlaneProcess
from tests.e2e.tenant import Tenant

if TYPE_CHECKING:
    from pathlib import Path

    import asyncpg

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.organisations import Org
    from tests.people import Issuer

BUSY = """
    name: busy
    steps:
      one: {http: {url: "@url@/one?delay=0.1"}}
      many:
        needs: [one]
        for_each: [1, 2, 3]
        http: {url: "@url@/many?delay=0.15"}
      nap: {needs: [one], wait: {for: 200ms}}
      last: {needs: [many, nap], http: {url: "@url@/last?delay=0.1"}}
    output: ${{ steps.many.output | length }}
"""
STEPS = ("one", "many[0]", "many[1]", "many[2]", "last")

MakePlane = Callable[..., PlaneProcess]


@pytest.fixture
def make_plane(
    db_url: str, authenticator_url: Callable[[str], str], runner_key: str, issuer: Issuer, tmp_path: Path
) -> MakePlane:
    """Makes a plane in a process of its own, not yet started. It trusts the tests' issuer."""
    trusts = {"AGENTPLANE_JWKS_URL": issuer.jwks_url, "AGENTPLANE_TOKEN_ISSUER": issuer.name}

    def make(environment: dict[str, str] | None = None, **options: Any) -> PlaneProcess:
        environment = {**trusts, **(environment or {})}
        return PlaneProcess(
            authenticator_url(db_url), runner_key, tmp_path / "plane.log", environment=environment, **options
        )

    return make


async def test_a_plane_killed_in_the_middle_of_twenty_executions_ends_them_all_and_repeats_no_recorded_step(
    make_plane: MakePlane, db: AsyncpgDatabase, org: Org, server: CountingServer, admin: asyncpg.Connection[Any]
) -> None:
    tenant = Tenant(db, org, SilentDoorbell())
    version = await tenant.define(BUSY, url=server.url)
    plane = make_plane()
    await plane.start()
    headers = {"Authorization": f"Bearer {org.operator_secret}"}
    async with httpx.AsyncClient(base_url=plane.url, headers=headers) as client:
        started = await asyncio.gather(*(client.post("/api/executions", json={"workflow": "busy"}) for _ in range(20)))
    executions = [answer.json()["id"] for answer in started]
    for kill in range(2):
        await eventually(lambda: len(server.attempts) > 25 + 25 * kill)  # noqa: B023  evaluated within the round
        await asyncio.sleep(random.uniform(0, 0.1))
        await plane.kill()
        await eventually(lambda: server.active == 0)
        before = dict(server.keys)
        recorded = await _recorded(admin)
        assert 0 < len(recorded) < 20 * len(STEPS)
        await plane.start()
    for execution in executions:
        ended = await tenant.ended(execution, within=30)
        assert (ended["status"], ended["output"]) == ("succeeded", 3), ended
    await plane.stop()
    for execution, path in recorded:
        key = idempotency_key(str(execution), 0, path)
        assert server.keys[key] == before[key], f"{path} of {execution} ran again although it was recorded"
    assert await admin.fetchval("select count(*) from plane.checkpoints") == 20 * (len(STEPS) + 2)
    assert await kernel.get_violations(db) == []
    assert version


async def _recorded(admin: asyncpg.Connection[Any]) -> set[tuple[str, str]]:
    rows = await admin.fetch(
        "select execution_id, path from plane.checkpoints where kind = 'http' and status = 'succeeded'"
    )
    return {(str(row["execution_id"]), row["path"]) for row in rows}


async def test_a_plane_frozen_past_its_lease_is_replaced_and_cannot_record_when_it_wakes(
    make_plane: MakePlane, db: AsyncpgDatabase, org: Org, server: CountingServer, admin: asyncpg.Connection[Any]
) -> None:
    tenant = Tenant(db, org, SilentDoorbell())
    await tenant.define(
        """
        name: slow
        steps:
          first: {http: {url: "@url@/first"}}
          slow: {needs: [first], http: {url: "@url@/slow?delay=0.4"}}
          last: {needs: [slow], http: {url: "@url@/last"}}
        output: ${{ steps.slow.output.body.count }}
        """,
        url=server.url,
    )
    frozen, other = make_plane(owner="frozen", lease_s=1), make_plane(owner="other", lease_s=1)
    await frozen.start()
    headers = {"Authorization": f"Bearer {org.operator_secret}"}
    async with httpx.AsyncClient(base_url=frozen.url, headers=headers) as client:
        execution = (await client.post("/api/executions", json={"workflow": "slow"})).json()["id"]
    await eventually(lambda: server.calls["/slow"] == 1)
    frozen.signal(signal.SIGSTOP)
    try:
        async with other:
            ended = await tenant.ended(execution, within=15)
            assert (ended["status"], ended["output"]) == ("succeeded", 2)
            frozen.signal(signal.SIGCONT)
            await asyncio.sleep(0.7)
            assert (await tenant.get(execution))["output"] == 2
        assert server.calls == {"/first": 1, "/slow": 2, "/last": 1}
        assert await admin.fetchval("select count(*) from plane.checkpoints") == 3
    finally:
        await frozen.stop()
    assert await kernel.get_violations(db) == []


@pytest.fixture
async def shop() -> AsyncIterator[CountingServer]:
    """The service that the reference workflow talks to."""
    order = {"charge": "c1", "amount": 120}
    answers = {
        "/policy": {"free_limit": 20},
        "/orders/A-1": {"id": "A-1", **order},
        "/orders/A-2": {"id": "A-2", **order},
        "/refunds": {"amount": 120},
    }
    async with CountingServer(answers=answers) as shop:
        yield shop


REPLIES: dict[str, Any] = {
    "You triage support tickets": {"label": "refund", "order_ids": ["A-1", "A-2"], "summary": "charged twice"},
    "Round 0.": {"score": 5, "advice": "shorter"},
    "Round 1.": {"score": 9, "advice": ""},
    "Draft a short reply": {"text": "Sorry! We refund 120 USD."},
}


async def test_the_reference_workflow_runs_over_http_with_models_a_branch_a_loop_and_an_approval(
    make_plane: MakePlane, org: Org, shop: CountingServer
) -> None:
    rules = [
        Rule.model_validate({"match": {"prompt": prompt}, "replies": [{"json": reply}]})
        for prompt, reply in REPLIES.items()
    ]
    with Simulator(rules=rules) as simulator:
        async with make_plane(environment=simulator.environment) as plane:
            headers = {"Authorization": f"Bearer {org.operator_secret}"}
            async with httpx.AsyncClient(base_url=plane.url, headers=headers, timeout=30) as client:
                definition = (ROOT / "templates/workflows/support_refund.yaml").read_text()
                stored = await client.post("/api/workflows", json={"definition": definition})
                assert stored.status_code == 201, stored.text
                given = {"ticket": "A-1 and A-2 are the same", "shop_url": shop.url}
                started = await client.post("/api/executions", json={"workflow": "support-refund", "input": given})
                execution = f"/api/executions/{started.json()['id']}"
                for _ in range(400):
                    current = (await client.get(execution)).json()
                    if [wait["path"] for wait in current["waiting_for"]] == ["approve"] and current[
                        "status"
                    ] == "waiting":
                        break
                    assert current["ended_at"] is None, current
                    await asyncio.sleep(0.05)
                decision = {"name": "approve", "payload": {"outcome": "approve", "form": {"amount": 120}}}
                assert (await client.post(f"{execution}/signal", json=decision)).json()["code"] == "people_only"
                assert org.owner is not None
                person = {"Authorization": f"Bearer {org.owner.token()}"}
                assert (await client.post(f"{execution}/signal", json=decision, headers=person)).is_success
                loop = asyncio.get_running_loop()
                began = loop.time()
                while (current := (await client.get(execution)).json())["ended_at"] is None:
                    assert loop.time() < began + 5, current
                    await asyncio.sleep(0.02)
                assert loop.time() - began < 1
                assert current["status"] == "succeeded", current
                assert current["output"] == {"label": "refund", "refunded": 120, "reply": "Sorry! We refund 120 USD."}
                trace = (await client.get(f"{execution}/trace")).json()
                assert "classify" in json.dumps(trace)
