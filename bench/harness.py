"""One Postgres, one process per system, one at a time: what every workload measures with."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import sys
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import asyncpg

from bench.proxy import Proxy
from bench.usage import postgres_cpu_s
from functions.shared.postgres.server import EmbeddedPostgres
from functions.shared.postgres.urls import with_database

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).parents[1]
SETTINGS = {"max_connections": "300"}  # six systems stay connected; else the plane's own settings, fsync on
ANSWER_S = 180.0
QUICK_REPEATS = 2
REPEATS = 5


@dataclass(frozen=True, slots=True)
class Measured:
    """One call. CPU is that of the system's process, and of Postgres; `wire` what passed the proxy, if it was used."""

    result: Any
    seconds: float
    client_cpu_s: float
    server_cpu_s: float
    wal_bytes: int
    wire: dict[str, int]


@dataclass(slots=True)
class Worker:
    """The process of one system. It is stopped (SIGSTOP) between calls, so that what it polls disturbs nobody."""

    name: str
    process: asyncio.subprocess.Process

    @classmethod
    async def start(cls, name: str, log: Path) -> Self:
        """Start the process; what it prints goes to `log`."""
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bench.worker", name),
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                limit=16_000_000,
            )
        return cls(name, process)

    async def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Let it run one method; raises RuntimeError with its traceback."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._signal(signal.SIGCONT)
        self.process.stdin.write(json.dumps({"method": method, "arguments": arguments}).encode() + b"\n")
        try:
            line = await asyncio.wait_for(self.process.stdout.readline(), ANSWER_S)
        except TimeoutError:
            message = f"{self.name} did not answer {method} within {ANSWER_S:.0f} s"
            raise RuntimeError(message) from None
        self._signal(signal.SIGSTOP)
        answer: dict[str, Any] = json.loads(line or b'{"error": "the process ended"}')
        if "error" in answer:
            message = f"{self.name}, {method}: {answer['error']}"
            raise RuntimeError(message)
        return answer

    async def end(self) -> None:
        """End the process."""
        self._signal(signal.SIGKILL)
        await self.process.wait()

    def _signal(self, which: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(which)


@dataclass(slots=True)
class Bench:
    """What workloads use. `seconds` is about how long one repeat of a throughput measurement takes."""

    is_quick: bool
    wanted: tuple[str, ...]
    folder: Path
    seconds: float = 0.0
    repeats: int = 0
    workers: dict[str, Worker] = field(default_factory=dict[str, Worker])
    left_out: dict[str, str] = field(default_factory=dict[str, str])
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _postgres: Any = None
    _admin: Any = None
    _proxy: Any = None

    async def __aenter__(self) -> Self:
        self.seconds = 0.25 if self.is_quick else 0.8
        self.repeats = QUICK_REPEATS if self.is_quick else REPEATS
        self._postgres = await self._stack.enter_async_context(EmbeddedPostgres(self.folder, settings=SETTINGS))
        self._admin = await asyncpg.connect(self._postgres.url())
        self._stack.push_async_callback(self._admin.close)
        self._proxy = self._stack.enter_context(Proxy(urlsplit(self._postgres.url()).port or 0))
        await asyncio.gather(*(self._start(name) for name in self.wanted))
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(worker.end() for worker in self.workers.values()))
        await self._stack.aclose()

    def having(self, *names: str) -> list[str]:
        """Give those of the systems that run."""
        return [name for name in names or self.wanted if name in self.workers]

    async def connect(self, names: Iterable[str], *, concurrency: int = 1, through: float | None = None) -> None:
        """Open the systems: directly, or through the proxy with that many seconds of round trip."""
        if through is not None:
            self._proxy.round_trip_s = through
        for name in names:
            await self.workers[name].call("open", url=self._url(name, through), concurrency=concurrency)

    async def disconnect(self, names: Iterable[str]) -> None:
        """Close the systems again."""
        for name in names:
            await self.workers[name].call("close")

    async def measure(self, name: str, method: str, **arguments: Any) -> Measured:
        """Run one method, and say what it took."""
        wal, cpu, wire = await self._wal(), self._cpu(), self._proxy.counts.copy()
        answer = await self.workers[name].call(method, **arguments)
        return Measured(
            result=answer["result"],
            seconds=answer["seconds"],
            client_cpu_s=answer["cpu_s"],
            server_cpu_s=self._cpu() - cpu,
            wal_bytes=await self._wal() - wal,
            wire=self._proxy.counts.since(wire),
        )

    async def rate(self, name: str, *, steps: int, concurrency: int) -> int:
        """Warm a system up; give how many executions fill one repeat."""
        executions, took = 2 * concurrency, 0.0
        for _ in range(2):  # the first one also fills caches
            took = (
                await self.measure(name, "run_sequential", executions=executions, steps=steps, concurrency=concurrency)
            ).seconds
        return max(concurrency, round(executions / took * self.seconds))

    async def database_bytes(self, name: str) -> int:
        """Give the size of a system's database on disk."""
        await self._admin.execute("checkpoint")
        return int(await self._admin.fetchval("select pg_database_size($1::name)", name))

    async def fetch(self, name: str, *statements: str) -> list[Any]:
        """Run statements in a system's database as its superuser; give what the last one answers."""
        connection = await asyncpg.connect(self._url(name, None))
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return list(await connection.fetch(statements[-1]))
        finally:
            await connection.close()

    async def postgres_version(self) -> str:
        """Give the server's version."""
        return str(await self._admin.fetchval("show server_version"))

    async def postgres_settings(self) -> dict[str, str]:
        """Give what was set away from Postgres' own defaults, and what durability depends on."""
        rows = await self._admin.fetch(
            "select name, current_setting(name) as value from pg_settings"
            " where source = 'command line' or name in ('fsync', 'synchronous_commit', 'full_page_writes')"
        )
        hidden = {"port", "listen_addresses", "unix_socket_directories", "cluster_name"}
        return {row["name"]: row["value"] for row in rows if row["name"] not in hidden}

    async def _start(self, name: str) -> None:
        """Start a system and install its schema; one whose packages are missing is left out, and said so."""
        await self._create_database(name)
        worker = self.workers[name] = await Worker.start(name, self.folder / f"{name}.log")
        try:
            await worker.call("prepare", url=self._url(name, None))
        except RuntimeError as error:
            await worker.end()
            del self.workers[name]
            log = (self.folder / f"{name}.log").read_text().strip().splitlines()
            self.left_out[name] = log[-1] if log and "the process ended" in str(error) else str(error)

    async def _create_database(self, name: str) -> None:
        connection = await asyncpg.connect(self._postgres.url())
        await connection.execute(f"create database {name} template template0")
        await connection.close()

    def _url(self, name: str, through: float | None) -> str:
        url = with_database(self._postgres.url(), name)
        if through is None:
            return url
        parts = urlsplit(url)
        return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{self._proxy.port}").geturl()

    async def _wal(self) -> int:
        return int(await self._admin.fetchval("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))

    def _cpu(self) -> float:
        return postgres_cpu_s(self._postgres.pid or 0)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Give the median and the range of repeats."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}
