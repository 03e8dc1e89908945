"""for_each: which items go on, which may begin, when shards take over, and what they add up to."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, cast

from functions.shared.dsl.expressions import ExpressionError, evaluate_expression
from functions.shared.engine.facts import Record, Shard
from functions.shared.engine.frontier import Going
from functions.shared.engine.instances import Instances, begun, failed_by
from functions.shared.engine.leaves import MAX_OUTPUT_BYTES, check_output
from functions.shared.engine.paths import index_of
from functions.shared.engine.paths import item as path_of_item
from functions.shared.engine.plan import Open
from functions.shared.engine.rendering import RenderError, expression_failed

if TYPE_CHECKING:
    from functions.shared.engine.facts import RecordStatus, Wait
    from functions.shared.engine.scope import Instance
    from functions.shared.jsonvalue import Json, JsonObject

MAX_ITEMS = 10_000
SHARD_FROM = 200
SHARD_ITEMS = 100
MAX_SHARDS = 16
_DECIDED_AT_ONCE = frozenset({"transform", "fail"})


class ForEach:
    """The items of one for_each step; `whole` is the step itself."""

    def __init__(self, planner: Instances, whole: Instance) -> None:
        self._planner = planner
        self._ledger = planner.ledger
        self._whole = whole
        self._step = whole.step.step

    def advance(self) -> None:
        """Bring the items forward, or hand them to shards; records the step when all have ended."""
        try:
            count = len(self.items())
            waits = [wait for wait in self._ledger.waits_of(self._whole.path) if wait.kind == "shards"]
            if waits:
                self._gather(waits[-1], count)
            elif self._is_spread(count):
                self._spread(count)
            elif self.advance_slice(0, count, self._step.max_parallel):
                self._end(count)
        except RenderError as error:
            problem: JsonObject = {"code": error.code, "message": error.message}
            self._put("failed", error=problem)

    def advance_slice(self, start: int, stop: int, max_parallel: int) -> bool:
        """Bring the items from `start` to `stop` forward; whether they are over, wound down if one failed."""
        path, memo = self._whole.path, self._planner.memo.going
        going = memo.get(path) or memo.setdefault(path, Going(start))
        failed = self._fill(going, stop, max_parallel) or self._go_on(going, stop)
        if failed is None:
            return not going.open
        return self.stop_items({"code": "stopped", "message": f"{failed.path} failed"}, start, stop)

    def stop_items(self, reason: JsonObject, start: int = 0, stop: int = MAX_ITEMS) -> bool:
        """Wind down the items from `start` to `stop` that began; whether all of them have ended."""
        self._ledger.unplan(self._whole.path)
        for index in self._begun(start, stop):
            self._planner.stop_instance(self._part(index), reason)
        return not self._begun(start, stop)

    def stop(self, reason: JsonObject) -> None:
        """Wind the whole step down; records it as cancelled when nothing of it goes on any more."""
        path = self._whole.path
        waits = self._ledger.waits_of(path)
        for wait in waits:
            if not wait.answered:
                self._ledger.close(wait.token)
        if any(wait.kind == "shards" for wait in waits):
            # The shards were asked to stop, and clean up after their own items; what they recorded is not ours to end.
            self._ledger.unplan(path)
            self._put("cancelled", details={"reason": reason})
        elif self.stop_items(reason):
            self._put("cancelled", details={"reason": reason})

    def items(self) -> list[Json]:
        """Evaluate the list, once; raises RenderError."""
        path, memo = self._whole.path, self._planner.memo.items
        if path not in memo:
            memo[path] = self._evaluate()
        return memo[path]

    def failure(self, start: int, stop: int) -> Record | None:
        """Give the first failed item between `start` and `stop` that fails the step."""
        records = (self._get(index) for index in range(start, stop))
        return next((record for record in records if record is not None and self._fails_all(record)), None)

    def _evaluate(self) -> list[Json]:
        try:
            found = evaluate_expression(self._step.for_each, self._whole.scope.names)
        except ExpressionError as error:
            raise expression_failed("for_each", error) from error
        if not isinstance(found, list):
            raise RenderError("expression_type_error", f"`for_each` must give a list, and gave {str(found)[:100]!r}")
        if len(found) > MAX_ITEMS:
            message = f"`for_each` has {len(found):,} items, the limit is {MAX_ITEMS:,}; split the work into batches"
            raise RenderError("too_many_items", message)
        return found

    def _get(self, index: int) -> Record | None:
        return self._ledger.get(path_of_item(self._whole.path, index))

    def _begun(self, start: int, stop: int) -> list[int]:
        """Give the items that began and have not ended; those of other shards are seen too, if a retry carried them."""
        found = (cast("int", index_of(at)) for at in begun(self._ledger, self._whole.path))
        return sorted(index for index in found if start <= index < stop)

    def _part(self, index: int) -> Instance:
        return self._whole.part(index, "item", {"item": self.items()[index], "index": index})

    def _fails_all(self, record: Record) -> bool:
        return record.status == "failed" and (self._step.on_item_error == "fail" or "fatal" in record.details)

    def _first_open(self, start: int, stop: int) -> int:
        """Give the first item that has not ended well; remembered, because records only ever grow."""
        path, done = self._whole.path, self._planner.memo.done
        index = max(start, done.get(path, 0))
        while index < stop and self._has_ended_well(index):
            index += 1
        done[path] = index
        return index

    def _fill(self, going: Going, stop: int, max_parallel: int) -> Record | None:
        """Give the places of items that have ended to the next ones; answers the first that failed for all."""
        going.open = [index for index in going.open if not self._has_ended_well(index)]
        while len(going.open) < max_parallel and (index := self._next(going, stop)) is not None:
            going.open.append(index)
        return next((record for index in going.open if (record := self._get(index)) is not None), None)

    def _go_on(self, going: Going, stop: int) -> Record | None:
        """Advance the open items, and the next ones for those that end at once; answers one that failed for all."""
        left, going.open = deque(going.open), []
        while left:
            index = left.popleft()
            record = self._get(index) or self._advanced(index)
            if record is None:
                going.open.append(index)
            elif self._fails_all(record):
                going.open += [index, *left]
                return record
            elif (following := self._next(going, stop)) is not None:
                left.append(following)
        return None

    def _next(self, going: Going, stop: int) -> int | None:
        """Take the next item that has not ended well."""
        while going.next < stop:
            going.next += 1
            if not self._has_ended_well(going.next - 1):
                return going.next - 1
        return None

    def _has_ended_well(self, index: int) -> bool:
        record = self._get(index)
        return record is not None and not self._fails_all(record)

    def _advanced(self, index: int) -> Record | None:
        """Advance an item; answers its record if it ended at once."""
        if path_of_item(self._whole.path, index) in self._ledger.facts.running:
            return None
        self._planner.advance_instance(self._part(index))
        return self._get(index)

    def _is_spread(self, count: int) -> bool:
        """Whether shards take over: many items, side by side, with work in them, and not inside a shard already."""
        if count <= SHARD_FROM or self._step.max_parallel == 1 or self._ledger.facts.shard is not None:
            return False
        if self._step.kind in _DECIDED_AT_ONCE or self._ledger.is_ending:
            return False
        return self._first_open(0, count) < count

    def _spread(self, count: int) -> None:
        path = self._whole.path
        if self._ledger.is_busy(path):
            return
        left = sum(self._get(index) is None for index in range(count))
        if self._planner.may_begin(self._whole, left) and not self._planner.is_held(self._whole):
            shards = slices(path, count, self._step.max_parallel)
            self._ledger.open(Open(kind="shards", path=path, name=path, shards=shards))

    def _gather(self, wait: Wait, count: int) -> None:
        """Take in what the shards recorded."""
        if not wait.answered:
            return
        if wait.outcome in {"failed", "cancelled", "timed_out"}:
            self._ledger.close(wait.token)  # the first failed shard answers; the others are asked to stop
            said = wait.payload if isinstance(wait.payload, dict) else {}
            fatal: JsonObject = {"fatal": said["fatal"]} if "fatal" in said else {}
            self._put("failed", error=_shard_error(wait, self._whole.path), details={"items": count, **fatal})
        elif self._first_open(0, count) == count:
            self._end(count)
        elif failed := self.failure(0, count):
            self._put_failed(failed, count)
        else:
            self._load(count)

    def _load(self, count: int) -> None:
        path, loaded = self._whole.path, self._planner.memo.loaded
        if path in self._planner.memo.too_large:
            message = f"The outputs of its items are more than {MAX_OUTPUT_BYTES:,} bytes; give less, or references"
            raise RenderError("output_too_large", message)
        if path in loaded:
            missing = path_of_item(path, self._first_open(0, count))
            raise RenderError("items_missing", f"The shards have ended, and there is no record of {missing}")
        loaded.add(path)
        self._ledger.load(path)

    def _end(self, count: int) -> None:
        failed = self.failure(0, count)
        if failed is not None:
            self._put_failed(failed, count)
            return
        records = [record for index in range(count) if (record := self._get(index)) is not None]
        output: list[Json] = [record.output if record.status == "succeeded" else None for record in records]
        check_output(output)
        self._put("succeeded", output=output, details=self._details(records, count))

    def _put_failed(self, failed: Record, count: int) -> None:
        records = [record for index in range(count) if (record := self._get(index)) is not None]
        self._ledger.put(failed_by(self._whole, failed, self._details(records, count)))

    def _details(self, records: list[Record], count: int) -> JsonObject:
        failed = sum(record.status == "failed" for record in records)
        return {"items": count, "failed": failed, **self._ledger.summary(records)}

    def _put(
        self,
        status: RecordStatus,
        *,
        output: Json = None,
        error: JsonObject | None = None,
        details: JsonObject | None = None,
    ) -> None:
        whole = self._whole
        record = Record(
            whole.path,
            whole.parent,
            "for_each",
            status,
            output=output,
            error=error,
            details=details or {},
        )
        self._ledger.put(record)


def slices(path: str, count: int, max_parallel: int) -> tuple[Shard, ...]:
    """Cut `count` items into shards of nearly the same size that share `max_parallel`."""
    shards = min(max_parallel, -(-count // SHARD_ITEMS), MAX_SHARDS)
    edges = [count * shard // shards for shard in range(shards + 1)]
    wide = max_parallel % shards
    return tuple(
        Shard(path, edges[shard], edges[shard + 1], max_parallel // shards + (1 if shard < wide else 0))
        for shard in range(shards)
    )


def _shard_error(wait: Wait, path: str) -> JsonObject:
    said = wait.payload if isinstance(wait.payload, dict) else {}
    return {
        "code": said.get("code") or wait.outcome,
        "message": said.get("message") or f"The shards of {path} were {wait.outcome}",
        "path": said.get("path") or path,
    }
