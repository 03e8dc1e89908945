"""loop: the body again until the condition holds, or `max` times."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from functions.shared.dsl.expressions import ExpressionError, evaluate_condition
from functions.shared.engine.facts import Record
from functions.shared.engine.instances import Instances, begun, failed_by
from functions.shared.engine.paths import index_of, item
from functions.shared.engine.rendering import RenderError, expression_failed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.dsl.models import Loop as LoopSpec
    from functions.shared.engine.facts import RecordStatus
    from functions.shared.engine.scope import Instance
    from functions.shared.jsonvalue import Json, JsonObject


class Loop:
    """The rounds of one loop; `whole` is the step itself."""

    def __init__(self, planner: Instances, whole: Instance) -> None:
        self._planner = planner
        self._ledger = planner.ledger
        self._whole = whole
        self._spec = cast("LoopSpec", whole.step.step.loop)

    def advance(self) -> None:
        """Bring the current round forward, and the next ones as far as they are decided at once."""
        done, path = self._planner.memo.done, self._whole.path
        index = done.get(path, 0)
        while self._get(index) is not None:
            index += 1
        while index == 0 or not self._is_over(index):
            self._planner.advance_instance(self._round(index))
            if self._get(index) is None:
                break
            index += 1
        done[path] = index

    def stop(self, reason: JsonObject) -> None:
        """Wind the current round down; records the loop as cancelled when nothing of it goes on any more."""
        path = self._whole.path
        self._ledger.unplan(path)
        for at in begun(self._ledger, path):
            self._planner.stop_instance(self._round(cast("int", index_of(at))), reason)
        if not begun(self._ledger, path):
            details: JsonObject = {**self._details(), "reason": reason}
            self._ledger.put(Record(path, self._whole.parent, "loop", "cancelled", details=details))

    def _get(self, index: int) -> Record | None:
        return self._ledger.get(item(self._whole.path, index))

    def _round(self, index: int) -> Instance:
        loop: JsonObject = {"index": index}
        previous = self._get(index - 1) if index else None
        if previous is not None:
            loop["previous"] = previous.output
        return self._whole.part(index, "round", {"loop": loop})

    def _is_over(self, count: int) -> bool:
        """Record the loop if the last of `count` rounds was its end."""
        last = cast("Record", self._get(count - 1))
        if last.status != "succeeded":
            self._ledger.put(failed_by(self._whole, last, self._details()))
            return True
        try:
            is_met = self._is_met(last, count - 1)
        except RenderError as error:
            problem: JsonObject = {"code": error.code, "message": error.message, "path": self._whole.path}
            self._put("failed", error=problem, details=self._details())
            return True
        if is_met or count >= self._spec.max:
            self._put("succeeded", output=last.output, details={**self._details(), "exhausted": not is_met})
            return True
        return False

    def _is_met(self, last: Record, index: int) -> bool:
        """A group's round carries its answer: its steps need not be loaded again to ask once more."""
        if self._whole.step.kind == "group":
            return last.details.get("until") is True
        return is_met(self._spec, self._round(index).scope.names, last.output)

    def _details(self) -> JsonObject:
        records: list[Record] = []
        while (record := self._get(len(records))) is not None:
            records.append(record)
        return {"rounds": len(records), **self._ledger.summary(records)}

    def _put(
        self, status: RecordStatus, *, output: Json = None, error: JsonObject | None = None, details: JsonObject
    ) -> None:
        whole = self._whole
        record = Record(whole.path, whole.parent, "loop", status, output=output, error=error, details=details)
        self._ledger.put(record)


def is_met(spec: LoopSpec, names: Mapping[str, object], output: Json) -> bool:
    """Decide `until` after a round, with `loop.output`; raises RenderError."""
    if spec.until is None:
        return False
    loop = cast("JsonObject", names["loop"])
    try:
        return evaluate_condition(spec.until, {**names, "loop": {**loop, "output": output}})
    except ExpressionError as error:
        raise expression_failed("loop.until", error) from error
