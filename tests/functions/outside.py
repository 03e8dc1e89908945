"""Webhooks, hooks, triggers and schedules as one app on a real database, with a receiver on a real socket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from functions.agents.app import router as agents
from functions.executions.app import router as executions
from functions.hooks.app import router as hooks
from functions.schedules.app import router as schedules
from functions.shared.chores import Plane
from functions.shared.config import Settings
from functions.shared.dispatch.doorbell import SilentDoorbell
from functions.shared.sealing import new_master_key
from functions.shared.web import create_app
from functions.triggers.app import router as triggers
from functions.webhooks.app import router as webhooks
from functions.workflows.app import router as workflows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import httpx

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.functions.conftest import Organisation

APP = create_app("tests", agents, workflows, executions, webhooks, hooks, triggers, schedules)
SETTINGS = Settings(
    _env_file=None,
    master_key=new_master_key(),
    public_url="http://plane",
    allow_private_hosts=("127.0.0.1",),
    webhook_retry_seconds=(0.01,) * 9,
)
ECHO = "name: echo\ninput: {text: string}\nsteps:\n  say: {transform: '${{ input.text }}'}\n"


@dataclass(frozen=True, slots=True)
class Said:
    """What a receiver answers: a status, headers, a body, after a while."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    after_s: float = 0


@dataclass(frozen=True, slots=True)
class Got:
    """A request that a receiver got."""

    headers: dict[str, str]
    body: bytes
    answered: int


class Receiver:
    """An HTTP server that answers as it is told, in turn, and the last way for ever."""

    def __init__(self) -> None:
        self.script: list[Said] = [Said()]
        self.got: list[Got] = []
        self.open = 0
        self.most_open = 0

    async def start(self) -> Receiver:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/in"
        return self

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            self.got.append(Got(headers, body, said.status))
            self.open += 1
            self.most_open = max(self.most_open, self.open)
            await asyncio.sleep(said.after_s)
            self.open -= 1
            lines = [f"HTTP/1.1 {said.status} X", f"content-length: {len(said.body)}", "connection: close"]
            lines += [f"{name}: {value}" for name, value in said.headers.items()]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + said.body)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@dataclass(frozen=True, slots=True)
class Outside:
    """An organisation with clients of an operator and an agent, and the plane that does the chores."""

    org: Organisation
    operator: httpx.AsyncClient
    agent: httpx.AsyncClient
    plane: Plane

    async def post(self, path: str, body: Any = None, *, status: int = 201) -> Any:
        answer = await self.operator.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.operator.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def webhook(self, url: str, *events: str, **fields: Any) -> Any:
        return await self.post("/api/webhooks", {"url": url, "events": list(events) or ["*"], **fields})

    async def event(self, kind: str, data: str = "{}") -> None:
        """Let something happen."""
        await self.org.connection.execute(
            "insert into plane.events (org_id, type, data) values ($1, $2, $3::text::jsonb)", self.org.id, kind, data
        )

    async def echo(self) -> None:
        """Store a workflow that takes a text."""
        answer = await self.agent.post("/api/workflows", json={"definition": ECHO})
        assert answer.status_code in {200, 201}, answer.text

    async def executions(self) -> list[Any]:
        return (await self.get("/api/executions", workflow="echo"))["data"]


@pytest.fixture
async def outside(
    org: Organisation, client_of: Callable[..., Awaitable[httpx.AsyncClient]], database: AsyncpgDatabase
) -> AsyncIterator[Outside]:
    APP.state.settings, APP.state.doorbell = SETTINGS, SilentDoorbell()
    yield Outside(org, await client_of(APP, org.operator), await client_of(APP, org.agent), Plane(database, SETTINGS))
    APP.state.settings = APP.state.doorbell = None


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = await Receiver().start()
    yield made
    await made.stop()


async def until(done: Callable[[], Awaitable[Any]], turn: Callable[[], Awaitable[Any]] | None = None) -> Any:
    """Give what `done` gives once it is something; `turn` is taken in between.

    A feed shows what no open transaction of the server may still precede, and other tests have some open.
    """
    for _ in range(400):
        if turn is not None:
            await turn()
        if found := await done():
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")
