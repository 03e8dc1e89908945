"""The runner and the sweeper as the deployed functions that they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from functions.runner.app import Runner
from functions.shared.config import settings
from functions.shared.dispatch.doorbell import SilentDoorbell
from functions.sweeper.app import Sweeper
from tests.e2e.tenant import Tenant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from functions.shared.jsonvalue import JsonObject
    from tests.e2e.counting_server import CountingServer
    from tests.organisations import Org


class Context:
    """The part of Lambda's context that the runner looks at."""

    def __init__(self, seconds: float = 30) -> None:
        self.milliseconds = seconds * 1000

    def get_remaining_time_in_millis(self) -> float:
        return self.milliseconds


class Bell:
    """Keeps what was rung, as a queue would."""

    def __init__(self) -> None:
        self.rung: list[JsonObject] = []
        self.delays: list[float] = []

    async def ring(self, due: Sequence[JsonObject], *, delay_s: float = 0.0) -> None:
        self.rung.extend(due)
        self.delays.extend([delay_s] * len(due))


@pytest.fixture
def environment(
    db_url: str, authenticator_url: Callable[[str], str], runner_key: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """What a deployed function finds in its environment."""
    monkeypatch.setenv("AGENTPLANE_DATABASE_URL", authenticator_url(db_url))
    monkeypatch.setenv("AGENTPLANE_RUNNER_KEY", runner_key)
    monkeypatch.setenv("AGENTPLANE_ALLOW_PRIVATE_HOSTS", '["127.0.0.1"]')
    settings.cache_clear()
    yield
    settings.cache_clear()


def bell_for(execution_id: str, org: Org) -> JsonObject:
    return {"execution_id": execution_id, "frame": "", "queue": "default", "org_id": org.id}


def batch(*messages: object) -> dict[str, Any]:
    return {
        "Records": [
            {"messageId": f"m{number}", "body": json.dumps(message), "attributes": {"ApproximateReceiveCount": "1"}}
            for number, message in enumerate(messages)
        ]
    }


@pytest.mark.usefixtures("environment")
async def test_the_runner_takes_batches_and_rings_for_what_it_made_due(
    db: AsyncpgDatabase, org: Org, server: CountingServer
) -> None:
    tenant, bell = Tenant(db, org, SilentDoorbell()), Bell()
    await tenant.define("name: part\nsteps: {call: {http: {url: '@url@/part'}}}", url=server.url)
    version = await tenant.define("name: whole\nsteps: {sub: {workflow: {ref: part}}}")
    executions = [await tenant.start(version) for _ in range(2)]
    runner = Runner(bell)
    doorbells = [
        {"execution_id": execution, "frame": "", "queue": "default", "org_id": org.id} for execution in executions
    ]
    answer = await asyncio.to_thread(runner, batch(*doorbells, {"no": "doorbell"}), Context())
    assert answer == {"batchItemFailures": []}
    assert len(bell.rung) == 2
    for doorbell in bell.rung:
        assert (await asyncio.to_thread(runner, doorbell, Context()))["status"] == "done"
    assert [(await tenant.get(execution))["status"] for execution in executions] == ["succeeded"] * 2
    assert (await asyncio.to_thread(runner, doorbells[0], Context()))["reason"] == "gone"
    await asyncio.to_thread(runner.close)


@pytest.mark.usefixtures("environment")
async def test_the_runner_waits_inline_for_what_is_due_in_a_moment(db: AsyncpgDatabase, org: Org) -> None:
    tenant, bell = Tenant(db, org, SilentDoorbell()), Bell()
    execution = await tenant.start(await tenant.define("name: nap\nsteps: {nap: {wait: {for: 300ms}}}"))
    doorbell = bell_for(execution, org)
    runner = Runner(bell)
    assert (await asyncio.to_thread(runner, doorbell, Context()))["status"] == "waiting"
    assert (await asyncio.to_thread(runner, doorbell, Context()))["status"] == "done"
    await asyncio.to_thread(runner.close)


@pytest.mark.usefixtures("environment")
async def test_a_message_comes_again_only_when_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTPLANE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    settings.cache_clear()
    runner = Runner(Bell())
    doorbell = {"execution_id": "0" * 32, "frame": "", "queue": "default", "org_id": ""}
    answer = await asyncio.to_thread(runner, batch(doorbell), Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    await asyncio.to_thread(runner.close)


@pytest.mark.usefixtures("environment")
async def test_the_sweeper_rings_for_what_nobody_has_taken(db: AsyncpgDatabase, org: Org) -> None:
    tenant, bell = Tenant(db, org, SilentDoorbell()), Bell()
    execution = await tenant.start(await tenant.define("name: lost\nsteps: {a: {transform: 1}}"))
    sweeper = Sweeper(bell)
    early = await asyncio.to_thread(sweeper, {}, None)
    assert early["rung"] == 0
    assert 0 < early["next_due_in_s"] <= 2
    await asyncio.sleep(early["next_due_in_s"] + 0.05)
    assert (await asyncio.to_thread(sweeper, {}, None))["rung"] == 0, "its doorbell may still be on its way"
    assert (await asyncio.to_thread(sweeper, {"grace_seconds": 0}, None))["rung"] == 1
    assert [doorbell["execution_id"] for doorbell in bell.rung] == [execution]
    await asyncio.to_thread(sweeper.close)
