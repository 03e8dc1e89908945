"""Runs the Supabase CLI that the repository pins, on a copy of `supabase/`, with nothing of this machine's own."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from functions.deploy.node import find_node, tool
from functions.shared.postgres.schema import ROOT, SUPABASE

SECONDS = 60


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command of the CLI ended, and what it printed on both channels."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Cli:
    """The CLI in a folder of its own, which holds a `supabase/`."""

    folder: Path
    home: Path
    node: str
    program: Path

    async def run(self, *arguments: str, **environment: str) -> Ended:
        """Run one command. Nobody is asked anything."""
        process = await asyncio.create_subprocess_exec(
            *(self.node, str(self.program), *arguments, "--workdir", str(self.folder)),
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.home),
                "DO_NOT_TRACK": "1",
                "SUPABASE_TELEMETRY_DISABLED": "1",
                "NO_COLOR": "1",
            }
            | environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(SECONDS):
            printed, _ = await process.communicate()
        assert process.returncode is not None
        return Ended(process.returncode, printed.decode(errors="replace"))


def copied_cli(folder: Path) -> Cli:
    """Give the CLI on a copy of the repository's `supabase/`. Skips where it is not installed; fails on CI."""
    node, program = find_node(), tool(ROOT, "supabase")
    if node is None or not program.exists():
        missing = "the Supabase CLI is not installed: `make tools`"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    (folder / "home").mkdir()
    shutil.copytree(SUPABASE, folder / "supabase", ignore=shutil.ignore_patterns(".temp", ".branches", ".env*"))
    return Cli(folder, folder / "home", node, program.resolve())
