"""The runner as its queue calls it: batches of messages, delivered once, twice, late, or for nothing."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING

import pytest

from functions.shared.config import settings
from functions.shared.db import kernel
from functions.shared.dispatch.signing import Signer
from functions.shared.errors import Unavailable
from functions.shared.steps import Context as StepContext
from functions.shared.steps import Done
from tests.dispatch.conftest import Bell, doorbell, invoke, records

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg

    from functions.runner.app import Runner
    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from functions.shared.jsonvalue import Json, JsonObject
    from tests.e2e.tenant import Tenant

pytestmark = pytest.mark.usefixtures("deployed")

NONE = {"batchItemFailures": []}
ONE_STEP = "name: one\nsteps: {a: {transform: 1}}"
NAP = "name: nap\nsteps: {nap: {wait: {for: @for@}}}"


async def status(tenant: Tenant, execution: str) -> str:
    return str((await tenant.get(execution))["status"])


async def test_only_what_the_plane_has_signed_runs_and_what_it_has_not_is_never_delivered_again(
    tenant: Tenant, runner_with: Callable[..., Runner]
) -> None:
    version = await tenant.define(ONE_STEP)
    signed, unsigned, forged, other = [await tenant.start(version) for _ in range(4)]
    forging = Signer(["another key"])
    plain = {"execution_id": unsigned, "frame": "", "queue": "default", "org_id": tenant.org.id}
    event = records(
        doorbell(signed),
        plain,
        forging.signed(plain | {"execution_id": forged}),
        doorbell(signed) | {"execution_id": other},
        "poison",
    )
    runner = runner_with()
    for _ in range(2):
        assert await invoke(runner, event) == NONE
    assert [await status(tenant, each) for each in (signed, unsigned, forged, other)] == ["succeeded"] + ["queued"] * 3
    assert (await invoke(runner, plain))["status"] == "dropped", "nor does it as an event of its own"


async def test_a_doorbell_of_another_queue_or_a_chore_is_dropped(
    tenant: Tenant, runner_with: Callable[..., Runner], deployed: pytest.MonkeyPatch, bell: Bell
) -> None:
    deployed.setenv("AGENTPLANE_QUEUES", '["llm"]')
    settings.cache_clear()
    execution = await tenant.start(await tenant.define(ONE_STEP))
    chore = Signer([settings().doorbell_key.get_secret_value()]).signed({"chore": "triggers"})  # type: ignore[union-attr]
    assert await invoke(runner_with(), records(doorbell(execution), chore)) == NONE
    assert (await status(tenant, execution), bell.rung) == ("queued", [])


async def test_while_keys_are_rotated_messages_of_both_run(
    tenant: Tenant, runner_with: Callable[..., Runner], deployed: pytest.MonkeyPatch
) -> None:
    deployed.setenv("AGENTPLANE_DOORBELL_KEY", f"the new key, {settings().doorbell_key.get_secret_value()}")  # type: ignore[union-attr]
    settings.cache_clear()
    version = await tenant.define(ONE_STEP)
    former, new = [await tenant.start(version) for _ in range(2)]
    body = Signer(["the new key"]).signed({"execution_id": new, "frame": "", "queue": "default", "org_id": ""})
    assert await invoke(runner_with(), records(doorbell(former), body)) == NONE
    assert [await status(tenant, each) for each in (former, new)] == ["succeeded"] * 2


async def test_a_batch_runs_side_by_side_and_a_duplicate_in_it_runs_nothing_twice(
    tenant: Tenant, runner_with: Callable[..., Runner]
) -> None:
    began: list[str] = []
    together = asyncio.Barrier(3)

    async def meet(config: JsonObject, context: StepContext) -> Done:
        del config
        began.append(context.execution_id)
        async with asyncio.timeout(5):
            await together.wait()
        return Done(1)

    version = await tenant.define("name: meeting\nsteps: {a: {code: {python: '1'}}}")
    executions = [await tenant.start(version) for _ in range(3)]
    bodies = [doorbell(each) for each in executions]
    assert await invoke(runner_with(handlers={"code": meet}), records(*bodies, *bodies)) == NONE
    assert sorted(began) == sorted(executions)
    assert [await status(tenant, each) for each in executions] == ["succeeded"] * 3


async def test_a_message_that_comes_again_frees_what_its_former_delivery_held(
    tenant: Tenant, runner_with: Callable[..., Runner], superuser: asyncpg.Connection
) -> None:
    execution = await tenant.start(await tenant.define(ONE_STEP))
    await claim(tenant.db, execution, "m0:1:aa")  # and that process was killed
    assert await invoke(runner_with(), records(doorbell(execution), first=5, delivery=2)) == NONE
    assert await status(tenant, execution) == "running", "another message says nothing about it"
    assert await invoke(runner_with(), records(doorbell(execution), delivery=3)) == NONE
    assert await status(tenant, execution) == "succeeded"
    epoch, stall = await superuser.fetchrow("select epoch, stall from plane.frames where execution_id = $1", execution)
    assert (epoch, stall) == (2, 0)


@pytest.mark.parametrize("delivery", [1, 2])
async def test_a_duplicate_does_not_take_the_frame_from_the_one_that_runs_it(
    tenant: Tenant, runner_with: Callable[..., Runner], delivery: int
) -> None:
    """A queue may deliver a message twice at the same time, and count the second one or not."""
    begun, go_on = asyncio.Event(), threading.Event()
    loop, runs = asyncio.get_running_loop(), 0

    async def hold(config: JsonObject, context: StepContext) -> Done:
        nonlocal runs
        del config, context
        runs += 1
        loop.call_soon_threadsafe(begun.set)
        await asyncio.to_thread(go_on.wait, 10)
        return Done(1)

    execution = await tenant.start(await tenant.define("name: once\nsteps: {a: {code: {python: '1'}}}"))
    first = asyncio.create_task(invoke(runner_with(handlers={"code": hold}), records(doorbell(execution))))
    await asyncio.wait_for(begun.wait(), 10)
    event = records(doorbell(execution), delivery=delivery, age_s=2.5)  # half a second too young to be a second try
    second = asyncio.create_task(invoke(runner_with(handlers={"code": hold}), event))
    await asyncio.wait([second], timeout=0.1)
    go_on.set()
    assert [await first, await second] == [NONE, NONE]
    assert (await status(tenant, execution), runs) == ("succeeded", 1)


class Broken:
    """A database whose first calls of a verb break as no error that we know of."""

    def __init__(self, inner: AsyncpgDatabase, verb: str, error: Exception) -> None:
        self.inner, self.verb, self.error = inner, verb, error
        self.left = 1

    async def kernel(self, verb: str, payload: JsonObject) -> Json:
        if verb == self.verb and self.left:
            self.left -= 1
            raise self.error
        return await self.inner.kernel(verb, payload)

    async def close(self) -> None:
        await self.inner.close()


async def test_an_exception_that_nobody_expected_frees_its_frame_at_once_and_the_message_comes_again(
    tenant: Tenant, runner_with: Callable[..., Runner], superuser: asyncpg.Connection
) -> None:
    version = await tenant.define(ONE_STEP)
    broken, sound = [await tenant.start(version) for _ in range(2)]
    runner = runner_with(wrap=lambda db: Broken(db, "checkpoint", ZeroDivisionError("of ours")))
    first = await invoke(runner, records(doorbell(broken)))
    assert first == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    row = await superuser.fetchrow("select status, claim_ref from plane.frames where execution_id = $1", broken)
    assert (row["status"], row["claim_ref"][:5]) == ("ready", "m0:1:")
    assert await invoke(runner, records(doorbell(broken), doorbell(sound), delivery=2)) == NONE
    assert [await status(tenant, each) for each in (broken, sound)] == ["succeeded"] * 2


async def test_only_the_messages_that_could_not_be_claimed_come_again(
    tenant: Tenant, runner_with: Callable[..., Runner]
) -> None:
    version = await tenant.define(ONE_STEP)
    executions = [await tenant.start(version) for _ in range(3)]
    runner = runner_with(wrap=lambda db: Broken(db, "claim", Unavailable("away")))
    answer = await invoke(runner, records(*map(doorbell, executions)))
    [failed] = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
    left = [f"m{n}" for n, each in enumerate(executions) if await status(tenant, each) == "queued"]
    assert left == [failed]


async def test_a_near_timer_is_a_delayed_message_and_a_far_one_the_sweepers(
    tenant: Tenant, runner_with: Callable[..., Runner], bell: Bell
) -> None:
    near = await tenant.start(await tenant.define(NAP, **{"for": "10m"}))
    far = await tenant.start(await tenant.define(NAP, **{"for": "20m"}))
    runner = runner_with()
    assert await invoke(runner, records(doorbell(near, tenant.org.id), doorbell(far, tenant.org.id))) == NONE
    [rung] = bell.rung
    assert (rung["execution_id"], rung["org_id"]) == (near, tenant.org.id)
    assert 590 < bell.delays[0] <= 600

    bell.take()
    assert await invoke(runner, records(doorbell(near), delivery=1, first=7)) == NONE
    assert bell.rung == [], "a duplicate that comes too early dies"


async def test_what_is_due_in_a_moment_is_waited_for_but_not_beyond_the_end_of_the_invocation(
    tenant: Tenant, runner_with: Callable[..., Runner], bell: Bell
) -> None:
    runner = runner_with()
    execution = await tenant.start(await tenant.define(NAP, **{"for": "400ms"}))
    assert await invoke(runner, records(doorbell(execution))) == NONE
    assert bell.delays == [1.0], "a queue counts in seconds"
    assert await invoke(runner, records(doorbell(execution), first=1), seconds=10) == NONE
    assert await status(tenant, execution) == "waiting", "10 s are kept for the work itself"
    assert await invoke(runner, records(doorbell(execution), first=2)) == NONE
    assert await status(tenant, execution) == "succeeded"


async def test_a_timer_that_was_parked_by_an_adopted_parent_rings_for_the_parent(
    tenant: Tenant, runner_with: Callable[..., Runner], bell: Bell
) -> None:
    await tenant.define("name: part\nsteps: {a: {transform: 1}}")
    whole = await tenant.start(
        await tenant.define("name: whole\nsteps: {sub: {workflow: {ref: part}}, nap: {wait: {for: 1m}, needs: [sub]}}")
    )
    runner = runner_with()
    assert await invoke(runner, records(doorbell(whole))) == NONE
    [child] = bell.take()
    assert child["execution_id"] != whole
    assert await invoke(runner, records(doorbell(str(child["execution_id"])), first=1)) == NONE
    assert [each["execution_id"] for each in bell.rung] == [whole]
    assert 50 < bell.delays[0] <= 60


async def test_connections_that_died_while_the_process_was_frozen_are_replaced(
    tenant: Tenant, runner_with: Callable[..., Runner], superuser: asyncpg.Connection
) -> None:
    runner = runner_with()
    version = await tenant.define(ONE_STEP)
    for _ in range(3):
        executions = [await tenant.start(version) for _ in range(4)]
        assert await invoke(runner, records(*map(doorbell, executions))) == NONE
        assert [await status(tenant, each) for each in executions] == ["succeeded"] * 4
        killed = await superuser.fetch(
            "select pg_terminate_backend(pid, 1000) from pg_stat_activity"
            " where datname = current_database() and usename = 'authenticator'"
        )
        assert killed


async def test_every_doorbell_may_come_five_times_and_nothing_runs_twice(
    tenant: Tenant, runner_with: Callable[..., Runner], bell: Bell
) -> None:
    counts: dict[str, int] = {}

    async def count(config: JsonObject, context: StepContext) -> Done:
        counts[context.path] = counts.get(context.path, 0) + 1
        return Done(json.dumps(config))

    await tenant.define("name: leaf\nsteps: {l: {code: {python: '1'}}}")
    version = await tenant.define(
        "name: tree\nsteps: {a: {code: {python: '1'}}, s: {workflow: {ref: leaf}, needs: [a]}}"
    )
    execution = await tenant.start(version)
    runner = runner_with(handlers={"code": count})
    due = [doorbell(execution)]
    for turn in range(10):
        if not due:
            break
        assert await invoke(runner, records(*due * 5, first=turn * 100)) == NONE
        due = [doorbell(str(each["execution_id"]), frame=str(each["frame"])) for each in bell.take()]
    assert await status(tenant, execution) == "succeeded"
    assert counts == {"a": 1, "l": 1}
    assert await kernel.get_violations(tenant.db) == []


async def claim(db: AsyncpgDatabase, execution: str, claim_ref: str) -> None:
    claimed = await kernel.claim(
        db, execution_id=execution, frame="", queue="default", claim_ref=claim_ref, owner="dead", lease_s=30
    )
    assert isinstance(claimed, kernel.Claimed)
