"""HTTP through the whole stack against a bare endpoint: `python -m bench.http`.

A request to the plane is authenticated, validated, done in one transaction, audited and answered as documented. The
bare endpoint is FastAPI and asyncpg with one insert (bench/http_apps.py). Same uvicorn settings, one process each, the
same client in a process of its own; interleaved, medians. CPU is what a request costs the server process and Postgres:
on a machine that others use too, it says more than the time that passed.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from functions.shared.auth.keys import SCOPES, hash_key, new_key
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.db.port import ApiKey
from functions.shared.dsl.compiled import compile_document
from functions.shared.postgres.migrate import apply
from functions.shared.postgres.server import EmbeddedPostgres
from functions.shared.postgres.urls import with_database

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from functions.shared.auth.keys import NewKey
    from functions.shared.jsonvalue import JsonObject

REPEATS = 5
SECONDS = 0.5
CONCURRENCIES = (1, 16)
KEYS = 64
ROOT = Path(__file__).parents[1]
DOCUMENT: JsonObject = {
    "name": "greet",
    "input": {"type": "object", "properties": {"name": {"type": "string"}}},
    "steps": {"greet": {"tool": {"name": "json_query", "with": {"data": {}, "query": "a"}}}},
}


@dataclass(frozen=True, slots=True)
class Served:
    """A server process: where it listens, and its pid."""

    port: int
    pid: int


@dataclass(slots=True)
class Samples:
    """What was measured of one operation at one concurrency."""

    p50_ms: list[float] = field(default_factory=list[float])
    p95_ms: list[float] = field(default_factory=list[float])
    per_s: list[float] = field(default_factory=list[float])
    client_us: list[float] = field(default_factory=list[float])
    server_us: list[float] = field(default_factory=list[float])
    postgres_us: list[float] = field(default_factory=list[float])

    def add(self, answer: dict[str, Any], before: tuple[float, float], after: tuple[float, float]) -> None:
        """Note what the load saw, and the CPU seconds of server and Postgres before and after it."""
        latencies = sorted(answer["latencies_ms"])
        self.p50_ms.append(statistics.median(latencies))
        self.p95_ms.append(latencies[int(len(latencies) * 0.95)])
        self.per_s.append(len(latencies) / answer["seconds"])
        self.client_us.append(answer["client_us"])
        self.server_us.append((after[0] - before[0]) / answer["sent"] * 1e6)
        self.postgres_us.append((after[1] - before[1]) / answer["sent"] * 1e6)

    def median(self, name: str) -> float:
        """Give the median of one of the lists."""
        return statistics.median(getattr(self, name))


async def run() -> list[dict[str, Any]]:
    """Measure in a Postgres of its own with its usual settings (fsync on). One row an operation and concurrency."""
    with tempfile.TemporaryDirectory(prefix="agentplane-bench-") as folder:
        async with EmbeddedPostgres(Path(folder)) as postgres:
            owner = await asyncpg.connect(postgres.url())
            await owner.execute("create database bench")
            await owner.close()
            url = with_database(postgres.url(), "bench")
            await apply(url)
            key = new_key("operator")
            runner_secret = await _prepare(url, postgres.login_password, key)
            login_url = with_database(postgres.url(login=True), "bench")
            async with _served("plane", login_url, runner_secret) as plane, _served("bare", url) as bare:
                return await _measure(url, postgres.pid or 0, key.secret, plane, bare)


async def _prepare(url: str, login_password: str, key: NewKey) -> str:
    """Make an organisation with its key and a workflow; give the runner's key."""
    runner = new_key("runner")
    owner = await asyncpg.connect(url)
    await owner.execute(f"alter role authenticator password '{login_password}'")
    await owner.execute("select gateway.create_runner_key($1, $2)", runner.key_hash, runner.prefix)
    await owner.execute(
        "select gateway.create_organisation('bench', $1, $2, $3)", key.key_hash, key.prefix, list(SCOPES)
    )
    await owner.execute("create table public.floor (id bigserial primary key, component text, key text, value jsonb)")
    await owner.close()
    db = await AsyncpgDatabase.connect(url)
    compiled = compile_document(DOCUMENT)
    await db.call(
        "create_workflow",
        {
            "name": DOCUMENT["name"],
            "format": "yaml",
            "definition": json.dumps(DOCUMENT),
            "is_json": True,
            "document": DOCUMENT,
            "queue": compiled.queue,
            "steps": list(compiled.index),
        },
        ApiKey(hash_key(key.secret)),
    )
    await db.close()
    return runner.secret


