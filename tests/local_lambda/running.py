"""The local Lambda over the built packages and a real Postgres, in a thread of its own: tests come and go, it stays."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
import httpx

from functions.deploy.manifest import load
from functions.deploy.packages import build
from functions.local_lambda.invocation import Invocation
from functions.local_lambda.local_lambda import LocalLambda, Setup
from functions.local_lambda.secret_values import parameters_of
from functions.shared.sealing import new_master_key
from tests.people import ISSUER

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

AnswerT = TypeVar("AnswerT")

PEPPER = "a-pepper-of-at-least-32-characters,"  # new keys are kept with it; those of the template's database without
AGAIN_AFTER_S = 0.2
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # knows no authorities: reading them takes each client 20 ms


@dataclass(slots=True)
class Lambda:
    """A local Lambda in a loop of its own, with its log. `do` runs one of its coroutines there and waits for it."""

    setup: Setup
    local: LocalLambda
    log: deque[tuple[float, str]] = field(default_factory=lambda: deque[tuple[float, str]](maxlen=20_000))
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Start it."""
        self.setup.on_line = lambda who, line: self.log.append((time.time(), f"{who} {line}"))
        self.local.ledger.listeners.append(self._note)
        self._thread = threading.Thread(target=self._loop.run_forever, name="local lambda", daemon=True)
        self._thread.start()
        self._call(self.local.__aenter__()).result(60)

    def stop(self) -> None:
        """End its processes and the thread."""
        ending = self._call(self.local.__aexit__())
        try:
            ending.result(30)
        except TimeoutError:
            left = [repr(task) for task in asyncio.all_tasks(self._loop)]
            raise RuntimeError("the local Lambda did not stop: " + "\n".join(left)) from None
        self._loop.call_soon_threadsafe(self._loop.stop)
        assert self._thread is not None
        self._thread.join(10)
        self._loop.close()

    def _note(self, one: Invocation) -> None:
        if one.is_cold or one.error or not one.about.startswith("GET "):
            self.log.append((time.time(), one.report()))

    def told(self, lines: int = 60) -> str:
        """Give the end of the log, with invocations."""
        return "\n".join(f"{at % 1000:7.3f} {text[:400]}" for at, text in [*self.log][-lines:])

    async def do(self, coroutine: Coroutine[Any, Any, AnswerT]) -> AnswerT:
        """Run this in the local Lambda's loop."""
        return await asyncio.wrap_future(self._call(coroutine))

    def _call(self, coroutine: Coroutine[Any, Any, AnswerT]) -> Future[AnswerT]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)


async def setup_of(
    admin_url: str, login_url: str, jwks_url: str, *, variables: Mapping[str, str] | None = None, **fields: Any
) -> Setup:
    """Build the packages, let the limited keys into the database, and say what the functions are told."""
    await asyncio.to_thread(build)
    manifest = load(environment={"AGENTPLANE_SUPABASE_URL": "https://project.test", "AGENTPLANE_PUBLIC_URL": ""})
    connection = await asyncpg.connect(admin_url)
    try:
        parameters = await parameters_of(
            connection,
            stage=manifest.stage,
            database_url=login_url,
            key_pepper=PEPPER,
            master_key=new_master_key(),
            smtp_url="smtp://127.0.0.1:9",
        )
    finally:
        await connection.close()
    told = {
        "AGENTPLANE_ALLOW_PRIVATE_HOSTS": '["127.0.0.1"]',
        "AGENTPLANE_JWKS_URL": jwks_url,
        "AGENTPLANE_LEASE_SECONDS": "5",
        "AGENTPLANE_LOG_LEVEL": "WARNING",
        "AGENTPLANE_STRANGER_RATE_LIMIT": "100000/60",
        "AGENTPLANE_TOKEN_ISSUER": ISSUER,
        **(variables or {}),
    }
    return Setup(manifest, parameters, variables=told, again_after_s=AGAIN_AFTER_S, **fields)


class ToFront(httpx.AsyncBaseTransport):
    """Sends what is asked of http://plane to the local Lambda's HTTP API; the Host header stays."""

    def __init__(self, url: str) -> None:
        self._url = httpx.URL(url)
        self._inner = httpx.AsyncHTTPTransport(verify=NO_TLS, trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme="http", host=self._url.host, port=self._url.port)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def client_at(url: str, secret: str | None = None, **headers: str) -> httpx.AsyncClient:
    """Give a client of the plane behind this address."""
    if secret:
        headers["Authorization"] = f"Bearer {secret}"
    return httpx.AsyncClient(transport=ToFront(url), base_url="http://plane", headers=headers, timeout=40)


def is_running(pid: int) -> bool:
    """Say whether a process is there and has not ended."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


async def violations_of(connection: asyncpg.Connection, *orgs: str) -> list[str]:
    """Give the rules of the kernel that executions of these organisations break. Some tests write rows by hand."""
    rows = await connection.fetch(
        "select v.* from plane.violations as v join plane.executions as e on e.id = v.execution_id"
        " where e.org_id = any($1::uuid[])",
        list(orgs),
    )
    return [str(dict(row)) for row in rows]
