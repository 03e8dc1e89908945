"""One pass over the live part of the tree of steps: joins, conditions, groups, and winding down after a failure."""

from __future__ import annotations

from decimal import Decimal
from heapq import heappop, heappush
from typing import TYPE_CHECKING, cast

from functions.shared.dsl.expressions import ExpressionError, evaluate_condition
from functions.shared.engine.facts import Record
from functions.shared.engine.for_each import ForEach
from functions.shared.engine.instances import failed_by
from functions.shared.engine.joins import CLEAN_UP, is_failure, reason_to_skip, was_stopped
from functions.shared.engine.leaves import Leaves, check_output
from functions.shared.engine.loop import Loop, is_met
from functions.shared.engine.paths import join
from functions.shared.engine.rendering import RenderError, duration, expression_failed, rendered
from functions.shared.engine.scope import Budget, Instance, Scope
from functions.shared.engine.stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.dsl.compiled import CompiledStep
    from functions.shared.dsl.models import Workflow
    from functions.shared.engine.frontier import Frontier
    from functions.shared.engine.ledger import Ledger
    from functions.shared.engine.memo import Memo
    from functions.shared.jsonvalue import Json, JsonObject


class Walk:
    """Steps are looked at in topological order, so one pass brings a scope as far as it goes.

    A failure in a scope starts a second pass that winds it down: what runs is cancelled, what never began is skipped,
    only clean-up (`requires: ended`) still starts.
    """

    def __init__(self, ledger: Ledger, memo: Memo, workflow: Workflow) -> None:
        self.ledger = ledger
        self.memo = memo
        self.leaves = Leaves(ledger, workflow)

    # Scopes

    def advance_scope(self, scope: Scope, order: Sequence[str], stop: JsonObject | None = None) -> bool:
        """Bring a scope forward; with `stop` (a reason) wind it down. Whether all its steps have ended."""
        if stop is None:
            frontier = self.memo.frontier(scope.path, order)
            if not self._holds_failure(scope, frontier) and self._go_on(scope, frontier):
                return not frontier.open
            stop = cast("JsonObject", self.reason_to_stop(scope, order))  # there is one: that is why it went no further
        return self._wind_down(scope, order, stop)

    def failure_of(self, scope: Scope, order: Sequence[str]) -> Record | None:
        """Give what failed the scope: the first failed step in order, a clean-up's failure only without any other."""
        return self.cause_of(scope, order) or self._first_failure(scope, [n for n in order if _is_clean_up(scope, n)])

    def cause_of(self, scope: Scope, order: Sequence[str]) -> Record | None:
        """Give the first failure that is not a clean-up's."""
        return self._first_failure(scope, [name for name in order if not _is_clean_up(scope, name)])

    def _first_failure(self, scope: Scope, names: Sequence[str]) -> Record | None:
        for name in names:
            record = self.ledger.get(join(scope.path, name))
            if record is not None and is_failure(record, scope.steps[name]):
                return record
        return None

    def reason_to_stop(self, scope: Scope, order: Sequence[str]) -> JsonObject | None:
        """Say which failure in the scope winds it down; None: there is none."""
        failed = self.failure_of(scope, order)
        return None if failed is None else {"code": "stopped", "message": f"{failed.path} failed"}

    def _holds_failure(self, scope: Scope, frontier: Frontier) -> bool:
        """Whether a step has failed since the scope was last looked at, or before: then it stayed on the frontier."""
        for place in frontier.open:
            name = frontier.order[place]
            record = self.ledger.get(join(scope.path, name))
            if record is not None and is_failure(record, scope.steps[name]):
                return True
        return False

    def _go_on(self, scope: Scope, frontier: Frontier) -> bool:
        """Advance step after step; false at the first failure: nothing behind it may begin in this very pass."""
        still_open: list[int] = []
        while frontier.open:
            place = heappop(frontier.open)
            name = frontier.order[place]
            path, step = join(scope.path, name), scope.steps[name]
            record = self.ledger.get(path)
            if record is None:
                if (need := self._open_need(scope, step)) is not None:
                    frontier.blocked.setdefault(need, []).append(place)
                    continue
                self._advance_step(scope, step, path)
                record = self.ledger.get(path)
            if record is None:
                still_open.append(place)
            elif is_failure(record, step):
                still_open.append(place)
                frontier.open = sorted([*still_open, *frontier.open])
                return False
            else:
                for waiting in frontier.blocked.pop(name, ()):
                    heappush(frontier.open, waiting)  # a later place: what a step needs stands before it
        frontier.open = still_open
        return True

    def _open_need(self, scope: Scope, step: CompiledStep) -> str | None:
        """Give a need of the step that has not ended; None: it may begin."""
        for name in step.needs:
            if self.ledger.get(join(scope.path, name)) is None:
                return name
        return None

    def _wind_down(self, scope: Scope, order: Sequence[str], reason: JsonObject) -> bool:
        has_ended = True
        for name in order:
            path, step = join(scope.path, name), scope.steps[name]
            if self.ledger.get(path) is not None:
                continue
            if step.step.requires == CLEAN_UP:
                self._advance_step(scope.freed(), step, path)
            else:
                self._stop_step(scope, step, path, reason)
            has_ended = has_ended and self.ledger.get(path) is not None
        return has_ended

    # Steps

    def _advance_step(self, scope: Scope, step: CompiledStep, path: str) -> None:
        if path in self.ledger.facts.running:
            return
        whole = whole_of(scope, step, path)
        if not self._begins(whole):
            return
        if step.step.for_each is not None:
            ForEach(self, whole).advance()
        elif step.step.loop is not None:
            Loop(self, whole).advance()
        else:
            self.advance_instance(whole)

    def _begins(self, whole: Instance) -> bool:
        """Whether the step runs: its needs have ended, its join and its `when` let it. Decided once."""
        path, step = whole.path, whole.step
        if path in self.memo.begun:
            return True
        needs: dict[str, Record] = {}
        for name in step.needs:
            need = self.ledger.get(join(whole.parent, name))
            if need is None:
                return False
            needs[name] = need
        reason = reason_to_skip(step, needs, whole.scope.steps)
        try:
            reason = reason or _reason_by_condition(step.step.when, whole.scope)
        except RenderError as error:
            self.leaves.end(whole, "failed", error={"code": error.code, "message": error.message})
            return False
        if reason is not None:
            details: JsonObject = {"reason": reason}
            self.leaves.end(whole, "skipped", details=details)
            return False
        self.memo.begun.add(path)
        return True

    def _stop_step(self, scope: Scope, step: CompiledStep, path: str, reason: JsonObject) -> None:
        whole = whole_of(scope, step, path)
        self.ledger.unplan(path)
        is_plain_leaf = step.kind != "group" and step.step.for_each is None and step.step.loop is None
        if is_plain_leaf or path not in self.ledger.touched():
            self.leaves.stop(whole, reason)
        elif step.step.for_each is not None:
            ForEach(self, whole).stop(reason)
        elif step.step.loop is not None:
            Loop(self, whole).stop(reason)
        else:
            self.stop_instance(whole, reason)

    # Instances: a step itself, one item or one round of it

    def advance_instance(self, instance: Instance) -> None:
        """Bring a leaf or a group forward."""
        if instance.step.kind != "group":
            self.leaves.advance(instance)
            return
        inner = instance.scope.inside(self.ledger, instance.path, instance.step.steps)
        watch = Stopwatch(self.ledger, instance)
        if (late := watch.ran_out()) is not None:
            if self.advance_scope(inner, instance.step.order, late):
                self._end_late(instance, inner, late)
            return
        if self.advance_scope(inner, instance.step.order):
            self._end_group(instance, inner)
            watch.stop()
        else:
            self._keep_time(watch, instance)

    def stop_instance(self, instance: Instance, reason: JsonObject) -> None:
        """Wind a leaf or a group down; a group that had ended by itself ends as it would have."""
        if instance.step.kind != "group":
            self.leaves.stop(instance, reason)
            return
        order = instance.step.order
        inner = instance.scope.inside(self.ledger, instance.path, instance.step.steps)
        if not self.advance_scope(inner, order, reason):
            return
        Stopwatch(self.ledger, instance).stop()
        if self.cause_of(inner, order) or not any(map(was_stopped, self._records(inner, order))):
            self._end_group(instance, inner)
        else:
            details: JsonObject = {**self._summary(inner, order), "reason": reason}
            self.leaves.end(instance, "cancelled", details=details)

    def is_held(self, instance: Instance) -> bool:
        return self.leaves.hold(instance)

    def may_begin(self, instance: Instance, steps: int) -> bool:
        return self.leaves.may_begin(instance, steps)

    # Ends of groups

    def _end_group(self, instance: Instance, inner: Scope) -> None:
        order = instance.step.order
        self.memo.frontiers.pop(inner.path, None)
        details = self._summary(inner, order)
        failed = self.failure_of(inner, order)
        if failed is not None:
            self.ledger.put(failed_by(instance, failed, details))
            return
        try:
            output = self._output(instance, inner)
            if instance.kind == "round" and (loop := instance.step.step.loop) is not None:
                details["until"] = is_met(loop, inner.names, output)
        except RenderError as error:
            problem: JsonObject = {"code": error.code, "message": error.message, "path": instance.path}
            self.leaves.end(instance, "failed", error=problem, details=details)
            return
        self.leaves.end(instance, "succeeded", output=output, details=details)

    def _end_late(self, instance: Instance, inner: Scope, late: JsonObject) -> None:
        error: JsonObject = {"code": "timed_out", "message": late["message"], "path": instance.path}
        self.leaves.end(instance, "failed", error=error, details=self._summary(inner, instance.step.order))

    def _output(self, instance: Instance, inner: Scope) -> Json:
        step = instance.step.step
        output = (
            rendered("output", step.output, inner.names)
            if step.has_output
            else self.outputs_by_name(inner, instance.step.order)
        )
        check_output(output)
        return output

    def outputs_by_name(self, scope: Scope, order: Sequence[str]) -> JsonObject:
        """Give the outputs of a scope's steps; null for those that have none."""
        found: JsonObject = {}
        for name in scope.steps:
            record = self.ledger.get(join(scope.path, name)) if name in order else None
            found[name] = record.output if record is not None and record.status == "succeeded" else None
        return found

    def _summary(self, scope: Scope, order: Sequence[str]) -> JsonObject:
        return self.ledger.summary(self._records(scope, order))

    def _records(self, scope: Scope, order: Sequence[str]) -> list[Record]:
        return [record for name in order if (record := self.ledger.get(join(scope.path, name))) is not None]

    def _keep_time(self, watch: Stopwatch, instance: Instance) -> None:
        timeout = instance.step.step.timeout
        if timeout is None or self.ledger.get(instance.path) is not None:
            return
        try:
            watch.keep(duration("timeout", timeout, instance.scope.names))
        except RenderError as error:
            self.ledger.unplan(instance.path)
            problem: JsonObject = {"code": error.code, "message": error.message, "path": instance.path}
            self.leaves.end(instance, "failed", error=problem)


def _is_clean_up(scope: Scope, name: str) -> bool:
    return scope.steps[name].step.requires == CLEAN_UP


def whole_of(scope: Scope, step: CompiledStep, path: str) -> Instance:
    """Give the step at `path` as it stands in its scope, with its own budget."""
    kind = "for_each" if step.step.for_each is not None else "loop" if step.step.loop is not None else step.kind
    if step.step.budget_usd is not None:
        scope = scope.within(Budget(path, Decimal(str(step.step.budget_usd))))
    return Instance(step, path, scope.path, kind, scope)


def _reason_by_condition(when: Json, scope: Scope) -> JsonObject | None:
    try:
        if when is None or evaluate_condition(when, scope.names):
            return None
    except ExpressionError as error:
        raise expression_failed("when", error) from error
    return {"code": "when_false", "message": f"its condition was false: {when}"}
