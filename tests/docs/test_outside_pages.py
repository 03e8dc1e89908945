"""docs/webhooks.md and docs/triggers.md as a reader follows them: their commands, with the programs that they show."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from functions.shared.sealing import new_master_key
from tests.organisations import create_org

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```bash\n(.*?)^```(?:\n```json\n(.*?)^```)?", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def plane(
    db_url: str, authenticator_url: Callable[[str], str], runner_key: str, tmp_path: Path
) -> Iterator[tuple[str, str]]:
    """A plane in a process of its own: its address, and an operator's key."""

    async def operator() -> str:
        connection = await asyncpg.connect(db_url)
        try:
            return (await create_org(connection)).operator_secret
        finally:
            await connection.close()

    url = f"http://127.0.0.1:{free_port()}"
    log = (tmp_path / "plane.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "--factory", "functions.local:create_local_app", "--port", url.split(":")[2]],
        cwd=DOCS.parent,
        stdout=subprocess.DEVNULL,
        stderr=log,
        env={
            "PATH": os.environ["PATH"],
            "AGENTPLANE_DATABASE_URL": authenticator_url(db_url),
            "AGENTPLANE_RUNNER_KEY": runner_key,
            "AGENTPLANE_MASTER_KEY": new_master_key(),
            "AGENTPLANE_PUBLIC_URL": url,
            "AGENTPLANE_ALLOW_PRIVATE_HOSTS": json.dumps(["127.0.0.1"]),
        },
    )
    try:
        wait_for(f"{url}/api/health", process, tmp_path / "plane.log")
        yield url, asyncio.run(operator())
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text()[-4000:]
        try:
            urllib.request.urlopen(url).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text()[-4000:])


@pytest.mark.skipif(shutil.which("curl") is None, reason="the pages show curl, and this machine has none")
@pytest.mark.parametrize(("page", "program"), [("webhooks.md", "receiver.py"), ("triggers.md", "sender.py")])
def test_every_command_of_the_page_does_what_it_says(
    page: str, program: str, plane: tuple[str, str], tmp_path: Path
) -> None:
    url, key = plane
    text = (DOCS / page).read_text()
    (shown,) = PYTHON.findall(text)
    (tmp_path / program).write_text(shown)
    blocks = BLOCK.findall(text)
    assert len(blocks) >= 5
    script = "".join(f"echo 'block {number}' >&2\n{commands}\n" for number, (commands, _) in enumerate(blocks))
    port = str(free_port())
    script = script.replace("http://127.0.0.1:8400", url).replace("8410", port)
    script = script.replace("curl -s ", "curl -s --write-out '%{stderr}%{http_code}\\n' ")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail"],
        input=script,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        cwd=tmp_path,
        env={"PATH": path, "AGENTPLANE_API_KEY": key, "PORT": port},
    )
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    for number, (said, (commands, answer)) in enumerate(zip(done.stderr.split("block ")[1:], blocks, strict=True)):
        refused = [int(line) for line in said.splitlines()[1:] if line.isdecimal() and int(line) >= 400]
        expected = re.findall(r'"status": (4\d\d)', answer)
        assert refused == [int(status) for status in expected], f"block {number}: {commands}\n{done.stdout[-2000:]}"
