"""absurd: a task whose steps are checkpoints. Its schema comes from `absurdctl`, its worker from the Python SDK."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from absurd_sdk import Absurd

from bench.systems.base import OUTPUT, intervals_ms, message
from functions.shared.postgres.account import account_for
from functions.shared.postgres.binaries import DEFAULT_VERSION, find_binaries

QUEUE = "bench"


class AbsurdTasks:
    """One process with a worker for each task at a time: the SDK gives a worker one connection."""

    _apps: list[Absurd]

    def __init__(self) -> None:
        self._left = 0
        self._lock = threading.Lock()
        self._tasks: dict[int, str] = {}
        self._begun: asyncio.Future[float] | None = None
        self._may_end = threading.Event()
        self._attempt: asyncio.Future[None] | None = None
        self._messages: list[float] = []
        self._approved: dict[str, float] = {}

    async def prepare(self, url: str) -> None:
        programs = find_binaries(DEFAULT_VERSION, account_for(Path.cwd())) / "bin"
        environment = os.environ | {
            "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
            "ABSURD_DATABASE_URL": url,
        }
        for command in (["init"], ["create-queue", QUEUE]):
            subprocess.run(
                [sys.executable, Path(sys.executable).with_name("absurdctl"), *command],
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
            )

    async def open(self, url: str, concurrency: int) -> None:
        self._pool = ThreadPoolExecutor(concurrency)
        self._apps = [Absurd(url, queue_name=QUEUE) for _ in range(concurrency)]
        for app in self._apps:
            app.register_task("sequence")(self._sequence)
            app.register_task("long")(self._long)
            app.register_task("conversation")(self._conversation)
            app.register_task("approval")(self._approval)

    async def close(self) -> None:
        for app in self._apps:
            app.close()
        self._pool.shutdown()

    async def run_sequential(self, executions: int, steps: int, concurrency: int) -> None:
        self._left = executions
        loop = asyncio.get_running_loop()
        shares = [executions // concurrency + (at < executions % concurrency) for at in range(concurrency)]
        spawned = (
            loop.run_in_executor(self._pool, self._spawn, app, share, steps)
            for app, share in zip(self._apps, shares, strict=True)
        )
        await asyncio.gather(*spawned)
        await self._work(poll_interval=0.01)  # its default, 0.25 s, would only be seen when the queue is empty

    async def fill(self, steps: int) -> None:
        for task_id in self._tasks.values():  # else the worker would claim these
            self._apps[0].cancel_task(task_id)
        self._tasks.clear()
        spawned = self._apps[0].spawn("long", {"steps": steps}, max_attempts=1000, retry_strategy={"kind": "none"})
        self._tasks[steps] = spawned["task_id"]
        await self.resume(steps)
        await self.rest(steps)

    async def resume(self, steps: int) -> float:
        """Claim the failed attempt's task again, as a worker that finds it would."""
        loop = asyncio.get_running_loop()
        self._begun = loop.create_future()
        self._may_end.clear()
        began = time.perf_counter()
        self._attempt = loop.run_in_executor(self._pool, self._apps[0].work_batch)
        return (await self._begun - began) * 1000

    async def rest(self, steps: int) -> None:
        self._may_end.set()
        assert self._attempt is not None
        await self._attempt

    async def converse(self, turns: int, size: int) -> list[float]:
        self._messages = []
        self._left = 1
        self._apps[0].spawn("conversation", {"turns": turns, "size": size})
        await self._work()
        at = self._messages
        return intervals_ms(at)

    async def approve(self, count: int, *, doorbell: bool) -> list[float]:
        """It knows no doorbell: its worker asks every quarter of a second."""
        assert doorbell
        took: list[float] = []
        for _ in range(count):
            self._left = 1
            name = str(uuid.uuid4())
            self._apps[0].spawn("approval", {"name": name})
            work = asyncio.create_task(self._work())
            await asyncio.sleep(random.uniform(0.3, 0.8))  # its worker is at any point of its pause
            answered = time.perf_counter()
            self._apps[-1].emit_event(name, {"outcome": "approve"})
            await work
            took.append((self._approved.pop(name) - answered) * 1000)
        return took

    def _spawn(self, app: Absurd, executions: int, steps: int) -> None:
        for _ in range(executions):
            app.spawn("sequence", {"steps": steps})

    async def _work(self, **options: Any) -> None:
        loop = asyncio.get_running_loop()
        work = (loop.run_in_executor(self._pool, partial(app.start_worker, **options)) for app in self._apps)
        await asyncio.gather(*work)

    def _end_one(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left <= 0:
                for app in self._apps:
                    app.stop_worker()

    def _sequence(self, params: Any, context: Any) -> dict[str, Any]:
        for at in range(params["steps"]):
            context.step(f"s{at}", lambda: OUTPUT)
        self._end_one()
        return OUTPUT

    def _long(self, params: Any, context: Any) -> None:
        for at in range(params["steps"]):
            context.step(f"s{at}", lambda: OUTPUT)
        context.step("last", self._hold)

    def _hold(self) -> None:
        begun = self._begun
        assert begun is not None
        now = time.perf_counter()
        begun.get_loop().call_soon_threadsafe(begun.set_result, now)
        self._may_end.wait()
        message = "the process ended"
        raise RuntimeError(message)

    def _conversation(self, params: Any, context: Any) -> dict[str, Any]:
        for at in range(params["turns"]):
            context.step(f"turn{at}", lambda: message(params["size"]))
            self._messages.append(time.perf_counter())
        self._end_one()
        return OUTPUT

    def _approval(self, params: Any, context: Any) -> dict[str, Any]:
        context.await_event(params["name"])

        def note() -> dict[str, Any]:
            self._approved[params["name"]] = time.perf_counter()
            return OUTPUT

        context.step("go", note)
        self._end_one()
        return OUTPUT
