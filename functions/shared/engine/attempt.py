"""Runs one leaf step: its attempts with their time limits and back-offs, its secrets and cache, and its record."""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from functions.shared.db.kernel import Stale
from functions.shared.engine.asking import answers_of, asked, noted
from functions.shared.engine.excerpts import excerpt, short
from functions.shared.engine.facts import Record
from functions.shared.engine.results import Ended, Later, Lost, Spent
from functions.shared.engine.retry import delay_s
from functions.shared.engine.step_cache import cached, remember
from functions.shared.engine.step_scope import http_of
from functions.shared.errors import PlaneError
from functions.shared.log import logger
from functions.shared.steps.base import Context, NeedsPerson, StepFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.shared.engine.plan import Start
    from functions.shared.engine.results import Result
    from functions.shared.engine.step_scope import StepScope
    from functions.shared.jsonvalue import Json, JsonObject
    from functions.shared.steps.base import Done

log = logger("engine")

MAYBE_DONE = frozenset({"timed_out", "connection_lost", "provider_unreachable", "outcome_unknown", "internal"})
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


@runtime_checkable
class Prepares(Protocol):
    """A handler that must get ready once in a process, which may take seconds: loading a large library."""

    async def prepare(self) -> None: ...


@cache
def _prepares(kind: type) -> bool:
    """Whether handlers of this class must get ready; asking a protocol takes longer than a small step."""
    return issubclass(kind, Prepares)


async def run_step(start: Start, scope: StepScope, *, earlier: JsonObject, on_attempt: Callable[[int], None]) -> Result:
    """Run a step to its result, to a question or a back-off to wait for, or to not knowing what it did.

    `earlier`: what a retry or a question has carried over ({attempts, usage}).
    `on_attempt` is told the number of each attempt.
    """
    return await _Run(start, scope, earlier, on_attempt).run()


def failed(start: Start, code: str, message: str) -> Ended:
    """Give the result of a step that the engine itself gave up."""
    error: JsonObject = {"code": code, "message": message}
    record = Record(
        path=start.path,
        parent=start.parent,
        kind=start.kind,
        status="failed",
        error=error,
        details={"input": excerpt(start.config)},
        attempts=start.attempt,
    )
    return Ended(start, record, Spent(), 0, len(message))


def idempotency_key(execution_id: str, gen: int, path: str) -> str:
    """Give the key that is the same in every attempt of a step instance."""
    return _key_within(uuid.UUID(execution_id), gen, path)


def _key_within(execution: uuid.UUID, gen: int, path: str) -> str:
    return str(uuid.uuid5(execution, f"{gen}:{path}"))


