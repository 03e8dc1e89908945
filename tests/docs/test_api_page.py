"""Pages as a reader follows them: every command of one, in one shell, against a real plane."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import DevProcess, clean_environment

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("api.md", "people.md", "agents.md", "keys.md", "limits.md", "secrets.md", "policies.md", "audit.md")
BLOCK = re.compile(r"^```bash\n(.*?)^```(?:\n```json\n(.*?)^```)?", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.xdist_group("api_page")


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevProcess]:
    process = DevProcess(tmp_path_factory.mktemp("page") / "data")
    process.start()
    yield process
    process.stop()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page shows curl, and this machine has none")
@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_page_does_what_it_says(plane: DevProcess, page: str) -> None:
    blocks = BLOCK.findall((DOCS / page).read_text())
    assert len(blocks) >= 6
    script = "".join(f"echo 'block {number}' >&2\n{commands}\n" for number, (commands, _) in enumerate(blocks))
    script = script.replace("http://127.0.0.1:8400", plane.ready["url"])
    script = script.replace("curl -s ", "curl -s --write-out '%{stderr}%{http_code}\\n' ")
    done = subprocess.run(
        ["bash", "-eu"],
        input=script,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=clean_environment(AGENTPLANE_API_KEY=plane.ready["api_key"], AGENTPLANE_TOKEN=plane.person()),
    )
    assert done.returncode == 0, done.stderr
    for number, (shown, (commands, answer)) in enumerate(zip(done.stderr.split("block ")[1:], blocks, strict=True)):
        refused = [int(line) for line in shown.splitlines()[1:] if line.isdecimal() and int(line) >= 400]
        expected = re.findall(r'"status": (4\d\d)', answer)
        assert refused == [int(status) for status in expected], f"block {number}: {commands}\n{done.stdout[-2000:]}"
