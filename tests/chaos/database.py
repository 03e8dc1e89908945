"""A Postgres of the campaign's own, as durable as a plane's: it can be restarted as a crash would."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg

from functions.shared.postgres.account import account_for, reachable
from functions.shared.postgres.binaries import find_binaries
from functions.shared.postgres.schema import load_schema
from functions.shared.postgres.server import EmbeddedPostgres
from tests.organisations import Org, create_org, create_runner_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

DATABASE = "chaos"
RESTART_SECONDS = 60
AWAY = (OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError,
        asyncpg.AdminShutdownError, asyncpg.CrashShutdownError)  # fmt: skip


@dataclass
class Postgres:
    """`admin_url` is the superuser's, `login_url` the one that workers have."""

    server: EmbeddedPostgres
    admin_url: str
    login_url: str
    runner_key: str
    org: Org
    _admin: asyncpg.Connection[Any] | None = None

    async def fetch(self, query: str, *values: object) -> list[Any]:
        """Ask as the superuser, as often as it takes."""
        while True:
            try:
                if self._admin is None or self._admin.is_closed():
                    self._admin = await asyncpg.connect(self.admin_url, timeout=5)
                return await self._admin.fetch(query, *values)
            except AWAY:
                await asyncio.sleep(0.05)

    async def restart(self) -> tuple[float, float]:
        """Let every process of Postgres die at once and start it again; gives from when until when it was away."""
        account = account_for(self.server.cluster)
        since = time.monotonic()
        with reachable(self.server.cluster, account) as (path, descriptors), self._log.open("ab") as log:
            options: dict[str, Any] = account.spawn_options() if account else {}
            process = await asyncio.create_subprocess_exec(
                find_binaries(self.server.version, account) / "bin" / "pg_ctl",
                *("restart", "-m", "immediate", "-w", "-s", "-t", str(RESTART_SECONDS)),
                cwd="/",
                env=os.environ | {"PGDATA": str(path), "LC_ALL": "C"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=descriptors,
                **options,
            )
            code = await process.wait()
        assert code == 0, self.log()[-2000:]
        return since, time.monotonic()

    def log(self) -> str:
        """Give what the server has printed."""
        return self._log.read_text(errors="replace")

    async def close(self) -> None:
        if self._admin is not None and not self._admin.is_closed():
            with suppress(*AWAY):
                await self._admin.close()

    @property
    def _log(self) -> Path:
        return self.server.folder / "log"


@asynccontextmanager
async def running_postgres(folder: Path, version: int, *, is_forgetful: bool) -> AsyncIterator[Postgres]:
    """Run one with the plane's schema and an organisation in it, and a plane's settings: what it commits, it keeps."""
    settings = {"synchronous_commit": "off", "wal_writer_delay": "10s"} if is_forgetful else {}
    async with EmbeddedPostgres(folder, version=version, settings=settings) as server:
        admin = await asyncpg.connect(server.url())
        await admin.execute(f"create database {DATABASE}")
        url = server.url(DATABASE)
        await load_schema(url)
        await admin.execute(f"alter role authenticator password '{server.login_password}'")
        await admin.close()
        runner_key = await create_runner_key(url)
        admin = await asyncpg.connect(url)
        org = await create_org(admin, has_owner=True)
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert is_forgetful or await admin.fetchval(f"show {name}") == "on"
        await admin.close()
        postgres = Postgres(server, url, server.url(DATABASE, login=True), runner_key, org)
        try:
            yield postgres
        finally:
            await postgres.close()
