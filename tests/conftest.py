"""One Postgres for the whole run, shared by all workers, and a fresh clone of the plane's database for each test.

PG=16 or PG=18 (the default) chooses the server. Nothing is started before the first test that needs it.
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import json
import logging
import os
import shutil
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import pytest

from functions.shared.auth.keys import AGENT_SCOPES
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.postgres.postmaster import has_ended
from functions.shared.postgres.schema import load_schema
from functions.shared.postgres.server import EmbeddedPostgres
from functions.shared.postgres.urls import with_database
from functions.shared.steps.llm import warm
from tests.organisations import Org, create_org, create_runner_key
from tests.people import OUR_ISSUER, Issuer, published
from tests.scheduling import FileScheduling, longest_first

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence

RUN = "AGENTPLANE_TEST_RUN"
# Postgres writes some gigabytes in a run: into memory where there is room (`--basetemp` keeps what tests wrote).
SHARED_MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 << 30
TEMPLATE = "plane_template"
# Nothing here outlives the run, so nothing is flushed.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "autovacuum_naptime": "10min",
    "checkpoint_timeout": "30min",
    "log_min_messages": "panic",
}


def _runs() -> Path:
    has_room = SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free > ROOM_BYTES
    return (SHARED_MEMORY if has_room else Path(tempfile.gettempdir())) / f"agentplane-tests-{os.getuid()}"


RUNS = _runs()


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of this run; workers get it through the environment."""
    if hasattr(config, "workerinput"):
        return
    # A run starts hundreds of processes: without bytecode each of them compiles the product again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    RUNS.mkdir(mode=0o700, exist_ok=True)
    for left in RUNS.iterdir():  # runs that were killed
        if left.name.isdecimal() and has_ended(int(left.name)):
            _end_run(left)
    run = RUNS / str(os.getpid())
    run.mkdir(exist_ok=True)
    os.environ[RUN] = str(run)
    config.option.basetemp = config.option.basetemp or run / "tmp"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Import the model library before the first test of a worker.

    A plane in a thread would import it in the background, under the warning filters of whichever test runs meanwhile.
    """
    if hasattr(session.config, "workerinput"):
        warm()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileScheduling:
    """Give each worker whole files, in the order of the tests."""
    config.option.loadscopereorder = False
    return FileScheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Collect without looking for garbage: all of it stays, and is left alone from then on."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker is left alone with it at the end."""
    items[:] = longest_first(items)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let a test see what is logged, also after another one of the worker has run an entry point in this process."""
    if "caplog" in getattr(item, "fixturenames", ()):
        ours = logging.getLogger("agentplane")
        ours.propagate = True
        ours.setLevel(logging.NOTSET)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what the run started."""
    if not hasattr(config, "workerinput") and (run := os.environ.pop(RUN, None)):
        _end_run(Path(run))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what tests had to say of themselves: `record_property("summary", text)`."""
    for report in [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]:
        for name, text in report.user_properties:
            if name == "summary":
                terminalreporter.write_line(text)


def _end_run(run: Path) -> None:
    if (run / "pg").exists():
        in_thread(EmbeddedPostgres(run).stop())
    shutil.rmtree(run, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Server:
    """The run's Postgres: addresses, and the loop of a thread that clones databases."""

    admin_url: str
    login_url: str
    runner_key: str
    clone: Callable[[str], str]
    drop: Callable[[str], None]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The run's Postgres with the template loaded from `sql/`."""
    urls = _start_once(Path(os.environ[RUN]))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)

    connection = run(asyncpg.connect(urls["admin"]))

    def clone(template: str = TEMPLATE) -> str:
        name = f"t_{uuid4().hex[:16]}"
        run(connection.execute(f"create database {name} template {template} strategy file_copy"))
        return with_database(urls["admin"], name)

    def drop(url: str) -> None:
        run(connection.execute(f"drop database if exists {url.rpartition('/')[2]} with (force)"))

    yield Server(urls["admin"], urls["login"], urls["runner_key"], clone, drop)
    run(connection.close())
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def _start_once(run: Path) -> dict[str, str]:
    with _file_lock(run / "lock"):
        state = run / "server.json"
        if not state.exists():
            state.write_text(json.dumps(in_thread(_start(run))))
        urls: dict[str, str] = json.loads(state.read_text())
    if "problem" in urls:
        pytest.fail(f"the schema does not load: {urls['problem']}", pytrace=False)
    return urls


async def _start(run: Path) -> dict[str, str]:
    server = EmbeddedPostgres(run, version=int(os.environ.get("PG", "18")), settings=SETTINGS)
    admin = await server.start()
    template = server.url(TEMPLATE)
    connection = await asyncpg.connect(admin)
    try:
        await connection.execute(f"create database {TEMPLATE}")
        try:
            await load_schema(template)
            runner_key = await create_runner_key(template)
        except Exception as error:  # noqa: BLE001  every test shows the same one line
            return {"problem": f"{type(error).__name__}: {error}"}
        await connection.execute(f"alter role authenticator password '{server.login_password}'")
        await connection.execute(f"alter database {TEMPLATE} with allow_connections false is_template true")
    finally:
        await connection.close()
        server.leave_running()
    return {"admin": admin, "login": server.url(login=True), "runner_key": runner_key}


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def in_thread(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end without touching this thread's event loop."""
    answer: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answer.append(asyncio.run(coroutine))
        except BaseException as error:  # noqa: BLE001  raised again below, in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return answer[0]


@pytest.fixture
def db_url(postgres: Server) -> Iterator[str]:
    """The superuser's address of a fresh database of the plane, dropped after the test."""
    url = postgres.clone(TEMPLATE)
    yield url
    postgres.drop(url)


@pytest.fixture(scope="module")
def module_db_url(postgres: Server) -> Iterator[str]:
    """The same, shared by the tests of one module."""
    url = postgres.clone(TEMPLATE)
    yield url
    postgres.drop(url)


@pytest.fixture(scope="session")
def authenticator_url(postgres: Server) -> Callable[[str], str]:
    """Turns a superuser's address into that of the role that the functions log in as."""
    return lambda url: with_database(postgres.login_url, url.rpartition("/")[2])


@pytest.fixture(scope="session")
def runner_key(postgres: Server) -> str:
    """The secret of the runner key that every fresh database knows."""
    return postgres.runner_key


@pytest.fixture
async def admin(db_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to the test's database."""
    connection = await asyncpg.connect(db_url)
    yield connection
    await connection.close()


@pytest.fixture
async def db(db_url: str, authenticator_url: Callable[[str], str], runner_key: str) -> AsyncIterator[AsyncpgDatabase]:
    """The database port as the deployed functions have it: no rights of its own, and the runner's key."""
    database = await AsyncpgDatabase.connect(authenticator_url(db_url), runner_key=runner_key)
    yield database
    await database.close()


@pytest.fixture
def make_org(admin: asyncpg.Connection) -> Callable[..., Awaitable[Org]]:
    """Makes an organisation with an operator key, an agent key and an owner: `await make_org("acme")`."""

    async def make(name: str | None = None, *, agent_scopes: Sequence[str] = AGENT_SCOPES) -> Org:
        return await create_org(admin, name, agent_scopes=agent_scopes, has_owner=True)

    return make


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    """The issuer of the tests' access tokens, whose keys are published on a loopback address."""
    with published(OUR_ISSUER) as serving:
        yield serving
