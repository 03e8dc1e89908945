"""Leaf steps: decide at once, start, wait, take an answer, or stop."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from functions.shared.dsl.expressions import ExpressionError
from functions.shared.dsl.kinds import FailWith
from functions.shared.dsl.rendering import render_config
from functions.shared.engine.facts import Record
from functions.shared.engine.plan import Start
from functions.shared.engine.questions import answers_in, is_question
from functions.shared.engine.rendering import (
    RenderError,
    config_of,
    expression_failed,
    rendered,
    retry_of,
    seconds_of,
    timeout_of,
)
from functions.shared.engine.waiting import WAITING_KINDS, answer_to, opened_for, opened_for_unknown, settled_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.dsl.models import Workflow
    from functions.shared.engine.facts import InFlight, RecordStatus, Wait
    from functions.shared.engine.ledger import Ledger
    from functions.shared.engine.scope import Budget, Instance
    from functions.shared.jsonvalue import Json, JsonObject

MAX_OUTPUT_BYTES = 5_000_000
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # as JSON writes it
_ENDING: JsonObject = {"code": "stopped", "message": "an execution that is ending waits for nothing"}


class Leaves:
    """Plans one leaf instance at a time. `held`: what a spent budget keeps from starting, with that budget's path."""

    def __init__(self, ledger: Ledger, workflow: Workflow) -> None:
        self._ledger = ledger
        self._workflow = workflow
        self.held: dict[str, tuple[Instance, str]] = {}

    def advance(self, instance: Instance) -> None:
        """Bring the instance forward; it ends here if nothing has to happen outside."""
        if self._ledger.is_busy(instance.path):
            return
        try:
            self._advance(instance)
        except RenderError as error:
            self.end(instance, "failed", error={"code": error.code, "message": error.message})

    def stop(self, instance: Instance, reason: JsonObject) -> None:
        """End the instance because of something else: cancelled if it was under way, skipped if it never began."""
        was_under_way = self._ledger.drop(instance.path)
        self.held.pop(instance.path, None)
        self.end(instance, "cancelled" if was_under_way else "skipped", details={"reason": reason})

    def end(
        self,
        instance: Instance,
        status: RecordStatus,
        *,
        output: Json = None,
        error: JsonObject | None = None,
        details: JsonObject | None = None,
    ) -> None:
        """Record how the instance ended."""
        attempts = max(1, self._attempt_of(instance))
        record = Record(
            instance.path,
            instance.parent,
            instance.kind,
            status,
            output=output,
            error=error,
            details=details or {},
            attempts=attempts,
        )
        self._ledger.put(record)

    def fail_over_limit(self, instance: Instance, code: str, message: str, fatal: str) -> None:
        """End the instance by a limit; `fatal` is the path of what the limit belongs to, '' the execution."""
        error: JsonObject = {"code": code, "message": message}
        self.end(instance, "failed", error=error, details={"fatal": fatal})

    def _advance(self, instance: Instance) -> None:
        match instance.step.kind:
            case "transform":
                self._transform(instance)
            case "fail":
                spec = cast("FailWith", instance.step.step.spec)
                message = rendered("fail.message", spec.message, instance.scope.names)
                raise RenderError(spec.code, message if isinstance(message, str) else json.dumps(message))
            case kind if kind in WAITING_KINDS:
                self._wait(instance)
            case _:
                self._work(instance)

    def _transform(self, instance: Instance) -> None:
        if not self.may_begin(instance):
            return
        output = rendered("transform", instance.step.config, instance.scope.names)
        check_output(output)
        self.end(instance, "succeeded", output=output)

    def _wait(self, instance: Instance) -> None:
        waits = self._ledger.waits_of(instance.path)
        if waits:
            if waits[-1].answered:
                self._take_answer(instance, waits[-1])
            elif self._ledger.is_ending:
                self.stop(instance, _ENDING)
            return
        if not self.may_begin(instance):
            return
        if self._ledger.is_ending:
            self.end(instance, "cancelled", details={"reason": _ENDING})
            return
        is_child = instance.step.kind == "workflow"
        if is_child and self.hold(instance):
            return
        wanted = opened_for(instance, self._left(instance) if is_child else None)
        if wanted is None:
            self.end(instance, "succeeded", output={})
            return
        self._ledger.open(wanted)

    def _take_answer(self, instance: Instance, wait: Wait) -> None:
        details: JsonObject = {}
        if wait.kind == "child" and wait.outcome == "timed_out":
            self._ledger.close(wait.token)  # the child is asked to stop
        if wait.kind == "child" and isinstance(wait.payload, dict) and wait.outcome == "failed":
            details["child_error"] = wait.payload
        try:
            output = answer_to(instance.step, wait)
            check_output(output)
        except RenderError as error:
            own: JsonObject = {"code": error.code, "message": error.message}
            self.end(instance, "failed", error=own, details=details)
            return
        self.end(instance, "succeeded", output=output, details=details)

    def _work(self, instance: Instance) -> None:
        """Start the handler, unless what a former owner left behind has to be settled first."""
        path = instance.path
        lost = self._ledger.facts.in_flight.get(path)
        waits = self._ledger.waits_of(path)
        last = waits[-1] if waits else None
        if last is not None and not last.answered:
            if self._ledger.is_ending:
                self.stop(instance, _ENDING)
            return
        if lost is not None and lost.at_most_once and not _is_about(last, lost):
            self._settle_lost(instance, lost)
            return
        if last is not None and is_question(last):
            self._start(instance, max(self._attempt_of(instance), lost.attempt if lost is not None else 1))
            return
        if last is None or last.kind not in {"retry", "unknown"}:
            self._start(instance, lost.attempt if lost is not None else 1)
            return
        if last.kind == "unknown" and last.outcome != "retry":
            self._take_verdict(instance, last)
            return
        if last.outcome == "cancelled":
            error = last.data.get("error")
            stopped: JsonObject = {"code": "cancelled", "message": "It was cancelled before its next attempt"}
            self.end(instance, "failed", error=error if isinstance(error, dict) else stopped)
            return
        self._start(instance, max(self._attempt_of(instance), lost.attempt if lost is not None else 1))

    def _take_verdict(self, instance: Instance, wait: Wait) -> None:
        if wait.outcome in {"cancelled", "timed_out"}:
            message = f"{instance.path} was started once, its result was lost, and nobody said whether it happened"
            raise RenderError("outcome_unknown", message)
        self.end(instance, "succeeded", output=settled_by(wait), details={"settled_by": "a person"})

    def _settle_lost(self, instance: Instance, lost: InFlight) -> None:
        step = instance.step.step
        if step.on_unknown == "ask" and not self._ledger.is_ending:
            self._ledger.open(opened_for_unknown(instance, lost))
            return
        if step.on_unknown == "verify" and step.verify is not None:
            self._ledger.start(self._look_up(instance, lost))
            return
        message = (
            f"{instance.path} happens at most once; it was started and its result was lost. "
            "Find out whether it happened; `on_unknown: ask` or `verify` settles this next time."
        )
        raise RenderError("outcome_unknown", message)

    def _look_up(self, instance: Instance, lost: InFlight) -> Start:
        """Noted like an at-most-once step: a crash during the look-up must not forget that the result is unknown."""
        names = instance.scope.names
        verify = instance.step.step.verify
        spec = verify.model_dump(mode="json", exclude_unset=True) if verify is not None else {}
        return Start(
            path=instance.path,
            parent=instance.parent,
            kind="tool",
            config=_look_up_config(spec, names),
            attempt=lost.attempt,
            retry=retry_of(instance.step, self._workflow, names),
            timeout_s=timeout_of(instance.step, self._workflow, names),
            effect="at_most_once",
            on_unknown="verify",
            verifies=self._render(instance, lost.attempt + 1),
            answers=answers_in(self._ledger.waits_of(instance.path), is_look_up=True),
        )

    def _start(self, instance: Instance, attempt: int) -> None:
        is_again = bool(self._ledger.waits_of(instance.path))
        if (is_again or self.may_begin(instance)) and not self.hold(instance):
            self._ledger.start(self._render(instance, attempt))

    def _render(self, instance: Instance, attempt: int) -> Start:
        step, names = instance.step.step, instance.scope.names
        key = rendered("idempotency_key", step.idempotency_key, names)
        left = self._left(instance)
        return Start(
            path=instance.path,
            parent=instance.parent,
            kind=instance.kind,
            config=config_of(instance.step, names),
            attempt=attempt,
            retry=retry_of(instance.step, self._workflow, names),
            timeout_s=timeout_of(instance.step, self._workflow, names),
            effect=step.effect,
            on_unknown=step.on_unknown,
            idempotency_key=None if key is None else _text(key),
            cache=self._cache(instance),
            budget_usd=None if left is None else str(left),
            answers=answers_in(self._ledger.waits_of(instance.path)),
        )

    def _cache(self, instance: Instance) -> JsonObject | None:
        cache, names = instance.step.step.cache, instance.scope.names
        if cache is None:
            return None
        ttl_s = seconds_of("cache.ttl", rendered("cache.ttl", cache.ttl, names))
        return {"key": rendered("cache.key", cache.key, names), "ttl_s": ttl_s}

    def may_begin(self, instance: Instance, steps: int = 1) -> bool:
        """Whether that many more steps fit into `limits.max_steps`; otherwise the instance has failed."""
        if instance.scope.is_free or self._ledger.has_room(steps):
            return True
        most = self._workflow.limits.max_steps
        these = "this would be one more" if steps == 1 else f"these {steps:,} would be too many"
        message = f"The execution may run {most:,} steps (`limits.max_steps`), and {these}"
        self.fail_over_limit(instance, "too_many_steps", message, fatal="")
        return False

    def hold(self, instance: Instance) -> bool:
        """Whether a spent budget keeps the instance from starting; it is decided on when nothing runs any more."""
        if instance.scope.is_free:
            return False
        for budget in instance.scope.budgets:
            if self._left_of(budget) <= 0:
                self.held[instance.path] = (instance, budget.path)
                return True
        if self._ledger.facts.budget_exhausted:
            self.held[instance.path] = (instance, "")
            return True
        return False

    def _left(self, instance: Instance) -> Decimal | None:
        """What is left of the tightest budget around the instance; None: there is none."""
        if instance.scope.is_free:
            return None
        return min((self._left_of(budget) for budget in instance.scope.budgets), default=None)

    def _left_of(self, budget: Budget) -> Decimal:
        return budget.limit_usd - self._ledger.spent_under(budget.path)

    def _attempt_of(self, instance: Instance) -> int:
        """Give the attempt that waits or in-flight notes of the instance speak of; 1 without any."""
        facts = self._ledger.facts
        attempts = [1, facts.running.get(instance.path, 1)]
        for wait in self._ledger.waits_of(instance.path):
            attempt = wait.data.get("attempt")
            if isinstance(attempt, int):
                again = 1 if wait.kind == "unknown" and wait.outcome == "retry" else 0
                attempts.append(attempt + again)
        return max(attempts)


def check_output(output: Json) -> None:
    """Refuse an output that is too large to keep, or holds what the database cannot; raises RenderError."""
    if isinstance(output, (bool, int, float)) or output is None:
        return
    text = json.dumps(output, ensure_ascii=False)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise _unsupported() from None
    if _NUL.search(text):
        raise _unsupported()
    if size > MAX_OUTPUT_BYTES:
        message = f"The output is {size:,} bytes, the limit is {MAX_OUTPUT_BYTES:,}; give less, or a reference to it"
        raise RenderError("output_too_large", message)


def _unsupported() -> RenderError:
    return RenderError("unsupported_character", "The output holds a NUL character or half of a character")


def _is_about(wait: Wait | None, lost: InFlight) -> bool:
    """Whether the wait has already asked about this very start."""
    return wait is not None and wait.kind == "unknown" and wait.data.get("attempt") == lost.attempt


def _look_up_config(spec: JsonObject, names: Mapping[str, object]) -> JsonObject:
    """Give the tool of `verify`, rendered as every tool is: its `auth` is never computed."""
    try:
        return cast("JsonObject", render_config("tool", spec, names))
    except ExpressionError as error:
        raise expression_failed("verify", error) from error


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
