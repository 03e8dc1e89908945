"""Runs commands in processes that are forked from one that has imported the command line, which saves the imports.

Every command is still a process of its own, with its own environment, folder, streams and exit code.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECONDS = 120
TERMINAL = {"COLUMNS": "200", "NO_COLOR": "1"}  # read on import
PRELOADED = ("agentplane.cli.main", "agentplane.cli.crash_certificate", "functions.shared.engine.crash_points")


class Commands:
    """The process that is forked, started with the first command."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], cwd: Path | None, stdin: str | None
    ) -> tuple[int, str, str]:
        """Give the exit code, what it printed and what it complained about."""
        with tempfile.TemporaryDirectory() as name, self._lock:
            folder = Path(name)
            (folder / "in").write_text(stdin or "")
            order = {"arguments": arguments, "environment": dict(environment), "cwd": str(cwd or Path.cwd())}
            code = self._ask(json.dumps({**order, "folder": name}))
            return code, (folder / "out").read_text(), (folder / "err").read_text()

    def _ask(self, order: str) -> int:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__)), *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, **TERMINAL},
            )
            atexit.register(self._end)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(order, file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def _end(self) -> None:
        if self._process is not None:
            self._process.communicate()


def _serve() -> None:
    import importlib  # noqa: PLC0415  in the other process only

    for module in PRELOADED:
        importlib.import_module(module)
    for line in sys.stdin:
        order = json.loads(line)
        if not (child := os.fork()):
            _be(order)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201  the answer


def _be(order: dict[str, Any]) -> None:
    """Run the command of an order in this process, which ends with it."""
    from agentplane.cli.main import main  # noqa: PLC0415  in the other process only

    folder = Path(order["folder"])
    for number, (stream, mode) in enumerate((("in", os.O_RDONLY), ("out", os.O_WRONLY), ("err", os.O_WRONLY))):
        os.dup2(os.open(folder / stream, mode | os.O_CREAT, 0o600), number)
    sys.stdin = os.fdopen(0, closefd=False)
    signal.alarm(SECONDS)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["cwd"])
    sys.argv = ["agentplane", *order["arguments"]]
    main()
    sys.exit()


if __name__ == "__main__":
    sys.path[:] = sys.argv[1:]
    _serve()
