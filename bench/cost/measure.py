"""Runs workflows through the local Lambda over the built packages, and counts what Lambda, SQS and HTTP would bill."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter, defaultdict
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx

from bench.cost.model import Invoked, Measured
from functions.deploy.manifest import load
from functions.deploy.packages import build
from functions.local_lambda.invocation import Invocation
from functions.local_lambda.local_lambda import LocalLambda, Setup
from functions.local_lambda.secret_values import parameters_of
from functions.shared.auth.keys import SCOPES, new_key, read_peppers
from functions.shared.postgres.schema import load_schema
from functions.shared.postgres.server import EmbeddedPostgres
from functions.shared.sealing import new_master_key
from functions.shared.simulator.server import Simulator

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

PEPPER = "only-for-measuring-" + "x" * 24
STEP_S = 0.2
STEPS = 10
# Who waits in how many steps for somebody who takes STEP_S.
WAITS = {"waits": ("runner", STEPS), "code": ("runner", 0), "model": ("runner-llm", STEPS - 1)}
TICKS = 4
REPORT_BYTES = 300  # what Lambda itself logs of an invocation
AT_ONCE = 4
DATABASE = "cost"
WAIT_S = 120.0
_ENDED = {"succeeded", "failed", "cancelled", "timed_out"}


@dataclass(slots=True)
class Counted:
    """What passed since the last `clear`."""

    sqs: Counter[str] = field(default_factory=Counter[str])
    log_bytes: int = 0

    def clear(self) -> None:
        """Begin anew."""
        self.sqs.clear()
        self.log_bytes = 0


def workflow(name: str, slow_url: str) -> dict[str, Any]:
    """Give the document of ten steps, one after another: `waits`, `code` or `model`."""
    slow = {"http": {"url": slow_url}}
    code = {"code": {"python": "result = {'sum': sum(range(1000)) + n}", "inputs": {"n": 1}}}
    model = {"llm": {"prompt": "Say yes.", "model": "openai/gpt-4o-mini"}}
    kinds = {"waits": [slow] * STEPS, "code": [code] * STEPS, "model": [slow] * (STEPS - 1) + [model]}[name]
    steps = {f"s{n}": step | ({"needs": [f"s{n - 1}"]} if n else {}) for n, step in enumerate(kinds)}
    return {"name": f"cost-{name}", "steps": steps}


@contextmanager
def slow_server() -> Generator[str]:
    """Serve somebody whose every answer takes 200 ms."""

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            time.sleep(STEP_S)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "11")
            self.end_headers()
            self.wfile.write(b'{"ok": 1.0}')

        def log_message(self, *_args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass(slots=True)
class Plane:
    """A plane in the local Lambda. `ever`: every invocation since its start."""

    connection: asyncpg.Connection
    key: str
    local: LocalLambda
    counted: Counted
    ever: list[Invocation] = field(default_factory=list[Invocation])


async def measure(names: Sequence[str], workflows: int, folder: Path) -> tuple[dict[str, Measured], list[Invoked]]:
    """Measure each mix, and the functions of the minute while nothing runs."""
    async with AsyncExitStack() as stack:
        slow_url = stack.enter_context(slow_server())
        simulator = stack.enter_context(Simulator())
        postgres = EmbeddedPostgres(folder / "data", settings={"max_connections": "300"})
        await postgres.start()
        stack.push_async_callback(postgres.stop)
        plane = await _plane(stack, postgres, simulator)
        headers = {"Authorization": f"Bearer {plane.key}", "Content-Type": "application/json"}
        async with httpx.AsyncClient(base_url=plane.local.url, headers=headers, timeout=60) as http:
            found: dict[str, Measured] = {}
            for name in names:
                body = {"name": f"cost-{name}", "definition": workflow(name, slow_url)}
                _required(await http.post("/api/workflows", json=body))
                await _run(http, name, 2)  # starts the processes
                found[name] = await _measured(http, name, workflows, plane)
            await plane.local.tick()
            plane.local.ledger.invocations.clear()
            for _ in range(TICKS):
                await plane.local.tick()
            ticks = [one for one in plane.local.ledger.invocations if one.source == "schedule"]
            return found, _invoked(ticks, plane, "code", TICKS)


async def _plane(stack: AsyncExitStack, postgres: EmbeddedPostgres, simulator: Simulator) -> Plane:
    admin = await asyncpg.connect(postgres.url())
    await admin.execute(f"create database {DATABASE}")
    await load_schema(postgres.url(DATABASE))
    await admin.execute(f"alter role authenticator password '{postgres.login_password}'")
    await admin.close()
    connection = await asyncpg.connect(postgres.url(DATABASE))
    stack.push_async_callback(connection.close)
    await asyncio.to_thread(build)
    manifest = load(environment={"AGENTPLANE_SUPABASE_URL": "https://project.test", "AGENTPLANE_PUBLIC_URL": ""})
    parameters = await parameters_of(
        connection,
        stage=manifest.stage,
        database_url=postgres.url(DATABASE, login=True),
        key_pepper=PEPPER,
        master_key=new_master_key(),
    )
    key = new_key("operator", read_peppers(PEPPER))
    await connection.fetchval(
        "select gateway.create_organisation('cost', $1, $2, $3)", key.key_hash, key.prefix, [*SCOPES]
    )
    counted = Counted()

    def on_line(_who: str, line: str) -> None:
        counted.log_bytes += len(line) + 1

    variables = {
        "AGENTPLANE_ALLOW_PRIVATE_HOSTS": '["127.0.0.1"]',
        "AGENTPLANE_LEND_ENVIRONMENT": "true",
        "AGENTPLANE_LOG_LEVEL": "INFO",
        **simulator.environment,
    }
    local = await stack.enter_async_context(LocalLambda(Setup(manifest, parameters, variables, on_line=on_line)))

    async def count(request: httpx.Request) -> None:
        target = request.headers.get("x-amz-target", "")
        if target.startswith("AmazonSQS."):
            counted.sqs[target.partition(".")[2]] += 1

    local.services.http.event_hooks = {"request": [count]}
    plane = Plane(connection, key.secret, local, counted)
    local.ledger.listeners.append(plane.ever.append)
    return plane


async def _measured(http: httpx.AsyncClient, name: str, workflows: int, plane: Plane) -> Measured:
    plane.local.ledger.invocations.clear()
    plane.counted.clear()
    before = await _transactions(plane.connection)
    looks = await _run(http, name, workflows)
    await asyncio.sleep(1)  # Postgres counts transactions a moment later
    transactions = await _transactions(plane.connection) - before
    invocations = [one for one in plane.local.ledger.invocations if one.source != "schedule"]
    batches = sum(1 for one in invocations if one.source == "queue")
    sends = plane.counted.sqs["SendMessage"] + plane.counted.sqs["SendMessageBatch"]
    return Measured(
        workflows=workflows,
        invoked=tuple(_invoked(invocations, plane, name, workflows)),
        sqs_requests=sends + 2 * batches,  # a batch is received and deleted
        http_requests=2 * workflows,  # who started it reads the result once; we looked more often
        database_requests=transactions - (looks - workflows),
        log_bytes=plane.counted.log_bytes + REPORT_BYTES * len(invocations),
    )


def _invoked(invocations: list[Invocation], plane: Plane, mix: str, workflows: int) -> list[Invoked]:
    """Sum up by function. Of the reads of results, one a workflow counts."""
    by_function: dict[str, list[Invocation]] = defaultdict(list)
    for one in invocations:
        by_function[one.function].append(one)
    found: list[Invoked] = []
    for name, all_of_it in sorted(by_function.items()):
        reads = [one.duration_ms for one in all_of_it if one.about.startswith("GET ")]
        rest = [one.duration_ms for one in all_of_it if not one.about.startswith("GET ")]
        read_ms = sum(reads) / len(reads) * workflows if reads else 0.0
        count = len(rest) + (workflows if reads else 0)
        starts = [one.init_ms for one in plane.ever if one.function == name and one.is_cold]
        waiter, steps = WAITS[mix]
        waited_ms = steps * STEP_S * 1000 * workflows if name == waiter else 0.0
        found.append(
            Invoked(name, all_of_it[0].memory_mb, count, len(starts), sum(rest) + read_ms, sum(starts), waited_ms)
        )
    return found


async def _run(http: httpx.AsyncClient, name: str, count: int) -> int:
    """Start executions, a few at a time, and look until each has ended; give how many looks there were."""
    gate, looks = asyncio.Semaphore(AT_ONCE), 0

    async def one() -> None:
        nonlocal looks
        async with gate:
            answer = await http.post("/api/executions", json={"workflow": f"cost-{name}", "input": {}})
            _required(answer)
            address = f"/api/executions/{answer.json()['id']}"
            async with asyncio.timeout(WAIT_S):
                while True:
                    looks += 1
                    body = (await http.get(address)).json()
                    if body["status"] in _ENDED:
                        break
                    await asyncio.sleep(0.5)
            if body["status"] != "succeeded":
                raise RuntimeError(f"cost-{name} {body['status']}: {json.dumps(body)[:500]}")

    await asyncio.gather(*(one() for _ in range(count)))
    return looks


async def _transactions(connection: asyncpg.Connection) -> int:
    query = "select xact_commit from pg_stat_database where datname = current_database()"
    return int(await connection.fetchval(query))


def _required(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        raise RuntimeError(f"{answer.request.url.path} {answer.status_code}: {answer.text[:500]}")
    return answer
