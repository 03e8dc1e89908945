"""Runs one leaf step: its attempts with their time limits and back-offs, its secrets and cache, and its record."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast, runtime_checkable

from functions.shared.db import kernel
from functions.shared.db.kernel import Stale
from functions.shared.engine.excerpts import excerpt, short
from functions.shared.engine.facts import Record
from functions.shared.engine.retry import delay_s
from functions.shared.errors import NotFound, PlaneError
from functions.shared.log import logger
from functions.shared.steps.base import Context, Done, StepFailed, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from functions.shared.engine.plan import Start
    from functions.shared.engine.policy import Engine
    from functions.shared.jsonvalue import Json, JsonObject

log = logger("engine")

SECRET_PREFIX = "AGENTPLANE_SECRET_"  # noqa: S105  a variable's name, not a secret
CACHE_COMPONENT = "plane.cache"
MAYBE_DONE = frozenset({"timed_out", "connection_lost", "provider_unreachable", "outcome_unknown", "internal"})
_INDEX = re.compile(r"\[\d+\]")


@runtime_checkable
class Prepares(Protocol):
    """A handler that must get ready once in a process, which may take seconds: loading a large library."""

    async def prepare(self) -> None: ...


@dataclass(frozen=True, slots=True)
class StepScope:
    """What a step needs to know of the frame that runs it. `left_usd`: of the execution's budget; None: no limit."""

    engine: Engine
    execution_id: str
    frame: str
    epoch: int
    gen: int
    workflow: str
    models: Mapping[str, str]
    secrets: frozenset[str]
    left_usd: Callable[[], Decimal | None]
    time_for: Callable[[float], bool]


@dataclass(slots=True)
class Spent:
    """Usage over all attempts of a step."""

    model: str | None = None
    provider: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal | None = None
    is_cost_unknown: bool = False
    calls: int = 0

    def add(self, usage: Usage | None) -> None:
        """Count what one attempt has used."""
        if usage is None:
            return
        self.model, self.provider = usage.model, usage.provider
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        self.is_cost_unknown |= usage.is_cost_unknown
        self.calls += usage.calls
        if usage.cost_usd is not None:
            self.cost_usd = (self.cost_usd or Decimal(0)) + usage.cost_usd

    def as_json(self) -> JsonObject:
        """Give what a retry wait carries over."""
        return {
            "model": self.model,
            "provider": self.provider,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost_usd": None if self.cost_usd is None else str(self.cost_usd),
            "is_cost_unknown": self.is_cost_unknown,
            "calls": self.calls,
        }

    @classmethod
    def of(cls, carried: JsonObject) -> Spent:
        """Read what a retry wait carried over."""
        cost = carried.get("cost_usd")
        return cls(
            model=cast("str | None", carried.get("model")),
            provider=cast("str | None", carried.get("provider")),
            input_tokens=cast("int", carried.get("input_tokens") or 0),
            output_tokens=cast("int", carried.get("output_tokens") or 0),
            cost_usd=None if cost is None else Decimal(str(cost)),
            is_cost_unknown=bool(carried.get("is_cost_unknown")),
            calls=cast("int", carried.get("calls") or 0),
        )


@dataclass(frozen=True, slots=True)
class Ended:
    """A step that has its result. `size` is the output's, in bytes of JSON."""

    start: Start
    record: Record
    spent: Spent
    duration_ms: int
    size: int


@dataclass(frozen=True, slots=True)
class Later:
    """A step whose next attempt is so far off that the frame waits for it. `data` is the retry wait's."""

    start: Start
    after_s: float
    data: JsonObject


@dataclass(frozen=True, slots=True)
class Lost:
    """An at-most-once step whose attempt may or may not have happened: its `on_unknown` decides."""

    start: Start
    attempt: int
    spent: Spent


Result: TypeAlias = Ended | Later | Lost


@dataclass(frozen=True, slots=True)
class EnvironmentSecrets:
    """Secrets from the runner's environment, but only those that the workflow declares."""

    environment: Mapping[str, str]
    declared: frozenset[str]

    def __call__(self, name: str) -> str:
        """Give a secret; raises StepFailed `secret_not_declared` or `secret_missing`."""
        if name not in self.declared:
            raise StepFailed("secret_not_declared", f"The workflow does not declare {name[:80]} in `secrets`.")
        value = self.environment.get(SECRET_PREFIX + name)
        if value is None:
            raise StepFailed(
                "secret_missing",
                f"The secret {name} is not set. Set the runner's environment variable {SECRET_PREFIX}{name}.",
            )
        return value


@dataclass(frozen=True, slots=True)
class FrameEffects:
    """State and events on behalf of a frame's organisation; a frame that was taken over can cause none."""

    engine: Engine
    execution_id: str
    frame: str
    epoch: int

    async def act(self, verb: str, payload: JsonObject, *, idempotency_key: str) -> Json:
        """Run a tenant's verb exactly once for the key. Frames that it made due are rung."""
        answer = await kernel.act(
            self.engine.db,
            execution_id=self.execution_id,
            frame=self.frame,
            epoch=self.epoch,
            verb=verb,
            payload=payload,
            idempotency_key=idempotency_key,
        )
        if isinstance(answer, dict) and isinstance(due := answer.get("due"), list):
            await self.engine.ring(cast("list[JsonObject]", due))
            return {name: value for name, value in answer.items() if name != "due"}
        return answer


