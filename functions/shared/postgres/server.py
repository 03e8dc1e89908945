"""An embedded Postgres in a data directory: started, adopted, recovered and stopped by the plane itself.

DATA/pg/cluster     what initdb made; owned by the unprivileged account when we are root
DATA/pg/lock        held while a plane uses this data; names the holder's pid
DATA/pg/access.json the passwords and the port, 0600
DATA/pg/log         what Postgres prints
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from functions.shared.postgres.account import account_for, reachable
from functions.shared.postgres.binaries import DEFAULT_VERSION, PostgresProblem, find_binaries
from functions.shared.postgres.connection import CONNECT_ERRORS, connected
from functions.shared.postgres.postmaster import Postmaster, find_postmaster, has_ended

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

HOST = "127.0.0.1"
SUPERUSER = "postgres"
LOGIN_ROLE = "authenticator"
START_SECONDS = 60
STOP_SECONDS = 30
LOG_BYTES = 10_000_000
START_ATTEMPTS = 6
# Workers of a postmaster that was killed take a moment to notice it; or somebody took the port just now.
PASSING_REASONS = ("pre-existing shared memory", "lock file", "could not bind", "could not create any TCP/IP sockets")

# For a small machine. The password is 256 random bits, so stretching it would only slow each connection down.
DEFAULTS: dict[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "cluster_name": "agentplane",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "timezone": "UTC",
    "scram_iterations": "1",
    "logging_collector": "off",
    "log_min_messages": "warning",
}


@dataclass(frozen=True, slots=True)
class Access:
    """How to log in: two passwords and the port that is used again when it is free."""

    superuser_password: str
    login_password: str
    port: int


class EmbeddedPostgres:
    """One Postgres per data directory. `start` is repeatable after any kind of death; a second holder is refused.

    Raises PostgresProblem when it is held already, of another version, or does not start.
    """

    def __init__(
        self, data: Path | str, *, version: int | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        self.folder = Path(data).absolute() / "pg"
        self.cluster = self.folder / "cluster"
        self.settings = DEFAULTS | dict(settings or {})
        self._wanted_version = version
        self._lock: int | None = None
        self._access: Access | None = None

    @property
    def version(self) -> int:
        """The major version: of the data when there is some, else the wanted one."""
        try:
            found = int((self.cluster / "PG_VERSION").read_text().strip())
        except (OSError, ValueError):
            return self._wanted_version or DEFAULT_VERSION
        if self._wanted_version not in (None, found):
            raise PostgresProblem(
                f"{self.folder} holds a Postgres {found} cluster, but Postgres {self._wanted_version} was asked for. "
                f"Start with --postgres {found}, or give another data directory."
            )
        return found

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        found = find_postmaster(self.cluster)
        return found.pid if found else None

    def url(self, database: str = "postgres", *, login: bool = False) -> str:
        """Give an address that psql and asyncpg understand; `login` for the role that owns nothing."""
        access = self._known_access()
        user = f"{LOGIN_ROLE}:{access.login_password}" if login else f"{SUPERUSER}:{access.superuser_password}"
        return f"postgresql://{user}@{HOST}:{access.port}/{database}"

    @property
    def login_password(self) -> str:
        """The password that the login role has to be given once the schema has made it."""
        return self._known_access().login_password

    async def start(self) -> str:
        """Start, adopt what a killed plane left running, or recover; give the superuser's address."""
        self._take_lock()
        try:
            version = self.version
            await self._create_cluster(version)
            await self._run(version)
        except BaseException:
            self._release_lock()
            raise
        return self.url()

    async def revive(self) -> bool:
        """Start it again if it has died since `start`, on the same port while that is free. Whether it had died."""
        if find_postmaster(self.cluster) is not None:
            return False
        await self._run(self.version)
        return True

    async def stop(self) -> None:
        """End every session, write everything out, and leave no process behind."""
        if self._lock is None:
            self._take_lock()
        try:
            await self._end_postmaster()
        finally:
            self._release_lock()

    def leave_running(self) -> None:
        """Give up the lock without stopping Postgres: the next `start` or `stop` in this data directory takes over."""
        self._release_lock()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.stop()

    # The lock

    def _take_lock(self) -> None:
        if self._lock is not None:
            raise PostgresProblem(f"{self.folder} was already started by this object.")
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 32).decode().strip() or "another process"
            os.close(lock)
            raise PostgresProblem(
                f"{self.folder.parent} is in use by process {holder}. "
                "Stop that one first, or give another data directory."
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        self._lock = lock

    def _release_lock(self) -> None:
        if self._lock is not None:
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None

    # The cluster

    async def _create_cluster(self, version: int) -> None:
        if (self.cluster / "PG_VERSION").exists():
            self._access = self._read_access()
            if self._access is None:
                raise PostgresProblem(
                    f"{self.folder / 'access.json'}, which holds the passwords, is missing or broken. "
                    "Restore it, or give another data directory."
                )
            return
        access = Access(secrets.token_hex(32), secrets.token_hex(32), _free_port())
        self._write_access(access)
        account = account_for(self.cluster)
        half_made = self.folder / "cluster.new"
        shutil.rmtree(half_made, ignore_errors=True)
        shutil.rmtree(self.cluster, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="initdb-", dir=self.folder) as name:
            home, password = Path(name), Path(name) / "password"
            password.write_text(access.superuser_password)
            cluster = home / "cluster"
            cluster.mkdir(mode=0o700)
            if account:
                for owned in (home, password, cluster):
                    os.chown(owned, account.uid, account.gid)
            with reachable(home, account) as (path, descriptors):
                problem = await _run_program(
                    find_binaries(version, account) / "bin" / "initdb",
                    *("-D", str(path / "cluster"), "-U", SUPERUSER, "--pwfile", str(path / "password")),
                    *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"),
                    *("--set", f"scram_iterations={self.settings['scram_iterations']}"),
                    *(["--no-sync"] if self.settings.get("fsync") == "off" else []),
                    options=(account.spawn_options() if account else {}) | {"pass_fds": descriptors},
                )
            if problem:
                raise PostgresProblem(f"initdb of Postgres {version} failed in {self.folder}: {problem}")
            cluster.rename(half_made)
        half_made.rename(self.cluster)

    # The process

    async def _run(self, version: int) -> None:
        wanted = {"version": version, "settings": self.settings}
        if (leftover := find_postmaster(self.cluster)) and await self._adopt(leftover, wanted):
            return
        await self._end_postmaster()
        problem = ""
        for attempt in range(START_ATTEMPTS):
            self._choose_port()
            problem = await self._start_postmaster(version)
            if not problem:
                (self.folder / "running.json").write_text(json.dumps(wanted))
                return
            if not any(reason in problem for reason in PASSING_REASONS):
                break
            await asyncio.sleep(0.3 * (attempt + 1))
        raise PostgresProblem(f"Postgres {version} did not start in {self.folder}: {problem}")

    async def _adopt(self, leftover: Postmaster, wanted: Mapping[str, object]) -> bool:
        try:
            running = json.loads((self.folder / "running.json").read_text())
        except (OSError, ValueError):
            return False
        access = self._access
        if running != json.loads(json.dumps(wanted)) or access is None or leftover.port != access.port:
            return False
        for _ in range(START_SECONDS * 10):
            try:
                async with connected(self.url()):
                    return True
            except CONNECT_ERRORS:
                if has_ended(leftover.pid):
                    return False
                await asyncio.sleep(0.1)
        return False

    async def _start_postmaster(self, version: int) -> str:
        """Start it and wait until it answers; give what went wrong, or nothing."""
        account = account_for(self.cluster)
        access = self._access
        assert access is not None  # noqa: S101  _create_cluster has set it
        log = self._open_log()
        written = os.lseek(log, 0, os.SEEK_END)
        options = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        try:
            with reachable(self.cluster, account) as (path, descriptors):
                problem = await _run_program(
                    find_binaries(version, account) / "bin" / "pg_ctl",
                    *(
                        "start",
                        "-w",
                        "-s",
                        "-t",
                        str(START_SECONDS),
                        "-o",
                        shlex.join(["-p", str(access.port), *options]),
                    ),
                    options=(account.spawn_options() if account else {}) | {"pass_fds": descriptors},
                    environment={"PGDATA": str(path)},
                    log=log,
                )
            if not problem:
                return ""
            os.lseek(log, written, os.SEEK_SET)
            return " · ".join(os.read(log, 4000).decode(errors="replace").split("\n")[-8:]).strip(" ·") or problem
        finally:
            os.close(log)

    async def _end_postmaster(self) -> None:
        found = find_postmaster(self.cluster)
        if found is None:
            (self.cluster / "postmaster.pid").unlink(missing_ok=True)
            return
        for how, patience in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, STOP_SECONDS), (signal.SIGKILL, 5)):
            try:
                os.kill(found.pid, how)
            except ProcessLookupError:
                return
            for _ in range(patience * 50):
                if has_ended(found.pid):
                    return
                await asyncio.sleep(0.02)
        raise PostgresProblem(f"Postgres, process {found.pid}, did not stop.")

    def _choose_port(self) -> None:
        access = self._access
        assert access is not None  # noqa: S101  _create_cluster has set it
        if not _is_free(access.port):
            self._write_access(Access(access.superuser_password, access.login_password, _free_port()))

    # The files

    def _known_access(self) -> Access:
        access = self._access or self._read_access()
        if access is None:
            raise PostgresProblem(f"{self.folder} has not been started yet.")
        return access

    def _open_log(self) -> int:
        path = self.folder / "log"
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.rename(self.folder / "log.1")
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def _read_access(self) -> Access | None:
        try:
            return Access(**json.loads((self.folder / "access.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def _write_access(self, access: Access) -> None:
        self._access = access
        handle, name = tempfile.mkstemp(prefix="access-", dir=self.folder)  # 0600
        with os.fdopen(handle, "w") as file:
            json.dump(asdict(access), file)
        Path(name).replace(self.folder / "access.json")


async def _run_program(
    program: Path,
    *arguments: str,
    options: Mapping[str, Any],
    environment: dict[str, str] | None = None,
    log: int = asyncio.subprocess.PIPE,
) -> str:
    """Run a program of Postgres; give what it printed when it failed, else nothing."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        cwd="/",
        env=inherited | {"LC_ALL": "C"} | (environment or {}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=log,
        stderr=asyncio.subprocess.STDOUT,
        **options,
    )
    printed, _ = await process.communicate()
    if process.returncode == 0:
        return ""
    return (printed or b"").decode(errors="replace").strip() or f"{program.name} ended with {process.returncode}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
