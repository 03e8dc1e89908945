"""A plane that keeps secrets and guards steps, and a world outside that tells back all it is sent."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from functions.agents.app import router as agents
from functions.audit.app import router as audit
from functions.escalations.app import router as escalations
from functions.executions.app import router as executions
from functions.keys.app import router as keys
from functions.policies.app import router as policies
from functions.secrets.app import router as secrets
from functions.shared.config import Settings
from functions.shared.db import kernel
from functions.shared.db.audit import seal_audit
from functions.shared.dispatch.in_process import InProcessDoorbell
from functions.shared.engine.assembly import engine_of
from functions.shared.engine.guard import PolicyGuard
from functions.shared.engine.rules import RulesCache
from functions.shared.engine.runner import run_frame
from functions.shared.sealing import new_master_key
from functions.shared.web import create_app
from functions.state.app import router as state
from functions.workflows.app import router as workflows

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from functions.shared.dispatch.control import Control
    from functions.shared.dispatch.doorbell import Address
    from functions.shared.engine.policy import Engine
    from tests.functions.conftest import Organisation

APP = create_app("tests", agents, state, workflows, executions, escalations, keys, secrets, policies, audit)
SETTINGS = Settings(
    _env_file=None,
    master_key=SecretStr(new_master_key()),
    allow_private_hosts=("127.0.0.1", "localhost"),
    lease_seconds=5,
)


class Outside:
    """Answers every request with what it was; `/go?to=` redirects; `/v1/chat/completions` answers as a model that
    repeats the key it was called with."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    async def start(self) -> Outside:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ", 2)
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
            }
            body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
            self.seen.append({"method": method, "target": target, "headers": headers, "body": body})
            to = parse_qs(urlsplit(target).query).get("to")
            if to:
                writer.write(f"HTTP/1.1 302 Found\r\nlocation: {to[0]}\r\ncontent-length: 0\r\n\r\n".encode())
            else:
                answer = self._model(headers) if target.endswith("/chat/completions") else self.seen[-1]
                text = json.dumps(answer).encode()
                start = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n"
                writer.write(f"{start}connection: close\r\n\r\n".encode() + text)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _model(self, headers: Mapping[str, str]) -> dict[str, Any]:
        said = f"you called me with {headers.get('authorization')}"
        return {
            "id": "c1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o-mini",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }


@dataclass
class World:
    """An organisation whose steps run under guard."""

    org: Organisation
    operator: httpx.AsyncClient
    agent: httpx.AsyncClient
    outside: Outside
    engine: Engine
    database: AsyncpgDatabase
    environment: dict[str, str] = field(default_factory=dict)

    async def ok(self, method: str, path: str, **more: Any) -> Any:
        answer = await self.operator.request(method, path, **more)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def run(self, document: dict[str, Any], **given: Any) -> dict[str, Any]:
        """Store a workflow, run it to its end or until it waits."""
        answer = await self.operator.post("/api/workflows", json={"definition": document})
        assert answer.is_success, answer.text
        body = {"workflow": document["name"], "input": given.pop("input", {})} | given
        answer = await self.agent.post("/api/executions", json=body)
        assert answer.is_success, answer.text
        return await self.until(answer.json()["id"], "succeeded", "failed", "waiting")

    async def until(self, execution_id: str, *statuses: str) -> dict[str, Any]:
        for _ in range(500):
            execution = await self.ok("GET", f"/api/executions/{execution_id}")
            if execution["status"] in statuses:
                return execution
            await asyncio.sleep(0.02)
        raise AssertionError(f"{execution_id} is {execution['status']}, not {statuses}")

    async def policy(self, effect: str, kind: str, pattern: str, **more: Any) -> dict[str, Any]:
        name = more.pop("name", f"{effect} {kind} {pattern}")
        body = {"name": name, "effect": effect, "kind": kind, "pattern": pattern, **more}
        return await self.ok("POST", "/api/policies", json=body)

    async def actions(self, *actions: str) -> list[dict[str, Any]]:
        """The organisation's audit, oldest first."""
        listed = await self.ok("GET", "/api/audit", params={"limit": 500})
        return [entry for entry in reversed(listed["data"]) if not actions or entry["action"] in actions]

    async def seal(self) -> None:
        while await seal_audit(self.database):
            pass


def engine_for(database: AsyncpgDatabase, bell: InProcessDoorbell, environment: Mapping[str, str]) -> Engine:
    """The engine of a deployed runner, but what it knows of policies is never older than the step."""
    made = engine_of(SETTINGS, database, bell)
    rules = RulesCache(database, fresh_s=0)
    return replace(made, rules=rules, guard=PolicyGuard(database, rules), environment=environment)


class Running:
    """Runs frames with whatever engine it has."""

    def __init__(self, database: AsyncpgDatabase, environment: Mapping[str, str]) -> None:
        self.bell = InProcessDoorbell(self._run, partial(kernel.sweep, database), sweep_every_s=0.2)
        self.engine = engine_for(database, self.bell, environment)

    async def _run(self, address: Address, control: Control) -> float | None:
        return (await run_frame(address, self.engine, control=control)).again_in_s
