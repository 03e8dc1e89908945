"""`agentplane dev`: starts, is found, is killed, starts again, stops."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import stat
import time
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.cli.conftest import DevProcess, run_command

pytestmark = pytest.mark.xdist_group("cli_dev")


def test_a_killed_plane_starts_again_on_the_same_data_with_the_same_key(tmp_path: Path) -> None:
    plane = DevProcess(tmp_path / "data")
    first = plane.start()
    written = run_command(
        "state", "put", "c", "k", "42", AGENTPLANE_URL=first["url"], AGENTPLANE_API_KEY=first["api_key"]
    )
    assert written.code == 0, written.err
    plane.kill()

    second = plane.start()
    assert second["api_key"] == first["api_key"]
    assert second["pid"] != first["pid"]
    read = run_command("state", "get", "c", "k", AGENTPLANE_URL=second["url"], AGENTPLANE_API_KEY=second["api_key"])
    assert read.json() == 42

    printed = plane.stop()
    assert plane.process is not None
    assert plane.process.returncode == 0, printed
    assert "Traceback" not in printed
    assert second["url"] in printed
    assert second["api_key"] in printed
    assert "curl" in printed
    assert f"{second['url']}/inbox" in printed
    assert f"sign in as developer@localhost; codes are at {second['url']}/dev/mail" in " ".join(printed.split())
    assert not (tmp_path / "data" / "pg" / "cluster" / "postmaster.pid").exists()
    assert not (tmp_path / "data" / "ready.json").exists()


async def fetch(url: str, query: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def test_what_it_announces_works_for_psql_and_curl(plane: DevProcess) -> None:
    assert asyncio.run(fetch(plane.ready["db_url"], "select count(*) from plane.organisations")) == 1
    answer = httpx.get(f"{plane.ready['url']}/api/me", headers={"Authorization": f"Bearer {plane.ready['api_key']}"})
    assert answer.status_code == 200
    assert os.getpgid(plane.ready["pid"])


def test_files_with_keys_are_readable_by_nobody_else(plane: DevProcess) -> None:
    for path in (plane.data / "plane.json", plane.data / "ready.json", plane.ready_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_second_plane_on_the_same_data_gets_one_clear_line(plane: DevProcess) -> None:
    second = run_command("dev", "--port", "0", "--data", str(plane.data))
    assert second.code == 1
    assert f"a plane already runs on {plane.data} (process {plane.ready['pid']})" in second.err
    assert "Traceback" not in second.err + second.out


def test_a_second_plane_on_the_same_port_gets_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        second = run_command("dev", "--port", str(port), "--data", str(tmp_path / "data"))
    assert second.code == 1
    assert f"port {port} is in use" in second.err
    assert "--port" in second.err
    assert "Traceback" not in second.err + second.out


def test_any_other_postgres_can_be_given_by_its_address(plane: DevProcess, tmp_path: Path) -> None:
    asyncio.run(fetch(plane.ready["db_url"], "create database elsewhere"))
    url = plane.ready["db_url"].replace("/agentplane", "/elsewhere")
    other = DevProcess(tmp_path / "data", "--db-url", url)
    ready = other.start()
    assert ready["db_url"] == url
    answer = httpx.get(f"{ready['url']}/api/me", headers={"Authorization": f"Bearer {ready['api_key']}"})
    assert answer.status_code == 200
    assert "Traceback" not in other.stop()


def test_a_database_that_is_not_there_is_exit_code_3(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"postgresql://nobody@127.0.0.1:{port}/nothing"
    ended = run_command("dev", "--port", "0", "--data", str(tmp_path / "data"), "--db-url", url)
    assert ended.code == 3
    assert "cannot connect to the database" in ended.err


def test_a_postgres_that_died_is_started_again(tmp_path: Path) -> None:
    plane = DevProcess(tmp_path / "data")
    ready = plane.start()
    headers = {"Authorization": f"Bearer {ready['api_key']}"}
    postmaster = int((plane.data / "pg" / "cluster" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGKILL)
    until = time.monotonic() + 30
    refused = httpx.get(f"{ready['url']}/api/me", headers=headers, timeout=30)
    while (
        time.monotonic() < until and httpx.get(f"{ready['url']}/api/me", headers=headers, timeout=30).status_code != 200
    ):
        time.sleep(0.2)
    assert httpx.get(f"{ready['url']}/api/me", headers=headers, timeout=30).status_code == 200
    assert refused.status_code in {200, 503}
    assert refused.status_code == 200 or refused.headers["Retry-After"]
    assert "it runs again" in plane.stop()


def test_the_developer_signs_in_as_owner_of_the_development_organisation(plane: DevProcess) -> None:
    url, email = plane.ready["url"], "developer@localhost"
    httpx.post(f"{url}/auth/v1/otp", json={"email": email}).raise_for_status()
    code = re.findall(r'class="mail-code">(\d{6})<', httpx.get(f"{url}/dev/mail").text)[0]
    session = httpx.post(f"{url}/auth/v1/verify", json={"type": "email", "email": email, "token": code}).json()
    me = httpx.get(f"{url}/api/me", headers={"Authorization": f"Bearer {session['access_token']}"}).json()
    assert (me["organisation"]["name"], me["person"]["email"], me["person"]["role"]) == ("development", email, "owner")
