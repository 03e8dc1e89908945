"""A whole plane in one process: Postgres, migrations, keys, the API, the runner. What `agentplane dev` runs.

DATA/lock        held while a plane uses this data; names the holder
DATA/plane.json  the plane's name as a holder of leases, its runner key, the development organisation and its key; 0600
DATA/master.key  seals the secrets of this data, base64; 0600; without it they cannot be opened
DATA/ready.json  what `--ready-file` gets, for the commands that run beside it; 0600, gone when the plane stops
DATA/pg          the embedded Postgres
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import socket
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import SecretStr

from agentplane.cli import operator
from agentplane.cli.output import FAILED, OK, UNREACHABLE, USAGE, Failed, console, program
from agentplane.cli.supabase_stack import Stack, start_stack
from functions.local import create_local_app
from functions.shared.auth.keys import hash_key, new_key, read_peppers
from functions.shared.config import Settings
from functions.shared.devauth import user_id_of
from functions.shared.postgres.binaries import PostgresProblem
from functions.shared.postgres.connection import Connection, PostgresError
from functions.shared.postgres.login import ensure_login
from functions.shared.postgres.migrate import MigrationProblem, apply
from functions.shared.postgres.server import EmbeddedPostgres
from functions.shared.postgres.urls import with_database, with_login
from functions.shared.sealing import new_master_key
from functions.shared.simulator.server import Simulator

HOST = "127.0.0.1"
DATABASE = "agentplane"
ORGANISATION = "development"
DEVELOPER = "developer@localhost"
GRACE_SECONDS = 5
WATCH_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Options:
    """What `agentplane dev` was told."""

    port: int
    data: Path
    db_url: str | None
    ready_file: Path | None
    postgres: int
    simulate_models: bool
    has_supabase: bool = False
    is_lambda: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """What stays the same across restarts of one data directory."""

    owner: str
    runner_key: str
    login_password: str
    organisation: str
    api_key: str

    @property
    def login(self) -> str:
        """The role that the functions log in as: one a data directory, so that two on one database do not meet."""
        return "agentplane_" + self.owner.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Addresses:
    """The database as its owner, and as the role that the functions log in as."""

    owner: str
    login: str


def serve(options: Options) -> int:
    """Serve until a signal. Gives the exit code."""
    try:
        return asyncio.run(_serve(options))
    except PostgresProblem as error:
        raise Failed(str(error)) from error
    except MigrationProblem as error:
        raise Failed(str(error), hint="Nothing was changed by the refused migration.") from error
    except KeyboardInterrupt:
        return OK


async def _serve(options: Options) -> int:
    with _lock(options.data), _listen(options.port) as listener:
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        supabase = await _supabase(options, url) if options.has_supabase else None
        if supabase:
            options = replace(options, db_url=supabase.db_url)
        pepper = _key_pepper(options)
        identity = _identity(options)
        async with AsyncExitStack() as stack:
            addresses = await stack.enter_async_context(_database(options, identity))
            if options.simulate_models:
                simulator = stack.enter_context(Simulator())
                os.environ.update(simulator.environment)
                _say("models", f"[yellow]simulated[/] at {simulator.url}: no model is called")
            await _prepare(addresses.owner, identity, read_peppers(pepper), is_alone=supabase is None)
            settings = Settings(
                database_url=None if supabase else SecretStr(addresses.login),
                supabase_url=supabase.api_url if supabase else None,
                supabase_publishable_key=supabase.publishable_key if supabase else None,
                runner_key=SecretStr(identity.runner_key),
                master_key=SecretStr(_master_key(options)),
                key_pepper=SecretStr(pepper),
                owner=identity.owner,
                public_url=url,
                local_data=None if supabase else options.data,
                log_level=os.environ.get("AGENTPLANE_LOG_LEVEL", "WARNING"),  # a terminal, not a log collector
            )
            ready = {
                "url": url,
                "api_key": identity.api_key,
                "db_url": addresses.owner,
                "key_pepper": pepper,
                "pid": os.getpid(),
            }
            mails = supabase.mail_url if supabase else f"{url}/dev/mail"
            if options.is_lambda:
                from agentplane.cli import lambda_plane  # noqa: PLC0415  with what it needs, it is loaded where it is used

                lambda_ = await lambda_plane.setup_of(settings, listener, addresses.owner, options.data)
                await lambda_plane.serve(lambda_, lambda: _announce(ready, options, mails))
                (options.data / "ready.json").unlink(missing_ok=True)
                console.print("stopped; the data is kept")
                return OK
            server = _Server(_config(settings), lambda: _announce(ready, options, mails))
            try:
                await server.serve(sockets=[listener])
            finally:
                (options.data / "ready.json").unlink(missing_ok=True)
            if not server.started:
                return FAILED
            console.print("stopping …")
    console.print("stopped; the data is kept")
    return OK


class _Server(uvicorn.Server):
    """A server that says when it is ready."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then announce it."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def _config(settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        create_local_app(settings),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
    )


