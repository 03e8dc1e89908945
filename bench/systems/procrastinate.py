"""procrastinate as a queue: one step is one job, and each job defers the next. It has no executions of its own."""

from __future__ import annotations

import asyncio
import logging
import uuid
from contextlib import suppress
from typing import Any

from procrastinate import App, PsycopgConnector


class ProcrastinateJobs:
    """One process, one worker with as many jobs at a time as executions, told of jobs by LISTEN and NOTIFY."""

    _app: App
    _worker: asyncio.Task[None]

    def __init__(self) -> None:
        self._ended: dict[str, asyncio.Future[None]] = {}

    async def prepare(self, url: str) -> None:
        async with App(connector=PsycopgConnector(conninfo=url)).open_async() as app:
            await app.schema_manager.apply_schema_async()

    async def open(self, url: str, concurrency: int) -> None:
        logging.disable(logging.WARNING)
        self._app = App(connector=PsycopgConnector(conninfo=url, min_size=4, max_size=concurrency + 4))
        self._step = self._app.task(name="step")(self._run_step)
        await self._app.open_async()
        self._worker = asyncio.create_task(
            self._app.run_worker_async(concurrency=concurrency, install_signal_handlers=False)
        )
        await asyncio.sleep(0.2)  # until it listens

    async def close(self) -> None:
        self._worker.cancel()
        with suppress(asyncio.CancelledError):
            await self._worker
        await self._app.close_async()

    async def run_sequential(self, executions: int, steps: int, concurrency: int) -> None:
        left = iter(range(executions))

        async def client() -> None:
            for _ in left:
                execution = str(uuid.uuid4())
                self._ended[execution] = asyncio.get_running_loop().create_future()
                await self._step.defer_async(execution=execution, number=1, steps=steps)
                await self._ended[execution]
                del self._ended[execution]

        await asyncio.gather(*(client() for _ in range(concurrency)))

    async def _run_step(self, execution: str, number: int, steps: int) -> dict[str, Any] | None:
        if number < steps:
            await self._step.defer_async(execution=execution, number=number + 1, steps=steps)
        else:
            self._ended[execution].set_result(None)
        return None
