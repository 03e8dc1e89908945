"""`agentplane dev --lambda`: what `dev` prints and does, with a process a function, and nothing left when it stops."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from agentplane.client import AgentPlane
from agentplane.sign_in import SignIn

from functions.shared.postgres.urls import with_database
from tests.local_lambda.running import is_running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Server

DATABASE = "dev_lambda"
ASKS = "name: asks\nsteps:\n  approve: {approval: {message: Go on?}}\n  say: {needs: [approve], transform: done}\n"


@pytest.fixture
def empty_database(postgres: Server) -> Iterator[str]:
    async def run(statement: str) -> None:
        connection = await asyncpg.connect(postgres.admin_url)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(run(f"create database {DATABASE}"))
    yield with_database(postgres.admin_url, DATABASE)
    asyncio.run(run(f"drop database {DATABASE} with (force)"))


def ready_of(process: subprocess.Popen[bytes], path: Path, log: Path) -> dict[str, Any]:
    until = time.monotonic() + 90
    while not path.exists():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)
    return json.loads(path.read_text())


def test_a_person_signs_in_and_approves_and_ctrl_c_ends_every_process(empty_database: str, tmp_path: Path):
    log, path = tmp_path / "log", tmp_path / "ready.json"
    command = [
        sys.executable,
        "-m",
        "agentplane.cli.main",
        "dev",
        "--lambda",
        "--port",
        "0",
        "--data",
        str(tmp_path / "d"),
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--db-url", empty_database, "--ready-file", str(path)], stdout=out, stderr=out
        )
    try:
        ready = ready_of(process, path, log)
        with AgentPlane(ready["url"], ready["api_key"]) as plane:
            plane.workflows.create("asks", ASKS)
            execution = plane.executions.start("asks", {})
            while plane.executions.get(execution.id).status != "waiting":
                time.sleep(0.05)
            sign_in = SignIn.of_plane(ready["url"])
            sign_in.mailbox = f"{ready['url']}/dev/mail"  # printed at the start; the functions know of no mailbox
            sign_in.send_code("developer@localhost")
            person = sign_in.verify("developer@localhost", sign_in.newest_code("developer@localhost"))
            with AgentPlane(ready["url"], token=person.access_token) as signed_in:
                signed_in.executions.signal(execution.id, "approve", {"outcome": "approve", "form": {}})
            while (ended := plane.executions.get(execution.id)).status not in ("succeeded", "failed"):
                time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()

    said = log.read_text()
    assert ended.status == "succeeded", said
    assert f"AgentPlane is ready at {ready['url']}" in said
    assert re.search(
        r"^runner +pid \d+ +cold .* billed \d+ ms init \d+ ms .*agentplane-dev-default", said, re.MULTILINE
    )
    pids = {int(pid) for pid in re.findall(r" pid (\d+) ", said)}
    assert len(pids) >= 4
    assert not [pid for pid in pids if is_running(pid)]