@contextmanager
def _lock(data: Path) -> Generator[None]:
    """Hold the data directory. A leftover file of a killed plane does not matter; only a held lock does."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = open(data / "lock", "a+", opener=_private)  # noqa: SIM115  closed below, when the lock ends
    except OSError as error:
        message = f"cannot use the data directory {data}: {error.strerror}"
        raise Failed(message, exit_code=USAGE) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            message = f"a plane already runs on {data} (process {file.read().strip() or 'unknown'})"
            raise Failed(message, hint="Use that one, stop it, or give another --data.") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


@contextmanager
def _listen(port: int) -> Generator[socket.socket]:
    # Only where TCP is named does asyncio turn Nagle's algorithm off; else each answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        message = f"port {port} is in use on {HOST}"
        raise Failed(message, hint="Stop what uses it, or choose another with --port (0 picks a free one).") from error
    with listener:
        yield listener


def _identity(options: Options) -> Identity:
    path = options.data / "plane.json"
    if path.exists():
        try:
            return Identity(**json.loads(path.read_text()))
        except (ValueError, TypeError) as error:
            message = f"{path} is damaged: {error}"
            raise Failed(message, hint="Restore it, or start with another --data.") from error
    name = secrets.token_hex(6)
    identity = Identity(
        owner=f"local:{name}",
        runner_key=new_key("runner").secret,
        login_password=secrets.token_urlsafe(32),
        organisation=f"{ORGANISATION}-{name}" if options.db_url else ORGANISATION,
        api_key=new_key("operator").secret,
    )
    write_private(path, asdict(identity))
    return identity


def _master_key(options: Options) -> str:
    """The environment's, else the one of this data, made when it is first needed."""
    given = os.environ.get("AGENTPLANE_MASTER_KEY")
    if given:
        return given
    path = options.data / "master.key"
    if not path.exists():
        write_private_text(path, new_master_key() + "\n")
    return path.read_text().strip()


def _key_pepper(options: Options) -> str:
    """The environment's, else the one of this data. Keys made without it are found, and kept with it from then on."""
    given = os.environ.get("AGENTPLANE_KEY_PEPPER")
    if given is not None:
        return given
    path = options.data / "key.pepper"
    if not path.exists():
        write_private_text(path, secrets.token_urlsafe(32) + ",\n")
    return path.read_text().strip()


def write_private(path: Path, value: dict[str, Any]) -> None:
    """Replace a JSON file atomically, readable by nobody else."""
    write_private_text(path, json.dumps(value))


def write_private_text(path: Path, text: str) -> None:
    """Replace a file atomically, readable by nobody else."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with open(partial, "w", opener=_private) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@asynccontextmanager
async def _database(options: Options, identity: Identity) -> AsyncGenerator[Addresses]:
    """The embedded Postgres, or the given one with a login role of our own."""
    if options.db_url is not None:
        async with operator.owner_of(options.db_url) as connection:
            name = await connection.fetchval("select current_database()")
        _say("database", f"{name} (given by --db-url)")
        yield Addresses(options.db_url, with_login(options.db_url, identity.login, identity.login_password))
        return
    began = time.monotonic()
    postgres = EmbeddedPostgres(options.data, version=options.postgres)
    admin = await postgres.start()
    try:
        async with operator.owner_of(admin) as connection:
            if not await connection.fetchval("select exists (select from pg_database where datname = $1)", DATABASE):
                await connection.execute(f"create database {DATABASE}")
        _say("database", f"Postgres {postgres.version}, ready after {time.monotonic() - began:.1f} s")
        owner = with_database(admin, DATABASE)
        watcher = asyncio.create_task(_keep_running(postgres), name="keep Postgres running")
        try:
            yield Addresses(owner, with_login(owner, identity.login, identity.login_password))
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
    finally:
        await postgres.stop()


async def _keep_running(postgres: EmbeddedPostgres) -> None:
    """Start Postgres again when it has died; meanwhile every call answers 503 with Retry-After."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        try:
            if await postgres.revive():
                _say("database", "[yellow]Postgres had died; it runs again[/]")
        except PostgresProblem as error:
            _say("database", f"[red]{error}[/]")