class _Run:
    def __init__(self, start: Start, scope: StepScope, earlier: JsonObject, on_attempt: Callable[[int], None]) -> None:
        self.start = start
        self.scope = scope
        self.on_attempt = on_attempt
        self.attempts: list[Json] = list(cast("list[Json]", earlier.get("attempts") or []))
        self.spent = Spent.of(cast("JsonObject", earlier["usage"])) if earlier.get("usage") else Spent()
        self.key = start.idempotency_key or _key_within(scope.namespace, scope.gen, start.path)
        self.answers = answers_of(start)
        self.began = asyncio.get_running_loop().time()

    async def run(self) -> Result:
        attempt, store = self.start.attempt, self.start.cache
        while True:
            self.on_attempt(attempt)
            try:
                done = await (self._attempt(attempt) if store is None else self._attempt_unless_cached(attempt, store))
                return self._succeeded(done, attempt)
            except NeedsPerson as question:
                self.spent.add(question.usage)
                return self._asked(question, attempt)
            except StepFailed as failure:
                self.spent.add(failure.usage)
                pause = self._pause(failure, attempt)
                error = self._error(failure)
                if pause is None:
                    return self._given_up(error, failure, attempt)
                self.attempts.append({"attempt": attempt, "error": error, "retry_in_s": round(pause, 3)})
                if self._is_for_later(pause):
                    return Later(self.start, pause, self._carried(attempt + 1, error))
                await asyncio.sleep(pause)
                attempt += 1

    async def _attempt_unless_cached(self, attempt: int, cache: JsonObject) -> Done:
        """Give what an earlier step of the kind remembered, or do it and remember it; what failed once is done anew."""
        if not self.attempts and (found := await cached(self.start, self.scope, cache, self.key)) is not None:
            return found
        done = await self._attempt(attempt)
        await remember(self.start, self.scope, cache, self.key, done.output)
        return done

    async def _attempt(self, attempt: int) -> Done:
        """Call the handler once; every failure comes out as StepFailed, except that the frame is not ours any more."""
        handler = self.scope.engine.handlers.get(self.start.kind)
        if handler is None:
            raise StepFailed(
                "kind_not_available", f"This runner has no steps of kind {self.start.kind}.", retryable=False
            )
        if _prepares(type(handler)):
            await self._prepared(cast("Prepares", handler))
        context = await self._guarded(attempt)
        limit = asyncio.timeout(context.timeout_s)
        try:
            async with limit:
                done = await handler(self.start.config, context)
        except (StepFailed, NeedsPerson, Stale):
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise StepFailed("internal", "The step cancelled itself inside the plane.", retryable=True) from error
        except TimeoutError as error:
            if not limit.expired():
                raise StepFailed("timed_out", "The step's own call timed out.", retryable=True) from error
            raise StepFailed("timed_out", self._overrun(context.timeout_s), retryable=True) from error
        except PlaneError as error:
            raise StepFailed(error.code, error.detail, retryable=error.retryable) from error
        except Exception as error:
            log.exception("step %s of %s broke", self.start.path, self.scope.execution_id)
            raise StepFailed(
                "internal",
                f"The step broke inside the plane ({type(error).__name__}); its log says why.",
                retryable=False,
            ) from error
        self.spent.add(done.usage)
        return done

    def _overrun(self, had_s: float) -> str:
        """Say which limit has ended the step: its own, or that of the invocation it ran in."""
        if had_s >= self.start.timeout_s:
            return f"The step did not end within {self.start.timeout_s:g} s."
        return (
            f"The step did not end within {had_s:.0f} s, all that its runner's invocation had left; its own limit is "
            f"{self.start.timeout_s:g} s. Make the step smaller, or hand it over to an agent."
        )

    async def _guarded(self, attempt: int) -> Context:
        """Get the step's secrets and ask whether it may be attempted; the step's time does not count that."""
        guard = self.scope.engine.guard
        loop = asyncio.get_running_loop()
        since = loop.time()
        try:
            await self.scope.secrets.load(self.start.kind)
            context = self._context(attempt)
            if guard is not None:
                await guard.check(self.start.kind, self.start.config, context)
            return context
        except (StepFailed, NeedsPerson, Stale):
            raise
        except PlaneError as error:
            raise StepFailed(error.code, error.detail, retryable=error.retryable) from error
        except Exception as error:
            log.exception("the guard before %s of %s broke", self.start.path, self.scope.execution_id)
            message = f"Whether the step is allowed could not be found out ({type(error).__name__}); the log says why."
            raise StepFailed("internal", message, retryable=False) from error
        finally:
            self.began += loop.time() - since

    async def _prepared(self, handler: Prepares) -> None:
        """Let a kind get ready; neither the step's time limit nor its duration counts that."""
        loop = asyncio.get_running_loop()
        since = loop.time()
        try:
            await handler.prepare()
        except Exception as error:
            log.exception("steps of kind %s cannot run here", self.start.kind)
            message = f"This runner cannot run steps of kind {self.start.kind}; its log says why."
            raise StepFailed("kind_not_available", message, retryable=False) from error
        finally:
            self.began += loop.time() - since

    def _context(self, attempt: int) -> Context:
        own = None if self.start.budget_usd is None else Decimal(self.start.budget_usd)
        limits = [limit for limit in (own, self.scope.left_usd()) if limit is not None]
        return Context(
            execution_id=self.scope.execution_id,
            path=self.start.path,
            attempt=attempt,
            idempotency_key=self.key,
            models=self.scope.models,
            secrets=self.scope.secrets,
            timeout_s=self.scope.at_most(self.start.timeout_s),
            budget_usd=min(limits) if limits else None,
            effects=self.scope.effects,
            http=http_of(self.scope.engine, self.scope.origin, self.answers),
            environment=self.scope.secrets.environment,
            answers=self.answers,
            origin=self.scope.origin,
            private=self.scope.secrets.private,
        )

    def _asked(self, question: NeedsPerson, attempt: int) -> Result:
        """Ask, or fail: a question that cannot be asked is a mistake in the handler."""
        try:
            return asked(question, self.start, attempt, attempts=self.attempts, spent=self.spent)
        except StepFailed as failure:
            return self._failed(self._error(failure), failure, attempt)

    def _pause(self, failure: StepFailed, attempt: int) -> float | None:
        """Seconds until the next attempt; None: there is none.

        An at-most-once step is never tried again by itself; its look-up is, but only here and now.
        """
        if not failure.retryable or attempt >= self.start.retry.max_attempts:
            return None
        pause = max(delay_s(self.start.retry, attempt, random.random()), failure.retry_after or 0.0)  # noqa: S311  jitter
        if self.start.verifies is not None:
            return pause if pause <= self.scope.engine.policy.inline_retry_s else None
        return None if self.start.effect == "at_most_once" else pause

    def _is_for_later(self, pause: float) -> bool:
        if self.start.verifies is not None:
            return False
        return pause > self.scope.engine.policy.inline_retry_s or not self.scope.time_for(pause + self.start.timeout_s)

    def _carried(self, attempt: int, error: JsonObject) -> JsonObject:
        return {
            "attempt": attempt,
            "error": error,
            "attempts": self.attempts,
            "usage": self.spent.as_json(),
        }

    def _error(self, failure: StepFailed) -> JsonObject:
        return {"code": failure.code, "message": short(failure.message)}

    def _succeeded(self, done: Done, attempt: int) -> Ended:
        output = done.output
        try:
            size = len(_encode(output).encode())
        except (TypeError, ValueError) as error:
            problem = StepFailed("output_not_json", f"The output is not JSON: {error}", retryable=False)
            return self._failed(self._error(problem), problem, attempt)
        limit = self.scope.engine.policy.output_limit_bytes
        if size > limit:
            problem = StepFailed(
                "output_too_large",
                f"The output is {size:,} bytes, the limit is {limit:,}. Return less, or a reference to it.",
                retryable=False,
            )
            return self._failed(self._error(problem), problem, attempt)
        return self._ended(self._record("succeeded", attempt, done.details, output=output), size)

    def _given_up(self, error: JsonObject, failure: StepFailed, attempt: int) -> Result:
        """Fail, unless it must happen at most once and may have happened. An answer, even a refusal, is known."""
        start = self.start
        if start.effect != "at_most_once" or start.verifies is not None or failure.code not in MAYBE_DONE:
            return self._failed(error, failure, attempt)
        if start.on_unknown != "fail":
            log.warning("whether %s of %s happened is unknown: %s", start.path, self.scope.execution_id, failure.code)
            return Lost(start, attempt, self.spent)
        message = (
            f"{start.path} happens at most once, and whether it happened is unknown: {failure.message} "
            "Find out; `on_unknown: ask` or `verify` settles this next time."
        )
        self.attempts.append({"attempt": attempt, "error": error})
        return self._failed({"code": "outcome_unknown", "message": short(message)}, failure, attempt)

    def _failed(self, error: JsonObject, failure: StepFailed, attempt: int) -> Ended:
        if not self.attempts or cast("JsonObject", self.attempts[-1])["attempt"] != attempt:
            self.attempts.append({"attempt": attempt, "error": error})
        return self._ended(self._record("failed", attempt, failure.details, error=error), len(str(error)))

    def _record(self, status: str, attempt: int, details: JsonObject, **result: Json) -> Record:
        told: JsonObject = {"input": excerpt(self.start.config), **details, **noted(self.start)}
        if self.attempts:
            told["attempts"] = self.attempts[-10:]
        return Record(
            path=self.start.path,
            parent=self.start.parent,
            kind=self.start.kind,
            status="succeeded" if status == "succeeded" else "failed",
            output=result.get("output"),
            error=cast("JsonObject | None", result.get("error")),
            details=told,
            attempts=attempt,
            cost_usd=self.spent.cost_usd,
        )

    def _ended(self, record: Record, size: int) -> Ended:
        elapsed = asyncio.get_running_loop().time() - self.began
        return Ended(self.start, record, self.spent, round(elapsed * 1000), size)
