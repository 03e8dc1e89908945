"""What happens next: `plan(compiled, facts)`, pure, to a fixpoint in one call. No clock, no I/O, no randomness."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from functions.shared.engine.facts import Facts, InFlight, Record, Shard, Wait
from functions.shared.engine.for_each import ForEach
from functions.shared.engine.joins import CLEAN_UP
from functions.shared.engine.leaves import check_output
from functions.shared.engine.ledger import Ledger
from functions.shared.engine.memo import Memo
from functions.shared.engine.paths import ON_ERROR, ancestors, item, join, segments
from functions.shared.engine.plan import Child, Deadline, Finish, Open, Plan, Start
from functions.shared.engine.rendering import RenderError, rendered
from functions.shared.engine.scope import Instance, Scope
from functions.shared.engine.walk import Walk, whole_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.dsl.compiled import Compiled
    from functions.shared.jsonvalue import Json, JsonObject

__all__ = [
    "Child",
    "Deadline",
    "Facts",
    "Finish",
    "InFlight",
    "Memo",
    "Open",
    "Plan",
    "Record",
    "Shard",
    "Start",
    "Wait",
    "plan",
]

_BUDGET_REFUSED = frozenset({"timed_out", "cancelled", "stop", "reject", "failed", "deny"})
_ENDINGS: dict[str, str] = {
    "cancelled": "The execution was cancelled",
    "timed_out": "The execution ran out of time (`limits.timeout`)",
    "budget_exceeded": "The execution has spent its budget",
    "too_many_checkpoints": "The execution has more checkpoints than one frame may have; call workflows for its parts",
}


def plan(compiled: Compiled, facts: Facts, memo: Memo | None = None) -> Plan:
    """Decide everything that can be decided from these facts.

    The same facts give the same plan. `memo` saves one owner work from plan to plan and changes nothing.
    """
    planner = _Planner(compiled, facts, memo or Memo())
    while True:
        finish = planner.finish_of_slice(facts.shard) if facts.shard is not None else planner.finish()
        if not planner.settle_held():
            return planner.ledger.to_plan(finish)


class _Planner:
    def __init__(self, compiled: Compiled, facts: Facts, memo: Memo) -> None:
        self._compiled = compiled
        self._facts = facts
        self.ledger = Ledger(facts, max_steps=compiled.workflow.limits.max_steps)
        self._walk = Walk(self.ledger, memo, compiled.workflow)
        names: dict[str, object] = {"input": facts.input}
        self._root = Scope.outermost(self.ledger, "", compiled.steps, names)

    # The execution

    def finish(self) -> Finish | None:
        """Bring the execution forward; answers its end when it is over."""
        root, order = self._root, self._compiled.order
        cancel = self._facts.cancel
        stop: JsonObject | None = None
        if cancel is not None:
            stop = {"code": cancel, "message": _ending(cancel)}
        if not self._walk.advance_scope(root, order, stop):
            return None
        error = self._error()
        if error is None and not self.ledger.is_ending:
            try:
                output = self._output()
            except RenderError as problem:
                error = _problem(problem, "output")
            else:
                return self._end(Finish("succeeded", output))
        if not self._has_handled(error, stop):
            return None
        if error is not None:
            return self._end(Finish("failed", error=error))
        ended: JsonObject = {"code": cancel, "message": _ending(cancel or ""), "path": ""}
        return self._end(Finish("timed_out" if cancel == "timed_out" else "cancelled", error=ended))

    def _error(self) -> JsonObject | None:
        """Give the failure of the execution: that of its first failed step, or the limit that it broke."""
        find = self._walk.cause_of if self.ledger.is_ending else self._walk.failure_of
        failed = find(self._root, self._compiled.order)
        if failed is not None:
            return _error_of(failed)
        cancel = self._facts.cancel
        if cancel is None or self.ledger.is_ending:
            return None
        return {"code": cancel, "message": _ending(cancel), "path": ""}

    def _has_handled(self, error: JsonObject | None, stop: JsonObject | None) -> bool:
        """Run the workflow's `on_error` steps; whether they have ended. An execution that is ending begins none."""
        if not self._compiled.on_error:
            return True
        if self.ledger.is_ending:
            if ON_ERROR not in self.ledger.touched():
                return True
        elif error is None:
            return True
        scope = self._on_error_scope(error)
        return self._walk.advance_scope(scope, self._compiled.on_error_order, stop if self.ledger.is_ending else None)

    def _on_error_scope(self, error: JsonObject | None) -> Scope:
        return self._root.beside(self.ledger, ON_ERROR, self._compiled.on_error, error=error)

    def _output(self) -> Json:
        workflow = self._compiled.workflow
        output = (
            rendered("output", workflow.output, self._root.names)
            if workflow.has_output
            else self._walk.outputs_by_name(self._root, self._compiled.order)
        )
        check_output(output)
        return output

    def _end(self, finish: Finish) -> Finish:
        self.ledger.close_all()
        return finish

    # A shard

    def finish_of_slice(self, shard: Shard) -> Finish | None:
        """Bring the items of a shard forward; answers the end of the slice when it is over."""
        cancel = self._facts.cancel
        try:
            whole = self._whole_of(shard)
            count = len(ForEach(self._walk, whole).items())
        except RenderError as problem:
            return Finish("failed", error=_problem(problem, shard.path))
        self.ledger.share(count)
        items = ForEach(self._walk, self._sharing(whole, count))
        if cancel is not None:
            return self._cancelled_slice(items, shard, cancel)
        stop = min(shard.stop, count)
        if not items.advance_slice(shard.start, stop, shard.max_parallel):
            return None
        failed = items.failure(shard.start, stop)
        if failed is not None:
            error = _error_of(failed)
            if failed.details.get("fatal") not in {None, shard.path}:
                error["fatal"] = failed.details["fatal"]
            return self._end(Finish("failed", error=error))
        return self._end(Finish("succeeded"))

    def _cancelled_slice(self, items: ForEach, shard: Shard, cancel: str) -> Finish | None:
        error: JsonObject = {"code": cancel, "message": _ending(cancel), "path": ""}
        if not items.stop_items({"code": cancel, "message": _ending(cancel)}, shard.start, shard.stop):
            return None
        match cancel:
            case "cancelled" | "timed_out":
                return self._end(Finish(cancel, error=error))
            case _:
                return self._end(Finish("failed", error=error))

    def _whole_of(self, shard: Shard) -> Instance:
        """Find the for_each step of a shard, with everything that its items can see; raises RenderError."""
        scope, order, way = self._root, self._compiled.order, segments(shard.path)
        if way[0][0] == ON_ERROR and ON_ERROR not in scope.steps:
            scope, order = self._on_error_scope(self._error()), self._compiled.on_error_order
            way = way[1:]
        for name, index in way[:-1]:
            whole = self._standing(scope, order, name)
            part = whole if index is None else self._part_of(whole, index)
            order = whole.step.order
            scope = part.scope.inside(self.ledger, part.path, whole.step.steps)
        return self._standing(scope, order, way[-1][0])

    def _standing(self, scope: Scope, order: Sequence[str], name: str) -> Instance:
        """Give a step of the scope; clean-up after a failure is free of limits, as it is in the root."""
        step = scope.steps[name]
        if step.step.requires == CLEAN_UP and self._walk.reason_to_stop(scope, order) is not None:
            scope = scope.freed()
        return whole_of(scope, step, join(scope.path, name))

    def _sharing(self, whole: Instance, count: int) -> Instance:
        """Give the step with this shard's part of its budget, and of those around it."""
        budgets = tuple(
            replace(budget, limit_usd=self.ledger.share_of(budget.path, budget.limit_usd, count))
            for budget in whole.scope.budgets
        )
        return replace(whole, scope=replace(whole.scope, budgets=budgets)) if budgets else whole

    def _part_of(self, whole: Instance, index: int) -> Instance:
        if whole.step.step.for_each is not None:
            items = ForEach(self._walk, whole).items()
            return whole.part(index, "item", {"item": items[index], "index": index})
        loop: JsonObject = {"index": index}
        previous = self.ledger.get(item(whole.path, index - 1)) if index else None
        if previous is not None:
            loop["previous"] = previous.output
        return whole.part(index, "round", {"loop": loop})

    # Budgets

    def settle_held(self) -> bool:
        """Decide about the steps that a spent budget keeps from starting; whether there is more to plan now."""
        held = self._walk.leaves.held
        for path, (instance, budget) in list(held.items()):
            del held[path]
            if any(self.ledger.get(at) is not None for at in (path, *ancestors(path))):
                continue  # it, or what is around it, has ended meanwhile
            if budget:
                if not self.ledger.runs_under(budget):
                    part = "its" if self._facts.shard is None else "this shard's part of its"
                    self._fail_by_budget(instance, f"{budget} has spent {part} `budget_usd`", fatal=budget)
                    return True
            elif self.ledger.is_idle and self._is_refused():
                self._fail_by_budget(instance, _ENDINGS["budget_exceeded"], fatal="")
                return True
        return False

    def _fail_by_budget(self, instance: Instance, message: str, *, fatal: str) -> None:
        self._walk.leaves.held.clear()
        self._walk.leaves.fail_over_limit(instance, "budget_exceeded", message, fatal)

    def _is_refused(self) -> bool:
        """Whether nobody grants more: either nobody is asked, or the answer was no. Otherwise it is asked for here."""
        limits = self._compiled.workflow.limits
        if limits.on_budget != "ask" or self.ledger.is_ending:
            return True
        asked = self.ledger.waits_of("")
        if asked and not asked[-1].answered:
            return False
        if asked and asked[-1].outcome in _BUDGET_REFUSED:
            return True
        data: JsonObject = {
            "message": "The execution has spent its budget. Grant more, or let it fail?",
            "outcomes": ["grant", "stop"],
            "budget_usd": limits.budget_usd,
        }
        self.ledger.open(Open(kind="budget", path="", name="budget", data=data))
        return False


def _error_of(failed: Record) -> JsonObject:
    error = failed.error or {}
    return {
        "code": error.get("code") or "failed",
        "message": error.get("message") or f"{failed.path} failed",
        "path": error.get("path") or failed.path,
    }


def _problem(problem: RenderError, path: str) -> JsonObject:
    return {"code": problem.code, "message": problem.message, "path": path}


def _ending(cancel: str) -> str:
    return _ENDINGS.get(cancel, f"The execution was ended: {cancel}")
