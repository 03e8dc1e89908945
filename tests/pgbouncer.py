"""Debian's PgBouncer in transaction mode before the tests' Postgres, as Supabase's pooler stands before a project's.

with pooled(login_url) as pooler:           # any database of that server; more logins: pooled(login_url, admin_url)
    pooler.url(login_url)                   # the same database and role, through the pooler
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from functions.shared.postgres.account import account_for

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

HOST = "127.0.0.1"
START_SECONDS = 10.0
ATTEMPTS = 3  # somebody else may take the free port first
# Ends with whoever holds its standard input, so that nothing stays behind a killed test run.
GUARDED = '"$0" "$1" & child=$!; read -r _; kill "$child" 2>/dev/null; wait "$child"'


@dataclass(frozen=True, slots=True)
class Pooler:
    """A running pooler: its port, and what it has printed so far."""

    port: int
    log: Path

    def url(self, url: str) -> str:
        """Give the same database and role as `url`, through the pooler."""
        parts = urlsplit(url)
        login = parts.netloc.rpartition("@")[0]
        return parts._replace(netloc=f"{login}@{HOST}:{self.port}").geturl()


@contextmanager
def pooled(*urls: str, server_connections: int = 5, has_tls: bool = False, **settings: str) -> Generator[Pooler]:
    """Start a pooler for the roles of these addresses, all on one server. Skips where there is none; fails on CI.

    `server_connections`: how many it opens for each pair of database and role. `has_tls`: clients must speak TLS, to
    a certificate that nobody has signed. `settings`: more lines of its configuration. No startup parameter is
    ignored, so one that a strict pooler refuses fails here too.
    """
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        missing = "pgbouncer is missing: apt-get install pgbouncer"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as name:
        folder = Path(name)
        options = {"default_pool_size": str(server_connections)} | (_certified(folder) if has_tls else {}) | settings
        for attempt in range(1, ATTEMPTS + 1):
            port = _free_port()
            _configure(folder, port, urls, options)
            with _running(program, folder) as process:
                if _answers(port, process):
                    yield Pooler(port, folder / "log")
                    return
            if attempt == ATTEMPTS:
                pytest.fail(f"pgbouncer did not start: {(folder / 'log').read_text()}", pytrace=False)


def _configure(folder: Path, port: int, urls: Iterable[str], options: dict[str, str]) -> None:
    server = urlsplit(next(iter(urls)))
    logins = {(unquote(parts.username or ""), unquote(parts.password or "")) for parts in map(urlsplit, urls)}
    (folder / "users").write_text("".join(f'"{user}" "{password}"\n' for user, password in sorted(logins)))
    lines = {
        "listen_addr": HOST,
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": str(folder / "users"),
        "pool_mode": "transaction",
        "max_client_conn": "500",
        "server_login_retry": "0.1",  # a test's Postgres is back within the second
        "log_connections": "0",
        "log_disconnections": "0",
    } | options
    (folder / "ini").write_text(
        f"[databases]\n* = host={server.hostname} port={server.port}\n[pgbouncer]\n"
        + "".join(f"{name} = {value}\n" for name, value in lines.items())
    )
    if account := account_for(folder / "none"):  # it refuses to be root, as Postgres does
        for owned in (folder, *folder.iterdir()):
            os.chown(owned, account.uid, account.gid)


def _certified(folder: Path) -> dict[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    (folder / "certificate").write_bytes(certificate.public_bytes(pem))
    return {
        "client_tls_sslmode": "require",
        "client_tls_key_file": str(folder / "key"),
        "client_tls_cert_file": str(folder / "certificate"),
    }


@contextmanager
def _running(program: str, folder: Path) -> Generator[subprocess.Popen[bytes]]:
    account = account_for(folder / "none")
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            ["/bin/sh", "-c", GUARDED, program, str(folder / "ini")],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd="/",
            **(account.spawn_options() if account else {}),
        ) as process,
    ):
        assert process.stdin is not None
        try:
            yield process
        finally:
            process.stdin.close()
            process.wait(10)


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection((HOST, port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
