"""The ways in which the port reaches Postgres. Every contract test runs once for each."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.db.postgrest_adapter import PostgrestDatabase
from tests.contract.lite_server import serve_lite
from tests.contract.rpc_server import serve_rpc
from tests.people import OUR_ISSUER
from tests.pgbouncer import pooled

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from functions.shared.db.port import Database

PUBLISHABLE_KEY = "sb_publishable_contract_suite_0123"
KINDS = ("asyncpg", "asyncpg-pooled", "postgrest", "lite")
PROBES = (Path(__file__).parent / "probes.sql").read_text()


@dataclass(frozen=True, slots=True)
class Backend:
    """One way: `url` is what its adapter is given."""

    kind: str
    url: str
    runner_key: str

    @asynccontextmanager
    async def connected(self, url: str | None = None, **options: Any) -> AsyncGenerator[Database]:
        """Open the port, through another address when one is given."""
        options = {"runner_key": self.runner_key, **options}
        database: Database
        if self.kind.startswith("asyncpg"):
            is_pooled = self.kind == "asyncpg-pooled"
            database = await AsyncpgDatabase.connect(url or self.url, pooled=is_pooled, **options)
        else:
            database = PostgrestDatabase.connect(url or self.url, PUBLISHABLE_KEY, **options)
        try:
            yield database
        finally:
            await database.close()


@contextmanager
def serve(kind: str, login_url: str, runner_key: str) -> Generator[Backend]:
    """Start what stands between the adapter and Postgres, if anything does."""
    match kind:
        case "postgrest":
            with serve_rpc(login_url, PUBLISHABLE_KEY, OUR_ISSUER.jwks) as url:
                yield Backend(kind, url, runner_key)
        case "lite":
            with serve_lite(login_url, PUBLISHABLE_KEY) as url:
                yield Backend(kind, url, runner_key)
        case "asyncpg-pooled":
            with pooled(login_url, query_wait_timeout="2") as pooler:
                yield Backend(kind, pooler.url(login_url), runner_key)
        case _:
            yield Backend(kind, login_url, runner_key)


async def add_probes(url: str) -> None:
    """Give a database the verbs of `probes.sql`."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(PROBES)
    finally:
        await connection.close()
