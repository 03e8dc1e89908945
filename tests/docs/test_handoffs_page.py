"""docs/handoffs.md as a reader follows it: every command, in one shell, against a plane that runs executions."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.functions.conftest import app_state, client_of, database, new_org, org, superuser
from tests.functions.running import APP, engine
from tests.functions.web.test_server import served

if TYPE_CHECKING:
    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from functions.shared.dispatch.in_process import InProcessDoorbell
    from tests.functions.conftest import Organisation

__all__ = ["client_of", "database", "engine", "new_org", "org", "superuser"]
PAGE = Path(__file__).parents[2] / "docs" / "handoffs.md"
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page shows curl, and this machine has none")
async def test_every_command_of_the_page_does_what_it_says(
    org: Organisation, database: AsyncpgDatabase, engine: InProcessDoorbell
) -> None:
    blocks = BLOCK.findall(PAGE.read_text())
    assert len(blocks) == 4
    with app_state(APP, database=database):
        async with served(APP) as url:
            script = (
                "".join(blocks).replace("http://127.0.0.1:8400", url).replace("curl -s ", "curl -s --fail-with-body ")
            )
            bash = await asyncio.create_subprocess_exec(
                *("bash", "-eu"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, "AGENTPLANE_API_KEY": org.agent},
            )
            shown = (await bash.communicate(script.encode()))[0].decode()
    assert bash.returncode == 0, shown
    assert shown.count('"status":"completed"') >= 4, shown
    ended = shown[shown.rindex('"workflow":"reviewed"') :]
    assert '"status":"succeeded"' in ended, ended
    assert '{"notes":"nothing to add","verdict":"ok"}' in ended, ended
