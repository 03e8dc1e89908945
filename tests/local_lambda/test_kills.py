"""An execution whose processes are killed in each of their phases ends right, and nothing is done or kept twice."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import pytest

from tests.local_lambda.desk import Desk

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


class Trial:
    """One execution of the document, with everything that a test needs to hit it somewhere."""

    def __init__(
        self, plane: Plane, desk: Desk, running: Lambda, holder: asyncpg.Connection, tell: Callable[[str], None]
    ) -> None:
        self.plane, self.desk, self.running, self.tell = plane, desk, running, tell
        self.holder = holder  # of locks; a transaction sees the activity of others as it was at its first look
        self.superuser = plane.org.connection
        self.id = ""
        self.killed: list[int] = []
        self._began = len(running.local.ledger.invocations)

    async def start(self) -> None:
        self.id = (await self.plane.start("phases", input={"url": self.desk.url}))["id"]

    async def kill(self, function: str) -> None:
        """Kill the process of this function that is at work."""
        local = self.running.local.functions[function]
        async with asyncio.timeout(20):
            while not local.at_work or not local.at_work[0].pid:  # noqa: ASYNC110  it is in another loop
                await asyncio.sleep(0.005)
        pid = local.at_work[0].pid
        os.kill(pid, signal.SIGKILL)
        self.killed.append(pid)

    def kill_idle(self, function: str) -> None:
        """Kill the frozen processes of this function."""
        for environment in self.running.local.functions[function].environments:
            os.kill(environment.pid, signal.SIGKILL)
            self.killed.append(environment.pid)

    @asynccontextmanager
    async def held(self, statement: str, *arguments: object) -> AsyncIterator[Callable[[], Awaitable[list[int]]]]:
        """Hold a lock; gives what waits until a backend waits for it."""
        transaction = self.holder.transaction()
        await transaction.start()
        try:
            await self.holder.execute(statement, *arguments)
            yield self._waiting
        finally:
            await transaction.rollback()

    def frame_held(self) -> Any:
        return self.held("select from plane.frames where execution_id = $1 for update", self.id)

    async def _waiting(self) -> list[int]:
        async with asyncio.timeout(20):
            while True:
                rows = await self.superuser.fetch(
                    "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
                )
                if rows:
                    return [row["pid"] for row in rows]
                await asyncio.sleep(0.005)

    async def cut_off(self, backends: list[int]) -> None:
        """End the statements of who was killed: they never happened."""
        for backend in backends:
            await self.superuser.execute("select pg_terminate_backend($1, 5000)", backend)

    async def minutes_pass(self) -> None:
        """Let the minute come in which the sweeper finds what nobody was told of."""
        await self.superuser.execute(
            "update plane.frames set due_at = due_at - interval '5 minutes'"
            " where execution_id = $1 and status = 'ready'",
            self.id,
        )
        await self.running.do(self.running.local.tick("sweeper"))

    async def ends(self, *, calls: dict[str, int]) -> None:
        """Answer the question, wait for the end, and look that all is as it should be."""
        await self.until("waiting")
        await self.approve()
        await self.ended(calls=calls)

    def summary(self) -> str:
        """Say which processes worked for the execution, and which of them were killed."""
        ran: dict[int, str] = {}
        for one in self.running.local.ledger.invocations[self._began :]:
            if one.function in ("runner", "sandbox") or one.pid in self.killed:
                ran[one.pid] = one.function
        told = ", ".join(f"{name} {pid}{' KILLED' * (pid in self.killed)}" for pid, name in ran.items())
        return f"{told or 'nobody was killed'}; {dict(self.desk.calls)}, each step recorded once"

    async def until(self, *statuses: str) -> dict[str, Any]:
        return await self.plane.until(self.id, *statuses)

    async def approve(self) -> None:
        answer = await self.plane.person.post(
            f"/api/executions/{self.id}/signal", json={"name": "approve", "payload": {"outcome": "approve", "form": {}}}
        )
        assert answer.status_code == 200, answer.text

    async def ended(self, *, calls: dict[str, int]) -> None:
        execution = await self.until("succeeded", "failed", "cancelled", "timed_out")
        assert (execution["status"], execution["output"]) == ("succeeded", {"sum": SUM}), execution
        steps = (await self.plane.get(f"/api/executions/{self.id}/steps"))["data"]
        assert Counter(step["path"] for step in steps) == {"first": 1, "program": 1, "approve": 1, "last": 1}
        assert {step["status"] for step in steps} == {"succeeded"}
        assert dict(self.desk.calls) == calls
        assert {path: len(keys) for path, keys in self.desk.keys.items()} == dict.fromkeys(calls, 1)
        events = await self.plane.events(self.id, until="execution.succeeded")
        ends = Counter(event["path"] for event in events if event["type"] == "step.succeeded")
        assert ends == {"first": 1, "program": 1, "approve": 1, "last": 1}
        assert Counter(event["type"] for event in events)["execution.succeeded"] == 1
        self.tell(self.summary())


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
) -> AsyncIterator[Trial]:
    await plane.store(DOCUMENT)
    holder = await asyncpg.connect(module_db_url)
    made = Trial(plane, desk, lambda_, holder, lambda text: record_property("summary", f"{request.node.name}: {text}"))
    yield made
    await holder.close()


ONCE = {"/first": 1, "/last": 1}


async def test_a_runner_killed_before_its_claim(trial: Trial, lambda_: Lambda):
    source = lambda_.local.sources["agentplane-dev-default"]
    source.pause()
    await trial.start()
    async with trial.frame_held() as waiting:
        await lambda_.do(resumed(source))
        backends = await waiting()
        await trial.kill("runner")
        await trial.cut_off(backends)
    await trial.ends(calls=ONCE)


async def test_a_runner_killed_after_its_claim_which_it_never_heard_of(trial: Trial, lambda_: Lambda):
    source = lambda_.local.sources["agentplane-dev-default"]
    source.pause()
    await trial.start()
    async with trial.frame_held() as waiting:
        await lambda_.do(resumed(source))
        await waiting()
        await trial.kill("runner")
    await trial.ends(calls=ONCE)


async def test_a_runner_killed_in_a_step(trial: Trial, desk: Desk):
    desk.close("/first")
    await trial.start()
    await desk.asked("/first")
    await trial.kill("runner")
    desk.open("/first")
    await trial.ends(calls={"/first": 2, "/last": 1})


async def test_a_runner_killed_between_the_end_of_a_step_and_its_checkpoint(trial: Trial, desk: Desk):
    desk.close("/first")
    await trial.start()
    await desk.asked("/first")
    async with trial.frame_held() as waiting:
        desk.open("/first")
        backends = await waiting()
        await trial.kill("runner")
        await trial.cut_off(backends)
    await trial.ends(calls={"/first": 2, "/last": 1})


async def test_a_runner_killed_after_a_checkpoint_which_it_never_heard_of(trial: Trial, desk: Desk):
    desk.close("/first")
    await trial.start()
    await desk.asked("/first")
    async with trial.frame_held() as waiting:
        desk.open("/first")
        await waiting()
        await trial.kill("runner")
    await trial.ends(calls=ONCE)


async def test_all_runners_killed_while_the_execution_waits_for_a_person(trial: Trial):
    await trial.start()
    await trial.until("waiting")
    trial.kill_idle("runner")
    await trial.ends(calls=ONCE)


async def test_a_sandbox_killed_in_the_middle_of_a_program(trial: Trial):
    await trial.start()
    await trial.desk.asked("/first")
    await trial.kill("sandbox")
    await trial.ends(calls=ONCE)


@pytest.mark.parametrize("is_committed", [False, True], ids=["before its commit", "after its commit"])
async def test_a_function_killed_while_it_starts_an_execution(trial: Trial, is_committed: bool):
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


async def test_an_answer_after_which_nobody_could_ring_is_found_by_the_sweeper(trial: Trial, lambda_: Lambda):
    await trial.start()
    await trial.until("waiting")
    lambda_.local.faults.muted.add(trial.plane.org.id)
    await trial.approve()
    lambda_.local.faults.muted.discard(trial.plane.org.id)
    assert (await trial.plane.get(f"/api/executions/{trial.id}"))["status"] != "succeeded"
    await trial.minutes_pass()
    await trial.ended(calls=ONCE)


async def resumed(source: Any) -> None:
    source.resume()
