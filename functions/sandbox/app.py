"""Runs one program of a code step: `{python, inputs, timeout, memory_mb, seed}`, seconds and megabytes.

Answers `{ok: true, value, printed}` or `{ok: false, code, message, details, retryable}`, always one of the two. It has
no rights, no settings and no secrets, imports nothing that has any, and writes no log: inputs are somebody's data.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any, cast

from functions.shared.sandbox import MAX_SECONDS, Program, ProgramFailed, close_sandbox, workers_ended

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.jsonvalue import JsonObject

MAX_ANSWER = 6_000_000  # bytes: Lambda drops a longer answer, and with it what went wrong
MAX_PROGRAM = 64_000  # characters, as in the workflow language
_MARGIN_S = 0.5  # to answer within the invocation
_ENDS_WITHIN_S = 0.3
_OWN_MB = 160  # of the function's memory: this process and the interpreter itself
_HALF_SURROGATE = re.compile("[\ud800-\udfff]")


class Sandbox:
    """Keeps one event loop for the life of the process; of a program nothing is kept."""

    def __init__(self) -> None:
        self._loop: asyncio.Runner | None = None

    def __call__(self, event: Mapping[str, Any], context: Any = None) -> JsonObject:  # noqa: ANN401  the runtime's own type
        """Run the program that the event holds, within what is left of the invocation's time and memory."""
        if self._loop is None:
            self._loop = asyncio.Runner()
        return self._loop.run(_alone(event, *_given(context)))

    def close(self) -> None:
        """End the interpreter's processes and close the loop."""
        if self._loop is not None:
            self._loop.run(close_sandbox())
            self._loop.close()
        self._loop = None


async def _alone(event: Mapping[str, Any], time_s: float, memory_mb: int) -> JsonObject:
    """Answer when nothing of the program is left: the platform freezes what still runs, and wakes it with the next."""
    answer = await _answer(event, time_s, memory_mb)
    await workers_ended(_ENDS_WITHIN_S)
    return answer


async def _answer(event: Mapping[str, Any], time_s: float, memory_mb: int) -> JsonObject:
    try:
        program = _program(event, time_s, memory_mb)
        async with asyncio.timeout(time_s):
            finished = await program.run()
        return _sendable({"ok": True, "value": finished.value, "printed": finished.printed})
    except ProgramFailed as failed:
        return _refused(failed)
    except TimeoutError:
        return _refused(ProgramFailed("code_timeout", f"The program took longer than the {time_s:.0f} s there were."))


def _given(context: Any) -> tuple[float, int]:  # noqa: ANN401  the runtime's own type
    """Give the seconds and megabytes that a program may take here."""
    if context is None:
        return 2 * MAX_SECONDS, 1024
    left_s = context.get_remaining_time_in_millis() / 1000 - _MARGIN_S
    return left_s, max(int(context.memory_limit_in_mb) - _OWN_MB, 16)


def _program(event: Mapping[str, Any], time_s: float, memory_mb: int) -> Program:
    python, inputs, seed = event.get("python"), event.get("inputs"), event.get("seed")
    if not isinstance(python, str) or not 0 < len(python) <= MAX_PROGRAM:
        raise ProgramFailed("invalid_config", f"`python` must be a text of 1 to {MAX_PROGRAM:,} characters.")
    if not isinstance(inputs, dict) or not isinstance(seed, str):
        raise ProgramFailed("invalid_config", "`inputs` must be an object and `seed` a text.")
    limits = [event.get("timeout"), event.get("memory_mb")]
    if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in limits):
        raise ProgramFailed("invalid_config", "`timeout` and `memory_mb` must be numbers: seconds and megabytes.")
    asked_s, asked_mb = cast("list[float]", limits)
    return Program(
        python,
        cast("JsonObject", inputs),
        limit_s=min(asked_s, time_s - _MARGIN_S),
        memory_mb=min(int(asked_mb), memory_mb),
        seed=seed,
    )


def _sendable(answer: JsonObject) -> JsonObject:
    """Give the answer as Lambda carries it: not too long, and without half a character."""
    text = json.dumps(answer, ensure_ascii=False)
    if _HALF_SURROGATE.search(text):
        answer = json.loads(_HALF_SURROGATE.sub("\ufffd", text))
    size = len(json.dumps(answer)) if len(text) > MAX_ANSWER // 6 else 0  # a character becomes six bytes at most
    if size > MAX_ANSWER:
        raise ProgramFailed(
            "code_error",
            f"`result` takes {size:,} bytes; {MAX_ANSWER:,} can leave the sandbox.",
            details={"hint": "Give back less: a part, a sum, or a reference."},
        )
    return answer


def _refused(failed: ProgramFailed) -> JsonObject:
    return _sendable(
        {
            "ok": False,
            "code": failed.code,
            "message": failed.message,
            "details": failed.details,
            "retryable": failed.retryable,
        }
    )


handler = Sandbox()
