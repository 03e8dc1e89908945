"""A whole plane on a loopback port, in a thread of its own: what the browser visits."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import uvicorn
from pydantic import SecretStr

from functions.local import create_local_app
from functions.shared.config import Settings
from functions.shared.devauth import user_id_of
from tests.conftest import in_thread
from tests.organisations import Org, create_org
from tests.people import User, create_member

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path


@dataclass(slots=True)
class Site:
    """The plane: its address, its database as a superuser, and what tests arrange there before a person comes."""

    url: str
    database: str
    data: Path
    orgs: dict[str, Org] = field(default_factory=dict[str, Org])

    def sql(self, statement: str, *values: Any) -> Any:
        async def run() -> Any:
            connection = await asyncpg.connect(self.database)
            try:
                return await connection.fetchval(statement, *values)
            finally:
                await connection.close()

        return in_thread(run())

    def _with(self, work: Any) -> Any:
        async def run() -> Any:
            connection = await asyncpg.connect(self.database)
            try:
                return await work(connection)
            finally:
                await connection.close()

        return in_thread(run())

    def org(self, name: str) -> Org:
        """Give an organisation, made when it is not there yet."""
        if name not in self.orgs:
            self.orgs[name] = self._with(lambda admin: create_org(admin, name))
        return self.orgs[name]

    def member(self, org: Org, email: str, role: str = "approver", **more: Any) -> User:
        """Make somebody a member: the person that the development sign-in gives this address."""

        async def make(admin: asyncpg.Connection) -> User:
            return await create_member(admin, org, role, email, user_id=user_id_of(email), **more)

        return self._with(make)

    def call(self, org: Org, method: str, path: str, body: Any = None, *, is_operator: bool = False) -> Any:
        """Call the API with a key of the organisation."""
        key = org.operator_secret if is_operator else org.agent_secret
        answer = httpx.request(method, self.url + path, json=body, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def ask(self, org: Org, reason: str, **more: Any) -> str:
        """Ask people; gives the id."""
        return self.call(org, "POST", "/api/escalations", {"reason": reason, **more})["id"]

    def link(self, org: Org, escalation_id: str, member: User) -> str:
        """Make a one-time link as the mail chore does, whose mails nobody gets here; gives its secret."""
        token = secrets.token_urlsafe(32)
        stored = sha256(sha256(token.encode()).digest()).digest()
        self.sql(
            """insert into plane.escalation_links (org_id, escalation_id, user_id, token_hash, created_by, expires_at)
            values ($1::text::uuid, $2::text::uuid, $3::text::uuid, $4, '{"kind": "plane"}', 'tomorrow')""",
            *(org.id, escalation_id, member.user_id, stored),
        )
        return token

    def start(self, org: Org, definition: dict[str, Any], input: dict[str, Any] | None = None) -> str:
        """Store a workflow and start it; gives the execution's id, once it waits for somebody."""
        self.call(org, "POST", "/api/workflows", {"definition": definition})
        started = self.call(org, "POST", "/api/executions", {"workflow": definition["name"], "input": input or {}})
        return str(started["id"])

    def execution(self, org: Org, execution_id: str, until: str) -> dict[str, Any]:
        """Give an execution once it has this status."""
        for _ in range(200):
            found = self.call(org, "GET", f"/api/executions/{execution_id}")
            if found["status"] == until:
                return found
            time.sleep(0.05)
        raise AssertionError(f"it is {found['status']}: {json.dumps(found)[:500]}")

    def waiting(self, org: Org, execution_id: str) -> str:
        """Give the id of the escalation that an execution waits for."""
        for _ in range(200):
            found = self.call(org, "GET", f"/api/escalations?execution_id={execution_id}&is_open=true")["data"]
            if found:
                return found[0]["id"]
            time.sleep(0.05)
        raise AssertionError("it asks nobody")


@contextmanager
def running(settings: dict[str, Any], database: str, data: Path) -> Iterator[Site]:
    """Serve a plane until the end."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    url = f"http://localhost:{listener.getsockname()[1]}"
    known = Settings(_env_file=None, public_url=url, local_data=data, **settings)  # pyright: ignore[reportCallIssue]
    server = uvicorn.Server(
        uvicorn.Config(create_local_app(known), log_level="error", access_log=False, timeout_graceful_shutdown=2)
    )

    def serve() -> None:
        work: Coroutine[Any, Any, None] = server.serve(sockets=[listener])
        asyncio.run(work)

    thread = threading.Thread(target=serve, name="plane")
    thread.start()
    try:
        for _ in range(400):
            if server.started:
                break
            assert thread.is_alive(), "the plane did not start"
            time.sleep(0.02)
        yield Site(url, database, data)
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


def settings_of(login: str, runner_key: str) -> dict[str, Any]:
    """Give the settings that the plane needs beside its address."""
    return {
        "database_url": SecretStr(login),
        "runner_key": SecretStr(runner_key),
        "owner": "browser",
        "allow_private_hosts": ("localhost", "127.0.0.1"),
        "log_level": "CRITICAL",
    }
