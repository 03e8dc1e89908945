"""One execution that is hit somewhere: how to hold it still in a place, and to kill the processes that work for it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    import asyncpg

    from functions.local_lambda.environment import Environment
    from functions.local_lambda.invocation import Invocation
    from tests.functions.running import Plane
    from tests.local_lambda.running import Lambda

LONGEST_S = 30
LOOKS_EVERY_S = 0.005


@dataclass(frozen=True, slots=True)
class Kill:
    """A process that was killed. `before`: how many invocations of the trial had ended by then."""

    phase: str
    function: str
    pid: int
    before: int


class Trial:
    """One execution of whatever a test starts; `queue`: the one that it is on. Its frame is the root's."""

    def __init__(self, plane: Plane, running: Lambda, holder: asyncpg.Connection, queue: str) -> None:
        self.plane, self.running = plane, running
        self.holder = holder  # of locks; a transaction sees the activity of others as it was at its first look
        self.superuser = plane.org.connection
        self.source = running.local.sources[f"agentplane-dev-{queue}"]
        self.id = ""
        self.kills: list[Kill] = []
        self._began = len(running.local.ledger.invocations)

    @property
    def invocations(self) -> list[Invocation]:
        """Give what has ended since this trial began."""
        return self.running.local.ledger.invocations[self._began :]

    async def kill(self, function: str, phase: str = "") -> None:
        """Kill the process of this function that is at work; returns when Lambda has noticed."""
        await self._end(await self._at_work(function), function, phase)

    async def kill_idle(self, *functions: str, phase: str = "") -> None:
        """Kill the frozen processes of these functions; each has one at least."""
        for function in functions:
            environments = self.running.local.functions[function].environments
            assert environments, f"{function} has no process"
            for environment in environments:
                await self.true(lambda one=environment: one.is_frozen)  # its answer was read a moment ago
                os.killpg(environment.pid, signal.SIGKILL)
                self._note(environment, function, phase)
                await self.true(lambda one=environment: not one.is_alive)

    @asynccontextmanager
    async def nobody_goes_on(self) -> AsyncIterator[None]:
        """Deliver no message of the queue meanwhile."""
        self.source.pause()
        try:
            yield
        finally:
            await self.running.do(_resumed(self.source))

    @asynccontextmanager
    async def claim_held(self, ringing: Awaitable[None]) -> AsyncIterator[list[int]]:
        """Do what rings for a runner, and hold its claim; gives the backends that wait."""
        async with AsyncExitStack() as frame:
            async with self.nobody_goes_on():
                await ringing
                waiting = await frame.enter_async_context(self.frame_held())
            yield await waiting()

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

    async def cut_off(self, backends: list[int]) -> None:
        """End the statements of who was killed: they never happened."""
        for backend in backends:
            await self.superuser.execute("select pg_terminate_backend($1, 5000)", backend)

    async def claims(self) -> int:
        """Give how often the frame was claimed."""
        return await self.superuser.fetchval(
            "select epoch & 4294967295 from plane.frames where execution_id = $1 and frame = ''", self.id
        )

    async def recorded(self) -> set[str]:
        """Give the steps that are recorded as succeeded."""
        rows = await self.superuser.fetch(
            "select path from plane.checkpoints where execution_id = $1 and status = 'succeeded'", self.id
        )
        return {row["path"] for row in rows}

    async def until_recorded(self, path: str) -> None:
        """Wait until this step is recorded as succeeded."""
        async with asyncio.timeout(LONGEST_S):
            while path not in await self.recorded():  # noqa: ASYNC110  who records it tells nobody
                await asyncio.sleep(LOOKS_EVERY_S)

    @asynccontextmanager
    async def opening_held(self, function: str, path: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Let whoever opens or executes this file of a function's package wait; gives what waits for that. Linux only.

        By a lease: the kernel lets nobody in before its holder has given it back, within 45 s.
        """
        started = await asyncio.to_thread(self.running.local.functions[function].started)
        file = os.open(started.folder / path, os.O_RDONLY)
        try:
            fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)  # how we are told: nobody minds this one
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            yield lambda: self.true(lambda: fcntl.fcntl(file, fcntl.F_GETLEASE) != fcntl.F_WRLCK)
        finally:
            os.close(file)

    async def minutes_pass(self) -> None:
        """Let the minute come in which the sweeper finds what nobody was told of."""
        await self.superuser.execute(
            "update plane.frames set due_at = due_at - interval '5 minutes'"
            " where execution_id = $1 and status = 'ready'",
            self.id,
        )
        await self.running.do(self.running.local.tick("sweeper"))

    async def until(self, *statuses: str) -> dict[str, Any]:
        return await self.plane.until(self.id, *statuses)

    async def approve(self) -> None:
        answer = await self.plane.person.post(
            f"/api/executions/{self.id}/signal", json={"name": "approve", "payload": {"outcome": "approve", "form": {}}}
        )
        assert answer.status_code == 200, answer.text

    async def succeeded(self, output: object, paths: Iterable[str]) -> None:
        """Wait for the end, and look that it is this one, and that each of these steps was recorded exactly once."""
        execution = await self.until("succeeded", "failed", "cancelled", "timed_out")
        assert (execution["status"], execution["output"]) == ("succeeded", output), execution
        once = Counter(paths)
        steps = (await self.plane.get(f"/api/executions/{self.id}/steps"))["data"]
        assert Counter(step["path"] for step in steps) == once
        assert {step["status"] for step in steps} == {"succeeded"}
        events = await self.plane.events(self.id, until="execution.succeeded")
        assert Counter(event["path"] for event in events if event["type"] == "step.succeeded") == once
        assert Counter(event["type"] for event in events)["execution.succeeded"] == 1

    async def true(self, holds: Callable[[], object]) -> None:
        """Wait until this holds."""
        async with asyncio.timeout(LONGEST_S):
            while not holds():  # noqa: ASYNC110  it is of other loops and processes
                await asyncio.sleep(LOOKS_EVERY_S)

    def went_on(self, kill: Kill) -> int:
        """Give the process of the same function that had an event after the killed one; 0: there was none."""
        later = self.invocations[kill.before :]
        return next((one.pid for one in later if one.function == kill.function and one.pid != kill.pid), 0)

    async def _at_work(self, function: str) -> Environment:
        local = self.running.local.functions[function]
        await self.true(lambda: len(local.at_work) == 1 and local.at_work[0].pid)  # and nobody for somebody else
        return local.at_work[0]

    def _note(self, environment: Environment, function: str, phase: str) -> None:
        self.kills.append(Kill(phase, function, environment.pid, len(self.invocations)))

    async def _end(self, environment: Environment, function: str, phase: str) -> None:
        os.killpg(environment.pid, signal.SIGKILL)
        self._note(environment, function, phase)
        await self.true(
            lambda: any(one.pid == environment.pid and one.error == "Runtime.ExitError" for one in self.invocations)
        )
        assert not environment.is_alive

    async def _waiting(self) -> list[int]:
        async with asyncio.timeout(LONGEST_S):
            while True:
                rows = await self.superuser.fetch(
                    "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
                )
                if rows:
                    return [row["pid"] for row in rows]
                await asyncio.sleep(LOOKS_EVERY_S)


async def _resumed(source: Any) -> None:
    source.resume()
