"""A handler, or the guard before it, asks a person first: through the real engine, with deaths and lost answers."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from functions.shared.db import kernel
from functions.shared.engine.policy import Policy
from functions.shared.errors import PlaneError
from functions.shared.steps import Context, Done, Handler, NeedsPerson, StepFailed, Usage
from functions.shared.steps.handlers import HANDLERS
from tests.e2e.conftest import Plane, running_plane
from tests.e2e.faults import Fault, WatchedDatabase
from tests.e2e.patience import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from functions.shared.jsonvalue import JsonObject
    from tests.e2e.tenant import Tenant
    from tests.organisations import Org

PAY = """
    name: pay
    limits: {timeout: 5m}
    steps:
      before: {tool: {name: json_query, with: {data: 1, query: "@"}}}
      pay: {needs: [before], @more@, code: {python: "result = 1"}}
      after: {needs: [pay], tool: {name: json_query, with: {data: 2, query: "@"}}}
    output: ${{ steps.pay.output }}
"""
FORM: JsonObject = {"usd": {"type": "number", "default": 5}}
LOOKED = Usage("m", "p", 100, 10, None, is_cost_unknown=True)


@dataclass
class Cashier:
    """Looks once, asks, and pays; counts what it does."""

    on_timeout: str = "fail"
    timeout_s: float | None = None
    fails_first: bool = False
    did: Counter[str] = field(default_factory=Counter)
    seen: list[Context] = field(default_factory=list)

    async def __call__(self, config: JsonObject, context: Context) -> Done:
        self.seen.append(context)
        if context.answer is None:
            self.did["looked"] += 1
            if self.fails_first and context.attempt == 1:
                raise StepFailed("busy", "Come again.", retryable=True)
            raise NeedsPerson(
                "Pay?",
                show={"config": config},
                form=FORM,
                kept={"found": 7},
                timeout_s=self.timeout_s,
                on_timeout=self.on_timeout,
                usage=LOOKED,
            )
        if context.answer.outcome == "reject":
            raise StepFailed("rejected", "A person said no.")
        self.did["paid"] += 1
        return Done({"usd": context.answer.form["usd"], "kept": context.answer.kept})

    @property
    def handlers(self) -> dict[str, Handler]:
        return {**HANDLERS, "code": self}


MakePlane = "Callable[..., AbstractAsyncContextManager[Plane]]"


@pytest.fixture
async def cashier() -> Cashier:
    return Cashier()


@pytest.fixture
async def asking(plane_with: Callable[..., Any], cashier: Cashier, db: AsyncpgDatabase) -> AsyncIterator[Plane]:
    async with plane_with(handlers=cashier.handlers) as plane:
        yield plane
    assert await kernel.get_violations(db) == []


async def started(plane: Plane, more: str = "timeout: 60s") -> str:
    return await plane.tenant.start(await plane.tenant.define(PAY, more=more))


async def test_a_handler_asks_parks_and_goes_on_with_the_answer(asking: Plane, cashier: Cashier) -> None:
    execution = await started(asking, "timeout: 300ms")
    await asking.tenant.waiting_for(execution, "pay")
    [wait] = (await asking.tenant.get(execution))["waiting_for"]
    assert (wait["kind"], wait["asks"], wait["message"], wait["form"]) == ("approval", "approval", "Pay?", FORM)
    assert "carried" not in wait
    waiting = (await asking.tenant.steps(execution))["pay"]
    assert (waiting["status"], waiting["kind"]) == ("waiting", "code")
    await asyncio.sleep(0.4)  # longer than the step may take
    await asking.tenant.signal(execution, "pay", {"outcome": "approve", "form": {"usd": 9}})
    ended = await asking.tenant.ended(execution)
    assert (ended["status"], ended["output"]) == ("succeeded", {"usd": 9, "kept": {"found": 7}})
    assert cashier.did == {"looked": 1, "paid": 1}
    step = (await asking.tenant.steps(execution))["pay"]
    assert step["attempts"] == 1
    assert step["duration_ms"] < 300
    assert step["usage"]["input_tokens"] == 100
    [asked] = step["details"]["asked"]
    assert (asked["reason"], asked["outcome"], asked["form"]) == ("Pay?", "approve", {"usd": 9})
    assert cashier.seen[0].idempotency_key == cashier.seen[1].idempotency_key


async def test_a_handler_learns_of_a_rejection(asking: Plane, cashier: Cashier) -> None:
    execution = await started(asking)
    await asking.tenant.waiting_for(execution, "pay")
    await asking.tenant.signal(execution, "pay", {"outcome": "reject"})
    ended = await asking.tenant.ended(execution)
    assert ended["error"]["code"] == "rejected"
    assert cashier.did == {"looked": 1}


@pytest.mark.parametrize(("on_timeout", "code"), [("fail", "timed_out"), ("reject", "rejected"), ("approve", None)])
async def test_without_an_answer_the_question_ends_as_it_says(
    on_timeout: str, code: str | None, asking: Plane, cashier: Cashier
) -> None:
    cashier.timeout_s, cashier.on_timeout = 0.05, on_timeout
    ended = await asking.tenant.ended(await started(asking))
    assert (ended["error"] or {}).get("code") == code


async def test_asking_is_no_retry_and_a_retry_keeps_its_count(asking: Plane, cashier: Cashier) -> None:
    cashier.fails_first = True
    execution = await started(asking, "retry: {max_attempts: 2, first: 1ms}")
    await asking.tenant.waiting_for(execution, "pay")
    await asking.tenant.signal(execution, "pay", {"outcome": "approve"})
    assert (await asking.tenant.ended(execution))["status"] == "succeeded"
    step = (await asking.tenant.steps(execution))["pay"]
    assert step["attempts"] == 2
    assert [attempt["error"]["code"] for attempt in step["details"]["attempts"]] == ["busy"]


async def test_a_cancelled_execution_asks_no_more(asking: Plane) -> None:
    execution = await started(asking)
    await asking.tenant.waiting_for(execution, "pay")
    await asking.tenant.cancel(execution)
    ended = await asking.tenant.ended(execution)
    assert (ended["status"], ended["waiting_for"]) == ("cancelled", [])


async def test_an_unstorable_or_oversized_question_fails_the_step(plane_with: Callable[..., Any]) -> None:
    async def greedy(_config: JsonObject, _context: Context) -> Done:
        raise NeedsPerson("Pay?", kept="x" * 300_000)

    async with plane_with(handlers={**HANDLERS, "code": greedy}) as plane:
        ended = await plane.tenant.ended(await started(plane))
    assert ended["error"]["code"] == "invalid_question"


@dataclass
class Policeman:
    """Asks about code steps."""

    async def check(self, kind: str, config: JsonObject, context: Context) -> None:
        if kind != "code":
            return
        answer = context.answer_to("policy")
        if answer is None:
            raise NeedsPerson("Code may be run only if a person says so.", show=config, kind="policy")
        if answer.outcome != "approve":
            raise StepFailed("policy_denied", "A person said no.")


async def test_a_guard_asks_before_the_handler_and_both_learn_their_own_answer(
    db: AsyncpgDatabase, org: Org, cashier: Cashier
) -> None:
    async with running_plane(db, org, handlers=cashier.handlers, guard=Policeman()) as plane:
        execution = await started(plane)
        for asks in ("policy", "approval"):
            await plane.tenant.waiting_for(execution, "pay")
            [wait] = (await plane.tenant.get(execution))["waiting_for"]
            assert wait["asks"] == asks
            assert bool(cashier.did) is (asks == "approval"), "the handler runs only when the guard lets it"
            await plane.tenant.signal(execution, "pay", {"outcome": "approve"})
            await eventually(lambda: cashier.did)
        ended = await plane.tenant.ended(execution)
        assert ended["output"] == {"usd": 5, "kept": {"found": 7}}
        step = (await plane.tenant.steps(execution))["pay"]
        assert [answer["kind"] for answer in step["details"]["asked"]] == ["policy", "approval"]


async def test_a_guard_that_breaks_lets_nothing_pass(db: AsyncpgDatabase, org: Org, cashier: Cashier) -> None:
    class Broken:
        async def check(self, kind: str, config: JsonObject, context: Context) -> None:
            raise RuntimeError(kind, config, context)

    async with running_plane(db, org, handlers=cashier.handlers, guard=Broken()) as plane:
        ended = await plane.tenant.ended(await started(plane))
    assert (ended["status"], ended["error"]["code"]) == ("failed", "internal")
    assert not cashier.seen


async def _calm_calls(db: AsyncpgDatabase, org: Org) -> int:
    watched = WatchedDatabase(db)
    assert await _broken(watched, db, org) == ({"usd": 5, "kept": {"found": 7}}, 1)
    return len(watched.calls)


async def _broken(watched: WatchedDatabase, db: AsyncpgDatabase, org: Org) -> tuple[Any, int]:
    """Run an execution to its end over a database that breaks; gives its output and how often it paid."""
    cashier = Cashier()
    policy = Policy(owner="one", lease_s=2, extend_every_s=0.2)
    async with running_plane(watched, org, policy=policy, handlers=cashier.handlers, sweep_every_s=0.1) as plane:
        tenant = replace(plane.tenant, db=db)
        execution = await tenant.start(await tenant.define(PAY, more="timeout: 60s"))
        answering = asyncio.create_task(_answer(plane, execution))
        await _until_over(watched, tenant, execution)
        await plane.bell.stop(grace_s=0)
        answering.cancel()
    policy = replace(policy, owner="two")
    async with running_plane(db, org, policy=policy, handlers=cashier.handlers, sweep_every_s=0.1) as plane:
        await plane.bell.ring(await kernel.report_owner_dead(db, owner="one"))
        answering = asyncio.create_task(_answer(plane, execution))
        ended = await plane.tenant.ended(execution)
        answering.cancel()
    assert await kernel.get_violations(db) == []
    return ended["output"], cashier.did["paid"]


async def _until_over(watched: WatchedDatabase, tenant: Tenant, execution: str) -> None:
    for _ in range(2_000):
        if watched.died.is_set() or (await tenant.get(execution))["ended_at"] is not None:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"still not over: {await tenant.get(execution)} {watched.calls}")


async def _answer(plane: Plane, execution: str) -> None:
    with suppress(PlaneError, AssertionError):
        await plane.tenant.waiting_for(execution, "pay")
        await plane.tenant.signal(execution, "pay", {"outcome": "approve"})


@pytest.mark.parametrize("fault", ["before", "lost", "twice"])
@pytest.mark.parametrize("is_crash", [False, True])
async def test_whatever_call_breaks_the_answer_counts_and_the_step_pays(
    fault: Fault, is_crash: bool, db: AsyncpgDatabase, org: Org
) -> None:
    if fault == "twice" and is_crash:
        return
    calls = await _calm_calls(db, org)
    assert calls >= 4
    for at in range(2, calls + 1):  # the first is the plane's own, as it starts
        watched = WatchedDatabase(db, at=at, fault=fault, is_crash=is_crash)
        output, paid = await _broken(watched, db, org)
        assert output == {"usd": 5, "kept": {"found": 7}}, (at, fault)
        assert paid in (1, 2), "at least once; twice only if the result was lost"
