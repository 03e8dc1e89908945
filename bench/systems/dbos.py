"""DBOS Transact: workflows as decorated functions, in its pool of threads; one process, its system database."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
from dbos import DBOS, SetWorkflowID
from dbos._dbos import _get_dbos_instance
from dbos._recovery import recover_pending_workflows

from bench.systems.base import OUTPUT, intervals_ms, message

DEFAULT_POOL = 20


class _Held:
    """A step that says when it begins, and waits until it may end."""

    begun: asyncio.Future[float] | None = None
    may_end = threading.Event()
    at: list[float] = []  # noqa: RUF012  one process, one conversation
    approved: dict[str, float] = {}  # noqa: RUF012


@DBOS.step()
def _nothing() -> dict[str, Any]:
    return OUTPUT


@DBOS.step()
async def _nothing_async() -> dict[str, Any]:
    return OUTPUT


@DBOS.step()
def _hold() -> dict[str, Any]:
    begun, now = _Held.begun, time.perf_counter()
    if begun is not None:
        begun.get_loop().call_soon_threadsafe(begun.set_result, now)
        _Held.may_end.wait()
    return OUTPUT


@DBOS.step()
def _speak(size: int) -> dict[str, Any]:
    return message(size)


@DBOS.step()
def _note(name: str) -> dict[str, Any]:
    _Held.approved[name] = time.perf_counter()
    return OUTPUT


@DBOS.workflow()
def _sequence(steps: int) -> dict[str, Any]:
    for _ in range(steps):
        _nothing()
    return OUTPUT


@DBOS.workflow()
async def _fan(width: int) -> dict[str, Any]:
    await asyncio.gather(*(_nothing_async() for _ in range(width)))
    return await _nothing_async()


@DBOS.workflow()
def _long(steps: int) -> dict[str, Any]:
    for _ in range(steps):
        _nothing()
    return _hold()


@DBOS.workflow()
def _conversation(turns: int, size: int) -> dict[str, Any]:
    for _ in range(turns):
        _speak(size)
        _Held.at.append(time.perf_counter())
    return OUTPUT


@DBOS.workflow()
def _approval(name: str) -> dict[str, Any]:
    DBOS.recv("answer", timeout_seconds=60)
    return _note(name)


class DbosTransact:
    """Workflows are called directly, which starts them in the calling thread: the fastest way that it has."""

    def __init__(self) -> None:
        self._url = ""
        self._ids: dict[int, str] = {}

    async def prepare(self, url: str) -> None:
        """Launching migrates the database."""
        await self.open(url, 1)
        await self.close()

    async def open(self, url: str, concurrency: int) -> None:
        logging.disable(logging.WARNING)
        self._url = url
        self._pool = ThreadPoolExecutor(concurrency)
        DBOS(
            config={
                "name": "bench",
                "system_database_url": url,
                "sys_db_pool_size": max(DEFAULT_POOL, concurrency),
                "log_level": "ERROR",
                "executor_id": "bench",
            }
        )
        await asyncio.to_thread(DBOS.launch)

    async def close(self) -> None:
        await asyncio.to_thread(DBOS.destroy)
        self._pool.shutdown()

    async def run_sequential(self, executions: int, steps: int, concurrency: int) -> None:
        loop = asyncio.get_running_loop()
        left = iter(range(executions))
        taking = threading.Lock()

        def client() -> None:
            while True:
                with taking:
                    if next(left, None) is None:
                        return
                _sequence(steps)

        await asyncio.gather(*(loop.run_in_executor(self._pool, client) for _ in range(concurrency)))

    async def fan_out(self, width: int) -> None:
        """In a loop of its own: DBOS puts its executor into the loop that calls it, and takes it along when it ends."""
        await asyncio.to_thread(lambda: asyncio.run(_fan(width)))

    async def fill(self, steps: int) -> None:
        for workflow_id in self._ids.values():  # else these would be recovered too
            await asyncio.to_thread(DBOS.cancel_workflow, workflow_id)
        self._ids = {steps: str(uuid.uuid4())}
        _Held.begun = None

        def run() -> None:
            with SetWorkflowID(self._ids[steps]):
                _long(steps)

        await asyncio.get_running_loop().run_in_executor(self._pool, run)
        await self.rest(steps)

    async def resume(self, steps: int) -> float:
        """Recover as a restarting process does: what was pending goes to a queue, which is polled every second."""
        _Held.begun = asyncio.get_running_loop().create_future()
        _Held.may_end.clear()
        began = time.perf_counter()
        await asyncio.to_thread(recover_pending_workflows, _get_dbos_instance(), ["bench"])
        return (await _Held.begun - began) * 1000

    async def rest(self, steps: int) -> None:
        """Let it end, then take its last step's record away: as if the process had died in that step."""
        _Held.may_end.set()
        await asyncio.to_thread(lambda: DBOS.retrieve_workflow(self._ids[steps]).get_result())
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            await connection.execute(
                "delete from dbos.operation_outputs where workflow_uuid = %s and function_id > %s",
                (self._ids[steps], steps),
            )
            await connection.execute(
                "update dbos.workflow_status set status = 'PENDING', output = null, queue_name = null,"
                " executor_id = 'bench', recovery_attempts = 1 where workflow_uuid = %s",
                (self._ids[steps],),
            )

    async def converse(self, turns: int, size: int) -> list[float]:
        _Held.at = []
        await asyncio.get_running_loop().run_in_executor(self._pool, _conversation, turns, size)
        at = _Held.at
        return intervals_ms(at)

    async def approve(self, count: int, *, doorbell: bool) -> list[float]:
        """A waiting workflow holds a thread here; the message reaches it by LISTEN and NOTIFY."""
        assert doorbell
        took: list[float] = []
        for _ in range(count):
            name = str(uuid.uuid4())
            with SetWorkflowID(name):
                handle = await asyncio.to_thread(DBOS.start_workflow, _approval, name)
            await asyncio.sleep(0.2)
            answered = time.perf_counter()
            await asyncio.to_thread(DBOS.send, name, {"outcome": "approve"}, "answer")
            await asyncio.to_thread(handle.get_result)
            took.append((_Held.approved.pop(name) - answered) * 1000)
        return took