async def _supabase(options: Options, url: str) -> Stack:
    _say("stack", "Supabase in Docker; the first start fetches its images")
    stack = await asyncio.to_thread(start_stack, options.data, url)
    _say("stack", f"at {stack.api_url}; `supabase stop --workdir {options.data / 'stack'}` stops it")
    return stack


async def _prepare(owner_url: str, identity: Identity, peppers: Sequence[str], *, is_alone: bool) -> None:
    """Bring the schema up to date; make sure that the login, the runner's key and the organisation are there.

    `is_alone`: without Supabase, whose PostgREST logs in, and whose Auth knows who somebody is.
    """
    applied = await apply(owner_url)
    _say("schema", f"{len(applied)} migration{'s' * (len(applied) != 1)} applied" if applied else "up to date")
    async with operator.owner_of(owner_url) as connection:
        if is_alone:
            await _ensure_login(connection, identity.login, identity.login_password)
        runner = await _stored(connection, identity.runner_key, peppers) or hash_key(identity.runner_key, peppers[:1])
        await connection.execute("select gateway.create_runner_key($1, $2)", runner, identity.runner_key[:14])
        if not await _stored(connection, identity.api_key, peppers):
            key = hash_key(identity.api_key, peppers[:1])
            await operator.create_first_organisation(connection, identity.organisation, key, identity.api_key[:14])
        if not is_alone:
            return
        await connection.execute(
            "select gateway.create_member(o.id, $1::uuid, $2, 'owner') from plane.organisations as o where o.name = $3",
            *(user_id_of(DEVELOPER), DEVELOPER, identity.organisation),
        )


async def _stored(connection: Connection, secret: str, peppers: Sequence[str]) -> str | None:
    """By which pepper a key is kept, as what is presented with it; None: it is not there."""
    for presented in hash_key(secret, peppers).split():
        if await connection.fetchval(
            "select exists (select from plane.api_keys where key_hash = sha256(decode($1, 'hex')))", presented
        ):
            return presented
    return None


async def _ensure_login(connection: Connection, login: str, password: str) -> None:
    """A login of our own, so that a given database's authenticator keeps its password."""
    try:
        await ensure_login(connection, login, password)
    except PostgresError as error:
        message = f"this user may not prepare the login role: {error}"
        raise Failed(message, hint="Give --db-url as a user that may create roles.", exit_code=UNREACHABLE) from error


def _announce(ready: dict[str, Any], options: Options, mails: str) -> None:
    for path in (options.data / "ready.json", *([options.ready_file] if options.ready_file else [])):
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        write_private(path.absolute(), ready)
    url, key = ready["url"], ready["api_key"]
    console.print(f"\nAgentPlane is ready at [bold]{url}[/]   (API page: {url}/docs)")
    console.print(f"API key (kept in {options.data}): [bold]{key}[/]\n")
    console.print(f"Inbox for people: [bold]{url}/inbox[/]   sign in as {DEVELOPER}; codes are at {mails}\n")
    console.print("Try:", style="dim")
    console.print(f"curl -s {url}/api/me -H 'Authorization: Bearer {key}'", soft_wrap=True)
    console.print(f'{program()} run templates/workflows/hello.yaml --input \'{{"name": "Ada"}}\'', soft_wrap=True)
    console.print("\nCtrl-C stops it.", style="dim")


def _say(what: str, text: str) -> None:
    console.print(f"[dim]{what:<9}[/] {text}")
