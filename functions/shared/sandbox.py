"""One program of a code step: Python in a process of its own, with limits on time and memory and no I/O.

The interpreter is pydantic-monty: a subset of Python without access to files, network, environment or other
modules. Nothing of the host is mounted or callable. Clock and random numbers are fixed by a seed, so that a repeated
run computes the same. This module knows of nothing but the standard library and the interpreter: the function
`sandbox` holds no more than it.
"""

from __future__ import annotations

import asyncio
import hashlib
import keyword
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from functions.shared.jsonvalue import Json, JsonObject, parse_json

if TYPE_CHECKING:
    from pydantic_monty import AsyncMonty, AsyncMontySession, CollectString, MontyError, ResourceLimits

MAX_SECONDS = 60.0
MAX_PRINTED = 16_000
_PRINT_CAP = MAX_PRINTED * 4  # bytes: as many characters may take
_MB = 2**20
_PROCESS_MB = 512  # what the worker may map beyond the limit of the program: its own code and buffers
_KILL_AFTER = 1.0  # seconds past the limit after which the worker is killed
_PACKAGED = Path(__file__).parents[2] / "bin" / "monty"  # where the function's package has the interpreter
_CLOCK = datetime(2026, 1, 1, tzinfo=UTC)
# The result leaves the sandbox as text: the program's own objects never reach the host.
_RESULT = """
import json as _json
try:
    _value = result
except NameError:
    _value = None
_json.dumps(_value)
"""
_MODULES = (
    "asyncio base64 bisect collections copy csv dataclasses datetime decimal functools hashlib itertools json math "
    "random re time typing unicodedata"
)
_HINTS = (
    ("class inheritance", "Use plain classes, dataclasses, dicts and functions; raise a built-in exception."),
    ("yield", "Build a list, or use a generator expression."),
    ("No module named", f"Available: {_MODULES}."),
    ("Permission denied", "The sandbox has no files and no network; fetch with an http step and pass it by `inputs`."),
    ("not JSON serializable", "`result` must be JSON: turn sets into lists, dates into text by str()."),
    ("not yet support", "The sandbox runs a subset of Python; write it in simpler statements."),
)


@dataclass(eq=False)
class ProgramFailed(Exception):
    """The program gave no result. Codes: invalid_config, code_error, code_timeout, code_memory, code_crashed."""

    code: str
    message: str
    retryable: bool = False
    details: JsonObject = field(default_factory=dict[str, Json])

    def __post_init__(self) -> None:
        super().__init__(f"{self.code}: {self.message}")


@dataclass(frozen=True, slots=True)
class Finished:
    """What a program left: the value of `result`, null without one, and what it printed."""

    value: Json
    printed: str


@dataclass(frozen=True, slots=True)
class Program:
    """One program for one fresh process. `inputs` are its variables; the same seed gives the same run."""

    python: str
    inputs: JsonObject
    limit_s: float
    memory_mb: int
    seed: str

    def __post_init__(self) -> None:
        for name in self.inputs:
            if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("__"):
                raise ProgramFailed("invalid_config", f"`code.inputs.{name}` is not a name for a variable.")
        if self.limit_s <= 0:
            raise ProgramFailed("invalid_config", "`code.timeout` must be longer than zero.")

    async def run(self) -> Finished:
        """Run it, `MAX_SECONDS` at most. Raises ProgramFailed."""
        import pydantic_monty as monty  # noqa: PLC0415  64-150 ms, only where code runs

        printed = monty.CollectString(max_bytes=_PRINT_CAP)
        try:
            text = await self._text(await _pool(), printed)
        except monty.MontyCrashedError as error:
            raise self._crashed(error) from None
        except monty.MontySyntaxError as error:
            raise _failed(error.display("traceback"), str(error), printed) from None
        except monty.MontyRuntimeError as error:
            raise self._stopped(error, error.display("traceback"), printed) from None
        except monty.MontyConversionError as error:
            raise ProgramFailed("code_error", f"An input cannot enter the sandbox: {error}") from None
        except ValueError as error:
            raise ProgramFailed("code_error", f"`result` cannot leave the sandbox: {error}") from None
        return Finished(_value_of(text), printed.output[:MAX_PRINTED])

    async def _text(self, pool: AsyncMonty, printed: CollectString) -> str:
        limits: ResourceLimits = {
            "max_feed_duration_secs": min(self.limit_s, MAX_SECONDS),
            "max_memory": self.memory_mb * _MB,
            "max_recursion_depth": 500,
            "max_suspensions": 1_000,
        }
        async with pool.checkout(
            script_name="code.py",
            limits=limits,
            os_policy={
                "sleep": "zero",
                "datetime": _CLOCK,
                "timezone": "utc",
                "random_start": {"seed": hashlib.sha256(self.seed.encode()).hexdigest()},
            },
        ) as session:
            _limit_process(session, self.memory_mb)
            _note_worker(session.worker_pid)
            await session.feed_run(self.python, inputs=self.inputs, print_callback=printed)
            text: object = await session.feed_run(_RESULT, print_callback=printed)
        return text if isinstance(text, str) else ""

    def _stopped(self, error: MontyError, shown: str, printed: CollectString) -> ProgramFailed:
        said = str(error)
        if said.startswith("TimeoutError: feed time limit"):
            return ProgramFailed(
                "code_timeout",
                f"The program ran longer than {self.limit_s:g} s.",
                details={**_printed(printed), "hint": f"Do less, or raise `timeout` (up to {MAX_SECONDS:g}s)."},
            )
        if said.startswith("MemoryError: ") and said.endswith(f"> {_PRINT_CAP} bytes"):
            return ProgramFailed("code_error", f"The program printed more than {_PRINT_CAP:,} bytes.")
        if said.startswith("MemoryError: ") and "memory limit" in said:
            return ProgramFailed(
                "code_memory",
                f"The program needs more than {self.memory_mb} MB.",
                details={**_printed(printed), "hint": "Keep less in memory, or raise `memory_mb`."},
            )
        return _failed(shown, said, printed)

    def _crashed(self, error: MontyError) -> ProgramFailed:
        if getattr(error, "timed_out", False):
            return ProgramFailed("code_timeout", f"The program ran longer than {self.limit_s:g} s and was killed.")
        return ProgramFailed("code_crashed", "The sandbox's process ended while the program ran.", retryable=True)


