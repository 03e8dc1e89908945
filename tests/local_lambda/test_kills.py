"""An execution whose processes are killed in each of their phases ends right, and nothing is done or kept twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest

from tests.local_lambda.desk import Desk
from tests.local_lambda.trial import Trial

if TYPE_CHECKING:
    from tests.functions.running import Plane
    from tests.local_lambda.running import Lambda

pytestmark = pytest.mark.usefixtures("kept_rules")

DOCUMENT = """
name: phases
input: {url: string}
defaults: {retry: {max_attempts: 4, backoff: constant, first: 10ms}, timeout: 20s}
steps:
  first: {http: {method: POST, url: "${{ input.url }}/first"}}
  program:
    needs: [first]
    code:
      inputs: {rounds: 400000}
      python: |
        result = 0
        for number in range(rounds):
            result += number
  approve: {needs: [program], approval: {message: Go on?}}
  last: {needs: [approve], http: {method: POST, url: "${{ input.url }}/last"}}
output: {sum: "${{ steps.program.output }}"}
"""
SUM = sum(range(400_000))


class PhasesTrial(Trial):
    """One execution of the document."""

    def __init__(
        self, plane: Plane, desk: Desk, running: Lambda, holder: asyncpg.Connection, tell: Callable[[str], None]
    ) -> None:
        super().__init__(plane, running, holder, "default")
        self.desk, self.tell = desk, tell

    async def start(self) -> None:
        self.id = (await self.plane.start("phases", input={"url": self.desk.url}))["id"]

    async def ends(self, *, calls: dict[str, int]) -> None:
        """Answer the question, wait for the end, and look that all is as it should be."""
        await self.until("waiting")
        await self.approve()
        await self.ended(calls=calls)

    async def ended(self, *, calls: dict[str, int]) -> None:
        await self.succeeded({"sum": SUM}, ("first", "program", "approve", "last"))
        assert dict(self.desk.calls) == calls
        assert {path: len(keys) for path, keys in self.desk.keys.items()} == dict.fromkeys(calls, 1)
        self.tell(self.summary())

    def summary(self) -> str:
        """Say which processes worked for the execution, and which of them were killed."""
        killed = {kill.pid for kill in self.kills}
        ran = {one.pid: one.function for one in self.invocations if one.function in ("runner", "sandbox")}
        ran |= {kill.pid: kill.function for kill in self.kills}
        told = ", ".join(f"{name} {pid}{' KILLED' * (pid in killed)}" for pid, name in ran.items())
        return f"{told or 'nobody was killed'}; {dict(self.desk.calls)}, each step recorded once"


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = await Desk().start()
    yield made
    await made.stop()


@pytest.fixture
async def trial(
    plane: Plane,
    desk: Desk,
    lambda_: Lambda,
    module_db_url: str,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> AsyncIterator[PhasesTrial]:
    await plane.store(DOCUMENT)
    holder = await asyncpg.connect(module_db_url)

    def tell(text: str) -> None:
        record_property("summary", f"{request.node.name}: {text}")

    made = PhasesTrial(plane, desk, lambda_, holder, tell)
    yield made
    await holder.close()


ONCE = {"/first": 1, "/last": 1}


async def test_a_runner_killed_before_its_claim(trial: PhasesTrial):
    async with trial.claim_held(trial.start()) as backends:
        await trial.kill("runner")
        await trial.cut_off(backends)
    await trial.ends(calls=ONCE)


async def test_a_runner_killed_after_its_claim_which_it_never_heard_of(trial: PhasesTrial):
    async with trial.claim_held(trial.start()):
        await trial.kill("runner")
    await trial.ends(calls=ONCE)


async def test_a_runner_killed_in_a_step(trial: PhasesTrial, desk: Desk):
    desk.close("/first")
    await trial.start()
    await desk.asked("/first")
    await trial.kill("runner")
    desk.open("/first")
    await trial.ends(calls={"/first": 2, "/last": 1})


async def test_a_runner_killed_between_the_end_of_a_step_and_its_checkpoint(trial: PhasesTrial, desk: Desk):
    desk.close("/first")
    await trial.start()
    await desk.asked("/first")
    async with trial.frame_held() as waiting:
        desk.open("/first")
        backends = await waiting()
        await trial.kill("runner")
        await trial.cut_off(backends)
    await trial.ends(calls={"/first": 2, "/last": 1})


async def test_a_runner_killed_after_a_checkpoint_which_it_never_heard_of(trial: PhasesTrial, desk: Desk):
    desk.close("/first")
    await trial.start()
    await desk.asked("/first")
    async with trial.frame_held() as waiting:
        desk.open("/first")
        await waiting()
        await trial.kill("runner")
    await trial.ends(calls=ONCE)


async def test_all_runners_killed_while_the_execution_waits_for_a_person(trial: PhasesTrial):
    await trial.start()
    await trial.until("waiting")
    await trial.kill_idle("runner")
    await trial.ends(calls=ONCE)


async def test_a_sandbox_killed_in_the_middle_of_a_program(trial: PhasesTrial):
    await trial.start()
    await trial.desk.asked("/first")
    await trial.kill("sandbox")
    await trial.ends(calls=ONCE)


@pytest.mark.parametrize("is_committed", [False, True], ids=["before its commit", "after its commit"])
async def test_a_function_killed_while_it_starts_an_execution(trial: PhasesTrial, is_committed: bool):
    key = {"Idempotency-Key": uuid4().hex}
    start = {"url": "/api/executions", "json": {"workflow": "phases", "input": {"url": trial.desk.url}}, "headers": key}
    async with trial.held("lock table plane.executions in share mode") as waiting:
        first = asyncio.create_task(trial.plane.agent.post(**start))
        backends = await waiting()
        await trial.kill("executions")
        assert (await first).json() == {"message": "Internal Server Error"}
        if not is_committed:
            await trial.cut_off(backends)
    again = await trial.plane.agent.post(**start)

    assert again.status_code == 202, again.text
    trial.id = again.json()["id"]
    assert [one["id"] for one in (await trial.plane.get("/api/executions"))["data"]] == [trial.id]
    await trial.minutes_pass()
    await trial.ends(calls=ONCE)


async def test_an_answer_after_which_nobody_could_ring_is_found_by_the_sweeper(trial: PhasesTrial, lambda_: Lambda):
    await trial.start()
    await trial.until("waiting")
    lambda_.local.faults.muted.add(trial.plane.org.id)
    await trial.approve()
    lambda_.local.faults.muted.discard(trial.plane.org.id)
    assert (await trial.plane.get(f"/api/executions/{trial.id}"))["status"] != "succeeded"
    await trial.minutes_pass()
    await trial.ended(calls=ONCE)