async def run_step(start: Start, scope: StepScope, *, earlier: JsonObject, on_attempt: Callable[[int], None]) -> Result:
    """Run a step to its result, to a back-off that is worth waiting for elsewhere, or to not knowing what it did.

    `earlier`: what a retry wait has carried over ({attempts, usage}). `on_attempt` is told the number of each attempt.
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
    return str(uuid.uuid5(uuid.UUID(execution_id), f"{gen}:{path}"))


class _Run:
    def __init__(self, start: Start, scope: StepScope, earlier: JsonObject, on_attempt: Callable[[int], None]) -> None:
        self.start = start
        self.scope = scope
        self.on_attempt = on_attempt
        self.secrets = EnvironmentSecrets(scope.engine.environment, scope.secrets)
        self.attempts: list[Json] = list(cast("list[Json]", earlier.get("attempts") or []))
        self.spent = Spent.of(cast("JsonObject", earlier.get("usage") or {}))
        self.effects = FrameEffects(scope.engine, scope.execution_id, scope.frame, scope.epoch)
        self.key = start.idempotency_key or idempotency_key(scope.execution_id, scope.gen, start.path)
        self.began = asyncio.get_running_loop().time()

    async def run(self) -> Result:
        attempt = self.start.attempt
        while True:
            self.on_attempt(attempt)
            try:
                done = await self._cached() or await self._attempt(attempt)
                return self._succeeded(done, attempt)
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

    async def _attempt(self, attempt: int) -> Done:
        """Call the handler once; every failure comes out as StepFailed, except that the frame is not ours any more."""
        handler = self.scope.engine.handlers.get(self.start.kind)
        if handler is None:
            raise StepFailed(
                "kind_not_available", f"This runner has no steps of kind {self.start.kind}.", retryable=False
            )
        if isinstance(handler, Prepares):
            await self._prepared(handler)
        limit = asyncio.timeout(self.start.timeout_s)
        try:
            async with limit:
                done = await handler(self.start.config, self._context(attempt))
        except (StepFailed, Stale):
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise StepFailed("internal", "The step cancelled itself inside the plane.", retryable=True) from error
        except TimeoutError as error:
            if not limit.expired():
                raise StepFailed("timed_out", "The step's own call timed out.", retryable=True) from error
            raise StepFailed(
                "timed_out", f"The step did not end within {self.start.timeout_s:g} s.", retryable=True
            ) from error
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
        await self._remember(done)
        return done

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
            secrets=self.secrets,
            timeout_s=self.start.timeout_s,
            budget_usd=min(limits) if limits else None,
            effects=self.effects,
            http=self.scope.engine.http,
            environment=self.scope.engine.environment,
        )

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
            size = len(json.dumps(output, ensure_ascii=False, allow_nan=False).encode())
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
        noted: JsonObject = {"input": excerpt(self.start.config), **details}
        if self.attempts:
            noted["attempts"] = self.attempts[-10:]
        return Record(
            path=self.start.path,
            parent=self.start.parent,
            kind=self.start.kind,
            status="succeeded" if status == "succeeded" else "failed",
            output=result.get("output"),
            error=cast("JsonObject | None", result.get("error")),
            details=noted,
            attempts=attempt,
            cost_usd=self.spent.cost_usd,
        )

    def _ended(self, record: Record, size: int) -> Ended:
        elapsed = asyncio.get_running_loop().time() - self.began
        return Ended(self.start, record, self.spent, round(elapsed * 1000), size)

    async def _cached(self) -> Done | None:
        """Give the remembered output; a cache that cannot be read counts as empty."""
        if self.start.cache is None or len(self.attempts) > 0:
            return None
        payload: JsonObject = {"component": CACHE_COMPONENT, "key": self._cache_key()}
        try:
            found = await self.effects.act("get_state", payload, idempotency_key=f"{self.key}:cache:{uuid.uuid4()}")
        except NotFound:
            return None
        except PlaneError as error:
            log.warning("the cache of %s could not be read: %s", self.start.path, error.detail)
            return None
        if not isinstance(found, dict) or not isinstance(value := found.get("value"), dict):
            return None
        return Done(output=value.get("output"), details={"cache": "hit"})

    async def _remember(self, done: Done) -> None:
        if self.start.cache is None:
            return
        payload: JsonObject = {
            "component": CACHE_COMPONENT,
            "key": self._cache_key(),
            "value": {"output": done.output},
            "expires_in_seconds": max(1, round(float(cast("float", self.start.cache["ttl_s"])))),
        }
        try:
            await self.effects.act("put_state", payload, idempotency_key=f"{self.key}:cache:{uuid.uuid4()}")
        except PlaneError as error:
            log.warning("the cache of %s could not be written: %s", self.start.path, error.detail)

    def _cache_key(self) -> str:
        key = json.dumps(self.start.cache["key"] if self.start.cache else None, sort_keys=True)
        whole = "\n".join((self.scope.workflow, _INDEX.sub("", self.start.path), self.start.kind, key))
        return hashlib.sha256(whole.encode()).hexdigest()