@asynccontextmanager
async def _served(app: str, url: str, runner_key: str = "") -> AsyncGenerator[Served]:
    """Serve in a process of its own. The plane works on no queue: what is started is not executed."""
    environment = {
        **os.environ,
        "AGENTPLANE_DATABASE_URL": url,
        "AGENTPLANE_RUNNER_KEY": runner_key,
        "AGENTPLANE_QUEUES": '["none"]',
        "AGENTPLANE_LOG_LEVEL": "WARNING",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.http_apps", app, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield Served(int(await process.stdout.readline()), process.pid)
    finally:
        process.terminate()
        await process.wait()


async def _measure(url: str, postmaster: int, secret: str, plane: Served, bare: Served) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {secret}"}
    states = [{"component": "bench", "key": f"key-{at}", "value": {"cursor": at}} for at in range(KEYS)]
    gets = [{"method": "GET", "path": f"/api/state?component=bench&key={each['key']}"} for each in states]
    puts = [{"method": "POST", "path": "/api/state", "body": each} for each in states]
    start = {"method": "POST", "path": "/api/executions", "body": {"workflow": "greet", "input": {"name": "Ada"}}}
    inserts = [{"method": "POST", "path": "/rows", "headers": {}, "body": each} for each in states]
    operations = {  # state put comes first: what state get reads is there then
        "state put": [{**each, "headers": headers} for each in puts],
        "state get": [{**each, "headers": headers} for each in gets],
        "execution start": [{**start, "headers": headers}] * max(CONCURRENCIES),
    }
    await _load(plane, operations["state put"], 1, SECONDS + 1)
    samples: dict[tuple[str, int], Samples] = {}
    owner = await asyncpg.connect(url)
    for _ in range(REPEATS):  # interleaved, so that all see the same machine
        for concurrency in CONCURRENCIES:
            for name, served, requests in (
                ("bare", bare, inserts),
                *((name, plane, requests) for name, requests in operations.items()),
            ):
                used_before = _cpu_seconds(served.pid), _cpu_seconds(postmaster, *_children(postmaster))
                answer = await _load(served, requests, concurrency, SECONDS)
                used = _cpu_seconds(served.pid), _cpu_seconds(postmaster, *_children(postmaster))
                samples.setdefault((name, concurrency), Samples()).add(answer, used_before, used)
            await owner.execute("delete from plane.frames")  # else the sweeper would look at what nobody executes
    await owner.close()
    return [
        _row(name, concurrency, samples[name, concurrency], samples["bare", concurrency])
        for name in operations
        for concurrency in CONCURRENCIES
    ]


async def _load(served: Served, requests: list[dict[str, Any]], connections: int, seconds: float) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.http_load",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    task = {"port": served.port, "connections": connections, "seconds": seconds, "requests": requests}
    out, _ = await process.communicate(json.dumps(task).encode())
    if process.returncode:
        message = f"the load on port {served.port} failed"
        raise RuntimeError(message)
    answer: dict[str, Any] = json.loads(out)
    return answer


def _row(name: str, concurrency: int, ours: Samples, bare: Samples) -> dict[str, Any]:
    return {
        "operation": name,
        "concurrency": concurrency,
        "p50_ms": ours.median("p50_ms"),
        "p95_ms": ours.median("p95_ms"),
        "per_s": ours.median("per_s"),
        "bare_p50_ms": bare.median("p50_ms"),
        "bare_p95_ms": bare.median("p95_ms"),
        "bare_per_s": bare.median("per_s"),
        "ratio": ours.median("per_s") / bare.median("per_s"),
        "client_us": ours.median("client_us"),
        "server_us": ours.median("server_us"),
        "bare_server_us": bare.median("server_us"),
        "postgres_us": ours.median("postgres_us"),
        "bare_postgres_us": bare.median("postgres_us"),
    }


def _cpu_seconds(*pids: int) -> float:
    """User and system time of these processes and of those that they have waited for."""
    ticks = 0
    for pid in pids:
        with suppress(OSError):  # it has ended
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a table in markdown."""
    measured = "p50 ms", "p95 ms", "requests/s", "bare/s", "ratio", "server CPU us (bare)", "Postgres CPU us (bare)"
    lines = [["operation", "concurrency", *measured], ["---"] * (2 + len(measured))]
    lines += [
        [
            row["operation"],
            str(row["concurrency"]),
            f"{row['p50_ms']:.2f}",
            f"{row['p95_ms']:.2f}",
            f"{row['per_s']:.0f}",
            f"{row['bare_per_s']:.0f}",
            f"{row['ratio']:.0%}",
            f"{row['server_us']:.0f} ({row['bare_server_us']:.0f})",
            f"{row['postgres_us']:.0f} ({row['bare_postgres_us']:.0f})",
        ]
        for row in rows
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    print(table(asyncio.run(run())))
