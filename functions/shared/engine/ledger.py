"""The facts together with what the plan in the making has decided: what every part of the planner reads and writes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, cast

from functions.shared.engine.facts import Facts, Record, Shard, Wait
from functions.shared.engine.paths import ancestors
from functions.shared.engine.plan import Finish, Open, Plan, Start
from functions.shared.engine.tally import CONTROL, spent_by, steps_in, tally_of

if TYPE_CHECKING:
    from functions.shared.jsonvalue import JsonObject

TIMEOUT_OF = "timeout_of"
"""Marks the timer that limits a group (`data.timeout_of`), as opposed to a step that waits."""


class Ledger:
    """Reads are the facts overlaid with the new decisions; the facts themselves are never changed."""

    def __init__(self, facts: Facts, *, max_steps: int) -> None:
        self.facts = facts
        self._max_steps = max_steps
        self._recorded = facts.records
        self._new: dict[str, Record] = {}
        self._starts: dict[str, Start] = {}
        self._opens: dict[str, Open] = {}
        self._stops: dict[str, None] = {}
        self._closes: dict[str, None] = {}
        self._loads: dict[str, None] = {}
        self._waits: dict[str, list[Wait]] = {}
        for wait in facts.waits:
            self._waits.setdefault(wait.path, []).append(wait)
        self._steps: int | None = None
        self._ran = 0
        self._items: int | None = None
        self._spent: dict[str, Decimal] = {}

    # What is known

    def get(self, path: str) -> Record | None:
        return self._new.get(path) or self._recorded.get(path)

    def waits_of(self, path: str) -> list[Wait]:
        return self._waits.get(path, [])

    def is_busy(self, path: str) -> bool:
        """Whether the step at `path` runs, is about to, or has just opened its wait."""
        return path in self.facts.running or path in self._starts or path in self._opens

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs and nothing is about to, here or in frames below that may still give money back."""
        if self._starts or any(path not in self._new for path in self.facts.running):
            return False
        below = (wait for wait in self.facts.waits if wait.kind in {"child", "shards"} and not wait.answered)
        return all(self.get(wait.path) is not None for wait in below)

    @property
    def is_ending(self) -> bool:
        """Whether the execution was cancelled or is out of time: the database opens no more waits for it."""
        return self.facts.cancel in {"cancelled", "timed_out"}

    def runs_under(self, path: str) -> bool:
        """Whether something runs, or is about to, at or below `path`."""
        below = (f"{path}.", f"{path}[")
        running = (at for at in self.facts.running if at not in self._new)
        return any(at == path or at.startswith(below) for at in (*running, *self._starts))

    def waits_under(self, path: str) -> list[Wait | Open]:
        """List what is open, or about to be, below `path`."""
        below = (f"{path}.", f"{path}[")
        open_ones = (wait for wait in self.facts.waits if not wait.answered)
        found: list[Wait | Open] = [wait for wait in open_ones if self.get(wait.path) is None]
        return [wait for wait in (*found, *self._opens.values()) if wait.path.startswith(below)]

    def touched(self) -> set[str]:
        """Every path at or above which something happened or goes on; what is missing never began."""
        seen: set[str] = set()
        facts = self.facts
        for paths in (self._new, facts.records, facts.running, facts.in_flight, self._waits, self._opens):
            for path in paths:
                for above in (path, *ancestors(path)):
                    if above in seen:
                        break
                    seen.add(above)
        return seen

    def spent_under(self, path: str) -> Decimal:
        """What the ended steps below `path` have cost, in dollars. What a plan itself decides costs nothing.

        In a shard without the items of the other ones.
        """
        if path not in self._spent:
            below = (f"{path}.", f"{path}[")
            spent = (spent_by(record) for record in self._live() if record.path.startswith(below))
            self._spent[path] = sum(spent, Decimal(0))
        return self._spent[path]

    def share_of(self, path: str, limit_usd: Decimal, count: int) -> Decimal:
        """Give what may be spent below `path` as this shard counts: what others spent, and its part of the rest."""
        shard = self._shard()
        spent = self.spent_under(path) - self.spent_under(shard.path)
        return spent + (limit_usd - spent) * (shard.stop - shard.start) / max(1, count)

    def summary(self, records: list[Record]) -> JsonObject:
        """Sum up what `records` and everything below them ran and cost, for the record above them."""
        spent = sum((spent_by(record) for record in records), Decimal(0))
        summed: JsonObject = {"steps": sum(steps_in(record) for record in records)}
        if spent:
            summed["spent_usd"] = str(spent)
        return summed

    # What is decided

    def put(self, record: Record) -> None:
        path = record.path
        if path not in self._new and path not in self._waits and path not in self.facts.running:
            self._ran += record.kind not in CONTROL and record.status != "skipped"
        self._new[path] = record

    def start(self, start: Start) -> None:
        self._starts[start.path] = start

    def open(self, wait: Open) -> None:
        self._opens[wait.path] = wait

    def close(self, token: str) -> None:
        self._closes[token] = None

    def load(self, parent: str) -> None:
        self._loads[parent] = None

    def has_room(self, more: int = 1) -> bool:
        """Whether that many more steps may run within `limits.max_steps`."""
        if self._steps is None:
            self._steps = self._count_steps()
        begun = len(self._starts) + len(self._opens) + self._ran
        return self._steps + begun + more <= self._max_steps

    def share(self, count: int) -> None:
        """Hold a shard to its part of `limits.max_steps`, as its part of all `count` items."""
        self._items = count

    def drop(self, path: str) -> bool:
        """End whatever goes on at the leaf `path`; answers whether something really did."""
        self._starts.pop(path, None)
        self._opens.pop(path, None)
        waits = self.waits_of(path)
        for wait in waits:
            if not wait.answered:
                self.close(wait.token)
        is_running = path in self.facts.running
        if is_running:
            self._stops[path] = None
        return is_running or bool(waits) or path in self.facts.in_flight

    def unplan(self, path: str) -> None:
        """Take back what this plan wanted to start or open at and below `path`."""
        below = (f"{path}.", f"{path}[")
        for planned in (self._starts, self._opens):
            for at in [at for at in planned if at == path or at.startswith(below)]:
                del planned[at]

    def close_all(self) -> None:
        """Close every wait that is still open: the end has come."""
        self._opens.clear()
        for wait in self.facts.waits:
            if not wait.answered:
                self.close(wait.token)

    def to_plan(self, finish: Finish | None) -> Plan:
        return Plan(
            record=tuple(self._new.values()),
            start=tuple(self._starts.values()),
            open=tuple(self._opens.values()),
            stop=tuple(self._stops),
            close=tuple(self._closes),
            load=tuple(self._loads),
            finish=finish,
        )

    def _shard(self) -> Shard:
        return cast("Shard", self.facts.shard)

    def _live(self) -> list[Record]:
        """List the records that nothing around them sums up; in a shard without the items of the other ones."""
        records, shard = self.facts.records, self.facts.shard
        return [
            record
            for record in (*records.values(), *self._new.values())
            if record.parent not in records
            and record.parent not in self._new
            and (shard is None or not shard.is_elsewhere(record.path))
        ]

    def _count_steps(self) -> int:
        """Count what had ended or begun before this plan; what it begins and ends itself is counted as it goes."""
        facts = self.facts
        tally = facts.tally or tally_of(facts.records, facts.shard)
        if self._items is not None:
            self._max_steps = self._share_of_steps(tally.outside, self._items)
        waiting = {
            path
            for path, waits in self._waits.items()
            if path and path not in facts.records and TIMEOUT_OF not in waits[-1].data
        }
        return tally.steps + len(waiting | facts.running.keys())

    def _share_of_steps(self, others: int, count: int) -> int:
        shard = self._shard()
        left, count = max(0, self._max_steps - others), max(1, count)
        return others + left * shard.stop // count - left * shard.start // count
