"""A plane in a process of its own, and the command line as people type it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from agentplane import SignIn
from agentplane.cli.local_plane import DEVELOPER

from tests.cli.warm import TERMINAL, Commands

START_SECONDS = 60
COMMANDS = Commands()
PG = os.environ.get("PG", "18")


@dataclass(frozen=True, slots=True)
class Result:
    """What a command printed and its exit code."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


class DevProcess:
    """`agentplane dev` on a data directory; can be stopped, killed and started again."""

    def __init__(self, data: Path, *extra: str) -> None:
        self.data = data
        self.ready_file = data.parent / f"{data.name}-ready.json"
        self.command = [sys.executable, "-m", "agentplane.cli.main", "dev", "--port", "0", "--data", str(data)]
        self.command += ["--postgres", PG, "--ready-file", str(self.ready_file), "--simulate-models", *extra]
        self.process: subprocess.Popen[str] | None = None
        self.ready: dict[str, Any] = {}

    def start(self) -> dict[str, Any]:
        self.ready_file.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=clean_environment()
        )
        until = time.monotonic() + START_SECONDS
        while not self.ready_file.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                self.process.kill()
                pytest.fail(f"the plane did not start:\n{self.process.communicate()[0]}")
            time.sleep(0.02)
        self.ready = json.loads(self.ready_file.read_text())
        return self.ready

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def stop(self) -> str:
        """Ctrl-C; gives everything that it printed."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=30)[0]

    def person(self) -> str:
        """Give the access token of the developer, who owns the plane's organisation and has signed in by mail."""
        sign_in = SignIn.of_plane(self.ready["url"])
        sign_in.send_code(DEVELOPER)
        return sign_in.verify(DEVELOPER, sign_in.newest_code(DEVELOPER)).access_token


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without this machine's model keys and planes."""
    dropped = ("AGENTPLANE_", "OPENAI_", "ANTHROPIC_", "GEMINI_", "OLLAMA_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    # Nobody has signed in here.
    return {**kept, **TERMINAL, "AGENTPLANE_SESSIONS": os.devnull, **more}


def run_command(*arguments: str, cwd: Path | None = None, stdin: str | None = None, **environment: str) -> Result:
    return Result(*COMMANDS.run(arguments, clean_environment(**environment), cwd, stdin))


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevProcess]:
    process = DevProcess(tmp_path_factory.mktemp("plane") / "data")
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def agentplane(plane: DevProcess) -> Callable[..., Result]:
    """The command line, talking to the module's plane."""

    def run(*arguments: str, as_person: bool = False, **options: Any) -> Result:
        environment = {"AGENTPLANE_URL": plane.ready["url"], "AGENTPLANE_API_KEY": plane.ready["api_key"]}
        if as_person:
            environment["AGENTPLANE_TOKEN"] = plane.person()
        return run_command(*arguments, **environment, **options)

    return run
