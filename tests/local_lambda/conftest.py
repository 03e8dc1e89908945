"""The same tests again, through Lambda's runtime client: `foundation.toml` names their modules.

Everything here runs on one worker, over one local Lambda and one database: what functions are told is fixed when they
start. Between the functions and Postgres stands a pooler in transaction mode, as it does on Supabase.
"""

from __future__ import annotations

import asyncio
import tomllib
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from functions.local_lambda.local_lambda import LocalLambda
from functions.shared.simulator.server import Simulator
from tests.conftest import in_thread
from tests.functions.conftest import Organisation, database, new_org, org, superuser
from tests.functions.running import APP, Plane
from tests.local_lambda.running import Lambda, client_at, setup_of, violations_of
from tests.pgbouncer import pooled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    import httpx

    from tests.conftest import Server
    from tests.people import Issuer

__all__ = ["database", "new_org", "org", "superuser"]

FOUNDATION = "foundation.toml"
SERVER_CONNECTIONS = 5


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    return Foundation.from_parent(parent, path=file_path) if file_path.name == FOUNDATION else None


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.xdist_group("lambda"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Show what the functions did, where a test failed."""
    report = yield
    running = getattr(item, "funcargs", {}).get("lambda_")
    if report.failed and running is not None:
        report.sections.append(("the local Lambda", running.told()))
    return report


class Foundation(pytest.File):
    """Collects the modules that the file names once more, below this folder: its fixtures are theirs."""

    def collect(self) -> Iterator[pytest.Module]:
        tests = self.config.rootpath / "tests" / "functions"
        for name, left_out in tomllib.loads(self.path.read_text()).items():
            yield _Again.from_parent(
                self, path=tests / name, name=name, nodeid=f"{self.nodeid}::{name}", left_out=left_out
            )


class _Again(pytest.Module):
    def __init__(self, *, left_out: dict[str, str], **fields: Any) -> None:
        super().__init__(**fields)
        self._left_out = left_out

    def collect(self) -> Any:
        for found in super().collect():
            if getattr(found, "originalname", found.name) in self._left_out:
                continue
            if isinstance(found, pytest.Function) and "client_of" not in found.fixturenames:
                raise self.CollectError(f"{found.name} calls no route over Lambda: name it in {FOUNDATION}")
            yield found


@pytest.fixture(scope="session")
def module_db_url(postgres: Server) -> Iterator[str]:
    url = postgres.clone()
    yield url
    postgres.drop(url)


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """What stands in for model providers; organisations bring the keys."""
    with Simulator() as serving:
        yield serving


@pytest.fixture(scope="session")
def pooled_url(module_db_url: str, authenticator_url: Callable[[str], str]) -> Iterator[str]:
    """The database as the functions reach it: with five server connections for all their processes."""
    login_url = authenticator_url(module_db_url)
    with pooled(login_url, server_connections=SERVER_CONNECTIONS) as pooler:
        yield pooler.url(login_url)


@pytest.fixture(scope="session")
def lambda_(module_db_url: str, pooled_url: str, issuer: Issuer, simulator: Simulator) -> Iterator[Lambda]:
    providers = {name: value for name, value in simulator.environment.items() if not name.endswith("_KEY")}
    variables = {**providers, "AGENTPLANE_DATABASE_POOLED": "true"}
    setup = in_thread(setup_of(module_db_url, pooled_url, issuer.jwks_url, variables=variables))
    running = Lambda(setup, LocalLambda(setup))
    running.start()
    yield running
    running.stop()


@pytest.fixture
async def kept_rules(org: Organisation) -> AsyncIterator[None]:
    """Looks, when the test is over, that no rule of the kernel is broken in its organisation."""
    yield
    assert await violations_of(org.connection, org.id) == []


@pytest.fixture
async def client_of(lambda_: Lambda) -> AsyncIterator[Callable[..., Awaitable[httpx.AsyncClient]]]:
    """Gives a client of the whole plane: the routes of serverless.yml say which function answers, not the app."""
    async with AsyncExitStack() as stack:

        async def connect(_app: object, secret: str | None = None, **headers: str) -> httpx.AsyncClient:
            return await stack.enter_async_context(client_at(lambda_.local.url, secret, **headers))

        yield connect


class LambdaPlane(Plane):
    """Waits for longer, because a process may have to start first."""

    async def until(self, execution_id: str, *statuses: str) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while True:
                execution = await self.get(f"/api/executions/{execution_id}")
                if execution["status"] in statuses:
                    return execution
                await asyncio.sleep(0.05)


async def _plane_of(org: Organisation, client_of: Callable[..., Awaitable[httpx.AsyncClient]]) -> Plane:
    owner = await org.member("owner")
    return LambdaPlane(org, *[await client_of(APP, secret) for secret in (org.agent, org.operator, owner.token())])


@pytest.fixture
async def plane(org: Organisation, client_of: Callable[..., Awaitable[httpx.AsyncClient]]) -> Plane:
    """An organisation whose executions run, in the functions runner and runner-llm."""
    return await _plane_of(org, client_of)


@pytest.fixture
async def still_plane(
    org: Organisation, client_of: Callable[..., Awaitable[httpx.AsyncClient]], lambda_: Lambda
) -> AsyncIterator[Plane]:
    """An organisation whose doorbells are all lost: its executions stay queued."""
    lambda_.local.faults.muted.add(org.id)
    yield await _plane_of(org, client_of)
    lambda_.local.faults.muted.discard(org.id)


@pytest.fixture
async def other_plane(
    new_org: Callable[[], Awaitable[Organisation]], client_of: Callable[..., Awaitable[httpx.AsyncClient]]
) -> Plane:
    """Another organisation."""
    return await _plane_of(await new_org(), client_of)