async def workers_ended(within_s: float) -> None:
    """Wait until the processes of programs that have ended are gone, but no longer than so many seconds."""
    until = time.monotonic() + within_s
    while _note_worker(None) and time.monotonic() < until:  # noqa: ASYNC110  a process tells nobody when it is gone
        await asyncio.sleep(_LOOKS_EVERY_S)


_LOOKS_EVERY_S = 0.002
_workers: set[int] = set()


def _note_worker(pid: int | None) -> int:
    """Remember a worker's process, forget those that have ended, and tell how many there are."""
    if pid is not None:
        _workers.add(pid)
    _workers.difference_update([each for each in _workers if not _is_alive(each)])
    return len(_workers)


def _is_alive(pid: int) -> bool:
    """Whether a process still does anything; one that only waits to be counted (a zombie) does not. Linux only."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1]
    except OSError:
        return False
    return state != b"Z"


_COMES_BACK_S = 0.2


async def close_sandbox() -> None:
    """End the sandbox's processes. The next run starts new ones."""
    if _pool_once.cache_info().currsize:
        pool = _pool_once()
        _pool_once.cache_clear()
        _entered.pop(id(pool), None)
        await pool.__aexit__(None, None, None)
        # The thread that told us of the end is still on its way back: an interpreter that ended meanwhile would abort.
        await asyncio.sleep(_COMES_BACK_S)


_entered: dict[int, asyncio.Future[AsyncMonty]] = {}


async def _pool() -> AsyncMonty:
    """Give the pool of this process. A worker serves one run only: no two programs share a process."""
    pool = _pool_once()
    entering = _entered.get(id(pool))
    if entering is None:  # steps that come meanwhile wait for the same entering
        entering = _entered[id(pool)] = asyncio.ensure_future(pool.__aenter__())
    try:
        await asyncio.shield(entering)
    except Exception:
        _entered.pop(id(pool), None)
        raise
    return pool


@lru_cache(maxsize=1)
def _pool_once() -> AsyncMonty:
    from pydantic_monty import AsyncMonty  # noqa: PLC0415  as above

    return AsyncMonty(
        binary_path=_PACKAGED if _PACKAGED.exists() else None,
        min_processes=0,
        max_processes=8,
        request_timeout=MAX_SECONDS + 5,
        max_checkouts_per_worker=1,
        feed_duration_limit_grace=_KILL_AFTER,
    )


def _limit_process(session: AsyncMontySession, memory_mb: int) -> None:
    """Let the operating system hold the limits too, in case the interpreter does not. Linux only."""
    pid = session.worker_pid
    with suppress(ImportError, AttributeError, OSError, ValueError):
        import resource  # noqa: PLC0415  not on every system

        if pid is not None:
            size = (memory_mb + _PROCESS_MB) * _MB
            resource.prlimit(pid, resource.RLIMIT_AS, (size, size))
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def _value_of(text: str) -> Json:
    try:
        return parse_json(text)
    except ValueError as error:
        raise ProgramFailed(
            "code_error", f"`result` is not JSON: {error}", details={"hint": "NaN and Infinity have no JSON."}
        ) from None


def _failed(shown: str, said: str, printed: CollectString) -> ProgramFailed:
    lines = [line for line in shown.splitlines() if not line.startswith("Traceback")]
    details: JsonObject = {**_printed(printed), "traceback": "\n".join(lines[-20:])[:4_000]}
    hint = next((hint for mark, hint in _HINTS if mark in said), None)
    if hint is not None:
        details["hint"] = hint
    message = said[:1_000] if hint is None else f"{said[:1_000]} {hint}"
    return ProgramFailed("code_error", message, details=details)


def _printed(printed: CollectString) -> JsonObject:
    return {"printed": printed.output[:MAX_PRINTED]} if printed.output else {}
