"""Programs run in the function `sandbox`, by Lambda Invoke: it has no rights, no settings and no secrets.

botocore repeats nothing. What Lambda throttled has not run, and is asked for again for a while: many steps share few
sandboxes. All else is left to the step's own `retry`: a program is pure and its seed is fixed, so that one which ran
twice, behind an answer that was lost, has computed the same and done nothing.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.shared.aws import MAX_PAYLOAD, AwsFailed, Invoked, invoke
from functions.shared.jsonvalue import parse_json
from functions.shared.sandbox import Finished, ProgramFailed
from functions.shared.steps.base import StepFailed

if TYPE_CHECKING:
    from functions.shared.jsonvalue import Json, JsonObject
    from functions.shared.sandbox import Program

STARTS_S = 20.0  # a cold start, the way there and back, and the last second of a program that must be killed
PATIENCE_S = 15.0  # with sandboxes that are all busy
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_BUSY = 429
_TOO_LARGE = 413
_IN_VAIN = frozenset({"NoCredentialsError", "PartialCredentialsError", "NoRegionError", "ParamValidationError"})
_CANNOT_START = ("Runtime.ImportModuleError", "Runtime.HandlerNotFound", "Runtime.UserCodeSyntaxError")


@dataclass(frozen=True, slots=True)
class SandboxFunction:
    """The function by its name. Its own codes: sandbox_busy, sandbox_unreachable, sandbox_unusable, code_crashed."""

    name: str
    starts_s: float = STARTS_S
    patience_s: float = PATIENCE_S

    async def run(self, program: Program) -> Finished:
        """Run a program there. Raises ProgramFailed for what a run here raises it for, else StepFailed."""
        payload = _payload(program)
        try:
            invoked = await self._invoke(payload, program.limit_s + self.starts_s)
        except AwsFailed as failed:
            raise self._not_run(failed) from None
        try:
            answer = parse_json(invoked.payload.decode())
        except ValueError:
            answer = None
        if invoked.error is not None:
            raise self._ended(answer)
        return self._read(answer)

    async def _invoke(self, payload: bytes, timeout_s: float) -> Invoked:
        until, pause = time.monotonic() + self.patience_s, _FIRST_PAUSE_S
        while True:
            try:
                return await invoke(self.name, payload, timeout_s=timeout_s)
            except AwsFailed as failed:
                if failed.status != _BUSY or time.monotonic() + pause > until:
                    raise
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  jitter
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _not_run(self, failed: AwsFailed) -> StepFailed:
        details: JsonObject = {"function": self.name, "aws": failed.code}
        if failed.status == _BUSY:
            return StepFailed("sandbox_busy", "All sandboxes are busy.", True, failed.retry_after, details)
        if failed.status == _TOO_LARGE:
            return _too_large(details)
        if failed.code in _IN_VAIN or 400 <= failed.status < 500:  # noqa: PLR2004  our own fault, by HTTP
            message = f"The sandbox function cannot be called: {failed.code}."
            details["hint"] = "The runner's role must allow lambda:InvokeFunction on it, and it must be deployed."
            return StepFailed("sandbox_unusable", message, details=details)
        message = f"The sandbox function could not be reached: {failed.code}."
        return StepFailed("sandbox_unreachable", message, True, failed.retry_after, details)

    def _ended(self, said: Json) -> StepFailed:
        """The function failed, not the program: the platform ended it, or it cannot start at all."""
        kind = str(said.get("errorType", "")) if isinstance(said, dict) else ""
        details: JsonObject = {"function": self.name, "aws": kind or "unknown"}
        if kind in _CANNOT_START:
            details["hint"] = "Deploy it again: the package is not complete."
            return StepFailed("sandbox_unusable", f"The sandbox function cannot start: {kind}.", details=details)
        message = f"The sandbox function ended while the program ran: {kind or 'no reason given'}."
        return StepFailed("code_crashed", message, retryable=True, details=details)

    def _read(self, answer: Json) -> Finished:
        match answer:
            case {"ok": True, "value": value, "printed": str(printed)}:
                return Finished(value, printed)
            case {"ok": False, "code": str(code), "message": str(message), "retryable": bool(retryable)}:
                said = answer.get("details")
                raise ProgramFailed(code, message, retryable, said if isinstance(said, dict) else {})
            case _:
                details: JsonObject = {"function": self.name, "hint": "Deploy the runners and the sandbox together."}
                message = "What answered is not the sandbox function of this release."
                raise StepFailed("sandbox_unusable", message, details=details)


def _payload(program: Program) -> bytes:
    asked: JsonObject = {
        "python": program.python,
        "inputs": program.inputs,
        "timeout": program.limit_s,
        "memory_mb": program.memory_mb,
        "seed": program.seed,
    }
    try:
        payload = json.dumps(asked, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half a surrogate pair: only escaped
        payload = json.dumps(asked, separators=(",", ":")).encode()
    if len(payload) > MAX_PAYLOAD:
        raise _too_large({"bytes": len(payload), "max_bytes": MAX_PAYLOAD})
    return payload


def _too_large(details: JsonObject) -> StepFailed:
    details["hint"] = "Pass the part that the program needs, or split it by `for_each`."
    return StepFailed("inputs_too_large", "The program and its inputs are too large for the sandbox.", details=details)
