"""The floor: one row inserted and committed per step, with the driver that the plane uses."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg

from bench.systems.base import OUTPUT

# As large as a checkpoint of a step that gives OUTPUT.
ROW = json.dumps({"path": "s0", "kind": "tool", "status": "succeeded", "output": OUTPUT, "pad": "x" * 200})


class Floor:
    """Knows no executions: it only does the least that durability can cost."""

    _pool: Any

    async def prepare(self, url: str) -> None:
        connection = await asyncpg.connect(url)
        await connection.execute("create table public.floor (id bigserial primary key, body jsonb not null)")
        await connection.close()

    async def open(self, url: str, concurrency: int) -> None:
        self._pool = await asyncpg.create_pool(url, min_size=concurrency, max_size=concurrency)

    async def close(self) -> None:
        await self._pool.close()

    async def run_sequential(self, executions: int, steps: int, concurrency: int) -> None:
        left = iter(range(executions))

        async def client() -> None:
            async with self._pool.acquire() as connection:
                for _ in left:
                    for _ in range(steps):
                        await connection.execute("insert into public.floor (body) values ($1)", ROW)

        await asyncio.gather(*(client() for _ in range(concurrency)))
