"""Runs what only computes (sandboxed code, three of the tools) for inline tests: no plane, no key, no network."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import NoReturn, Self

from functions.shared.engine.interpreter import LeafResult
from functions.shared.engine.plan import Start
from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.sandbox import close_sandbox
from functions.shared.steps import Context, HttpPolicy, StepFailed
from functions.shared.steps.handlers import HANDLERS


class _NoEffects:
    async def act(self, verb: str, payload: JsonObject, *, idempotency_key: str) -> Json:
        del payload, idempotency_key
        raise StepFailed("offline", f"{verb} needs a plane; mock this step")


def _no_secret(name: str) -> NoReturn:
    raise StepFailed("offline", f"the secret {name} is not read in a test; mock this step")


class OfflineSteps:
    """Calls handlers from the synchronous test runner, on one event loop of its own."""

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(close_sandbox())
        self._runner.close()

    def run(self, start: Start) -> LeafResult:
        """Run one step for real."""
        context = Context(
            execution_id="test",
            path=start.path,
            attempt=1,
            idempotency_key=f"test:{start.path}",
            models={},
            secrets=_no_secret,
            timeout_s=start.timeout_s,
            budget_usd=None,
            effects=_NoEffects(),
            http=HttpPolicy(),
            environment={},
        )
        try:
            done = self._runner.run(HANDLERS[start.kind](start.config, context))
        except StepFailed as error:
            return LeafResult(error={"code": error.code, "message": error.message})
        return LeafResult(output=done.output)
