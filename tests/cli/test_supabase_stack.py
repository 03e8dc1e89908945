"""`agentplane dev --stack supabase`: what can be shown without Docker. The stack itself was not run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import tomllib
from typing import TYPE_CHECKING

import httpx
import pytest
from agentplane.cli import supabase_stack
from agentplane.cli.local_plane import Options, serve
from agentplane.cli.output import UNREACHABLE, USAGE, Failed
from agentplane.cli.supabase_stack import Stack, local_config, prepare_folder, read_status, supabase_command

from functions.shared.postgres.schema import SUPABASE
from tests.contract.rpc_server import serve_rpc
from tests.people import OUR_ISSUER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Server

# As the pinned CLI names them; other lines are services that do not run, and variables that nobody asked for.
STATUS = """\
Stopped services: [supabase_storage_agentplane supabase_edge_runtime_agentplane]
ANON_KEY="eyJhbGciOiJFUzI1NiJ9.e30.x"
API_URL="http://127.0.0.1:54321"
DB_URL="postgresql://postgres:postgres@127.0.0.1:54322/postgres"
JWT_SECRET="super-secret-jwt-token-with-at-least-32-characters-long"
MAILPIT_URL="http://127.0.0.1:54324"
PUBLISHABLE_KEY="sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH"
REST_URL="http://127.0.0.1:54321/rest/v1"
SECRET_KEY="sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz"
"""


def cli() -> list[str]:
    try:
        return supabase_command()
    except Failed:
        if os.environ.get("CI"):
            raise
        pytest.skip("the Supabase CLI is not installed")


def test_the_status_of_a_stack_is_read() -> None:
    assert read_status(STATUS) == Stack(
        api_url="http://127.0.0.1:54321",
        publishable_key="sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH",
        db_url="postgresql://postgres:postgres@127.0.0.1:54322/postgres",
        mail_url="http://127.0.0.1:54324",
    )


def test_a_status_without_what_is_needed_says_what_is_missing() -> None:
    with pytest.raises(Failed, match="does not say PUBLISHABLE_KEY") as raised:
        read_status('API_URL="x"\nDB_URL="y"\n')
    assert raised.value.exit_code == UNREACHABLE


def test_on_one_machine_mails_are_kept_and_migrations_are_ours() -> None:
    hosted = tomllib.loads((SUPABASE / "config.toml").read_text())
    local = tomllib.loads(local_config((SUPABASE / "config.toml").read_text()))
    assert local["auth"].pop("signing_keys_path") == "./signing_keys.json"
    assert (local["auth"]["email"]["smtp"].pop("enabled"), hosted["auth"]["email"]["smtp"].pop("enabled")) == (
        False,
        True,
    )
    assert local["db"]["migrations"].pop("schema_paths") == []
    hosted["db"]["migrations"].pop("schema_paths")
    assert local == hosted


def test_a_config_that_is_not_understood_is_not_used() -> None:
    with pytest.raises(Failed, match="has changed"):
        local_config('project_id = "agentplane"\n')


def test_the_signing_key_is_made_once_by_the_cli_and_is_nobody_else_s(tmp_path: Path) -> None:
    folder = prepare_folder(tmp_path / "stack", cli())
    keys = folder / "supabase" / "signing_keys.json"
    (key,) = json.loads(keys.read_text())
    assert (key["kty"], key["crv"], key["alg"]) == ("EC", "P-256", "ES256")
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    prepare_folder(tmp_path / "stack", cli())
    assert json.loads(keys.read_text()) == [key]
    assert not (folder / "supabase" / "migrations").exists()


def test_without_docker_the_command_says_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For real: no daemon listens at this address."""
    cli()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    options = Options(0, tmp_path / "data", None, None, 18, simulate_models=False, has_supabase=True)
    with pytest.raises(Failed, match=r"the Supabase stack does not run: .*Docker") as raised:
        serve(options)
    assert raised.value.exit_code == UNREACHABLE
    assert "docker info" in (raised.value.hint or "")
    assert "first start" in capsys.readouterr().out


def test_without_the_cli_the_command_says_where_it_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supabase_stack, "ROOT", tmp_path)  # a checkout whose tools were not installed
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Failed, match="the Supabase CLI is not installed") as raised:
        supabase_command()
    assert raised.value.exit_code == USAGE
    assert "functions/requirements/node" in (raised.value.hint or "")
    program = tmp_path / "supabase"
    shutil.copy(sys.executable, program)
    assert supabase_command() == [str(program)]


# On a stand-in: a `supabase` that starts nothing and names the tests' Postgres, with our server that speaks PostgREST's
# protocol before it.

STAND_IN = """#!/bin/sh
case "$1" in
  gen) echo '{"kty": "EC"}' ;;
  status) cat "$STAND_IN_STATUS" ;;
  start) test "$AGENTPLANE_PUBLIC_URL" != "" ;;
esac
"""
DEV = """
import sys, pathlib
from agentplane.cli import supabase_stack
supabase_stack.ROOT = pathlib.Path(sys.argv.pop())
from agentplane.cli.main import main
main()
"""


@pytest.fixture
def empty_url(postgres: Server) -> Iterator[str]:
    url = postgres.clone("template0")
    yield url
    postgres.drop(url)


def test_the_plane_runs_on_what_the_status_names(
    tmp_path: Path, empty_url: str, authenticator_url: Callable[[str], str]
) -> None:
    ready, status, program = tmp_path / "ready.json", tmp_path / "status", tmp_path / "supabase"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    with serve_rpc(authenticator_url(empty_url), "sb_publishable_x", OUR_ISSUER.jwks) as api_url:
        status.write_text(f'API_URL="{api_url}"\nDB_URL="{empty_url}"\nPUBLISHABLE_KEY="sb_publishable_x"\n')
        arguments = ["dev", "--stack", "supabase", "--port", "0", "--data", str(tmp_path / "data")]
        with subprocess.Popen(
            [sys.executable, "-c", DEV, *arguments, "--ready-file", str(ready), str(tmp_path)],
            env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "STAND_IN_STATUS": str(status)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as plane:
            try:
                until = time.monotonic() + 30
                while not ready.exists() and plane.poll() is None and time.monotonic() < until:
                    time.sleep(0.05)
                assert ready.exists(), plane.communicate(timeout=5)[0]
                known = json.loads(ready.read_text())
                headers = {"Authorization": f"Bearer {known['api_key']}"}
                with httpx.Client(base_url=known["url"], headers=headers) as http:
                    assert http.get("/api/me").status_code == 200
                    wrong = http.get("/api/me", headers={"Authorization": "Bearer wrong"})
                    assert wrong.status_code == 401
                    assert http.get("/dev/mail").status_code == 404  # people sign in at the stack's own Auth
            finally:
                plane.send_signal(signal.SIGINT)
                printed = plane.communicate(timeout=20)[0]
    assert plane.returncode == 0, printed
    assert "the stack's mailbox" in " ".join(printed.split())
