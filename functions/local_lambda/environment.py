"""One execution environment: a process under awslambdaric with its own Runtime API, frozen between its events."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from functions.local_lambda.runtime_api import Answered, Event, RuntimeApi

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LAUNCHER = Path(__file__).with_name("launch.py")
MAX_LINES = 2000
WATCH_S = 0.1
# Lambda gives a start 10 s on a machine of its own; here many functions may start on two cores.
START_S = 60.0


@dataclass(frozen=True, slots=True)
class Started:
    """What an environment is started with. `variables` is its whole environment."""

    name: str
    handler: str
    folder: Path
    runtime: Path
    variables: Mapping[str, str]
    timeout_s: float
    memory_mb: int
    arn: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How an event ended. `error`: an error type of Lambda's; `body` is then its error document or empty."""

    body: bytes
    error: str = ""
    message: str = ""
    duration_ms: float = 0


class Environment:
    """One process. `is_frozen` between events; gone for good after a time limit, an exit or a kill."""

    def __init__(self, started: Started, on_line: Callable[[str], None]) -> None:
        self.started = started
        self.id = uuid4().hex[:12]
        self.pid = 0
        self.init_ms = 0.0
        self.events = 0
        self.peak_mb = 0
        self.is_frozen = False
        self.lines: deque[str] = deque(maxlen=MAX_LINES)
        self._on_line = on_line
        self._api = RuntimeApi()
        self._process: asyncio.subprocess.Process | None = None
        self._exit: asyncio.Task[int] | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def is_alive(self) -> bool:
        """Whether the process can take an event."""
        return self._exit is not None and not self._exit.done() and not _has_ended(self.pid)

    async def start(self) -> Ended | None:
        """Start the process and load the handler. None when it asks for its first event, else how that failed."""
        began = time.perf_counter()
        await self._api.start()
        started = self.started
        variables = {
            **started.variables,
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_LAMBDA_LOG_STREAM_NAME": f"local/[$LATEST]{self.id}",
        }
        # -S and -P: nothing but the package, the runtime client and Python's own library can be imported.
        runtime = (sys.executable, "-S", "-P", "-s", "-B", "-m", "awslambdaric", started.handler)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), *runtime),
            cwd=started.folder,
            env=variables,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=1024 * 1024,
        )
        self.pid = self._process.pid
        self._exit = asyncio.create_task(self._process.wait())
        self._reading = asyncio.create_task(self._read())
        asked = asyncio.create_task(self._api.asked())
        await asyncio.wait({asked, self._exit}, timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
        self.init_ms = (time.perf_counter() - began) * 1000
        if asked.done():
            self._freeze()
            return None
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        await self.stop()
        known = self._api.init_error or {}
        error = str(known.get("errorType") or "Runtime.ExitError")
        message = str(known.get("errorMessage") or f"the handler was not loaded within {START_S:.0f} s")
        return Ended(b"", error, message, self.init_ms)

    async def invoke(self, event: bytes, headers: Mapping[str, str], request_id: str) -> Ended:
        """Run one event within the time and memory of the function; what breaks them is killed."""
        began = time.perf_counter()
        deadline_ms = int((time.time() + self.started.timeout_s) * 1000)
        known = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self.started.arn,
            **headers,
        }
        self.events += 1
        self._thaw()
        work = asyncio.create_task(self._api.hand_over(Event(request_id, event, known)))
        try:
            error, message = await self._watch(work, began)
        except asyncio.CancelledError:
            work.cancel()
            raise
        took_ms = (time.perf_counter() - began) * 1000
        if error:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            await self.stop()
            return Ended(b"", error, message, took_ms)
        self._freeze()
        self.peak_mb = max(self.peak_mb, _peak_mb(self.pid))
        answer: Answered = work.result()
        return Ended(answer.body, "Unhandled" if answer.is_error else "", "", took_ms)

    def kill(self) -> None:
        """End the process and what it started, at once."""
        if self.is_alive:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """Kill it and take back everything; returns when it is gone."""
        self.kill()
        if self._exit is not None:
            await self._exit
        if self._reading is not None:
            await self._reading
        await self._api.stop()

    async def _watch(self, work: asyncio.Task[Answered], began: float) -> tuple[str, str]:
        """Wait for the answer; give an error type and a message when the process must not go on."""
        assert self._exit is not None  # noqa: S101  start() came before
        started = self.started
        while True:
            left = started.timeout_s - (time.perf_counter() - began)
            if left <= 0:
                return "Sandbox.Timedout", f"Task timed out after {started.timeout_s:.2f} seconds"
            await asyncio.wait({work, self._exit}, timeout=min(left, WATCH_S), return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return "", ""
            if self._exit.done():
                return "Runtime.ExitError", f"Runtime exited: {_exit_text(self._exit.result())}"
            self.peak_mb = max(self.peak_mb, _peak_mb(self.pid))
            if self.peak_mb > started.memory_mb:
                return "Runtime.OutOfMemory", f"{self.peak_mb} MB used of {started.memory_mb} MB"

    async def _read(self) -> None:
        assert self._process is not None  # noqa: S101  start() came before
        assert self._process.stdout is not None  # noqa: S101  it is a pipe
        while True:
            try:
                line = await self._process.stdout.readline()
            except ValueError:  # longer than the limit: that part was dropped
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            if text:
                self.lines.append(text)
                self._on_line(text)

    def _freeze(self) -> None:
        self._send(signal.SIGSTOP)
        self.is_frozen = True

    def _thaw(self) -> None:
        self.is_frozen = False
        self._send(signal.SIGCONT)

    def _send(self, sent: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, sent)


def _peak_mb(pid: int) -> int:
    """Give the most memory that a process has had resident, in MB; 0 when it is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
    except OSError:
        pass
    return 0


def _has_ended(pid: int) -> bool:
    """Whether our child is gone, which nobody may have told us yet."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _exit_text(code: int) -> str:
    return f"signal: {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
