"""The code step: Python in a sandbox, in this process's keeping or in the function `sandbox`.

What a program may do and use up is said in `functions/shared/sandbox.py`. Its clock and random numbers are fixed by the
step's idempotency key, so that a repeated attempt computes the same, wherever it runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias, cast

from functions.shared.dsl.durations import seconds
from functions.shared.dsl.kinds import Code
from functions.shared.jsonvalue import JsonObject
from functions.shared.sandbox import MAX_SECONDS, Finished, Program, ProgramFailed
from functions.shared.steps.base import Context, Done, StepFailed
from functions.shared.steps.config import read_config

RunProgram: TypeAlias = Callable[[Program], Awaitable[Finished]]


@dataclass(frozen=True, slots=True)
class CodeStep:
    """Runs `python` with `inputs` as variables; the output is the value of `result`, null without one.

    Codes: code_error (with the program's own traceback), code_timeout, code_memory, code_crashed, and what the way to
    where it runs adds.
    """

    run: RunProgram = Program.run

    async def __call__(self, config: JsonObject, context: Context) -> Done:
        spec = read_config(Code, config)
        limit_s = min(seconds(spec.timeout), MAX_SECONDS, context.timeout_s)
        inputs = cast("JsonObject", spec.inputs)
        try:
            program = Program(spec.python, inputs, limit_s, spec.memory_mb, context.idempotency_key)
            finished = await self.run(program)
        except ProgramFailed as failed:
            raise StepFailed(failed.code, failed.message, failed.retryable, details=failed.details) from None
        return Done(finished.value, details={"printed": finished.printed} if finished.printed else {})
