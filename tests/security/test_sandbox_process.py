"""What the process of a code step could give away if the interpreter inside it were broken."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydantic_monty import AsyncMonty

SECRET = "only-the-runner-knows"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_the_sandbox_process_inherits_no_variable_of_the_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTPLANE_SECRET_STRIPE", SECRET)
    async with AsyncMonty(min_processes=0, max_processes=1) as pool, pool.checkout(script_name="code.py") as session:
        environment = Path(f"/proc/{session.worker_pid}/environ").read_text()  # noqa: ASYNC240  one look at a small file
    assert environment == ""
