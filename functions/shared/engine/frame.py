"""What the owner of a frame knows in memory: the claim, and everything that has happened since."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from functions.shared.engine.facts import Facts, InFlight, Record, RecordStatus, Shard, Wait
from functions.shared.engine.questions import carried_by, is_question
from functions.shared.engine.tally import Tally, steps_in, tally_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.shared.db.kernel import Claimed, RecordRow, WaitRow
    from functions.shared.engine.plan import Deadline
    from functions.shared.jsonvalue import Json, JsonObject


@dataclass(slots=True)
class Frame:
    """One claimed frame. Times are those of the event loop's clock; `claimed_at` is from before the claim was sent."""

    claim: Claimed
    input: JsonObject
    claimed_at: float
    records: dict[str, Record] = field(default_factory=dict[str, Record])
    waits: dict[str, Wait] = field(default_factory=dict[str, Wait])
    due_at: dict[str, float] = field(default_factory=dict[str, float])
    in_flight: dict[str, InFlight] = field(default_factory=dict[str, InFlight])
    cancel: str | None = None
    over_budget: bool = False
    lease_until: float = 0.0
    deadline_at: float | None = None
    seq: int = 0
    written: int = 0
    _shard: Shard | None = None
    _tally: Tally = field(default=Tally(0, 0))
    _children: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    _by_path: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @classmethod
    def of(cls, claim: Claimed, accepted_input: JsonObject, outputs: Mapping[str, Json], *, claimed_at: float) -> Frame:
        """Begin with what the claim brought. `outputs`: the loaded ones of records that only had a reference."""
        part = claim.shard
        frame = cls(
            claim=claim,
            input=accepted_input,
            claimed_at=claimed_at,
            in_flight={path: InFlight(noted.attempt, noted.at_most_once) for path, noted in claim.in_flight.items()},
            cancel=claim.cancel,
            over_budget=claim.over_budget,
            lease_until=claimed_at + claim.lease_s,
            deadline_at=None if claim.deadline_in_s is None else claimed_at + claim.deadline_in_s,
            seq=claim.seq,
            written=claim.records_written,
            _shard=None if part is None else Shard(part.path, part.start, part.stop, part.max_parallel),
        )
        frame.add_rows(claim.records, outputs)
        frame.learn(claim.waits, now=claimed_at)
        return frame

    def facts(self, running: Mapping[str, int]) -> Facts:
        """Give the planner what it may look at."""
        return Facts(
            input=self.input,
            gen=self.claim.gen,
            records=self.records,
            waits=list(self.waits.values()),
            running=running,
            shard=self._shard,
            cancel=self.cancel,
            budget_exhausted=self.over_budget,
            in_flight=self.in_flight,
            tally=self._tally,
        )

    def add(self, record: Record) -> None:
        """Take in an ended step. What lies below it is forgotten: it sums that up."""
        # Nobody in a shard looks at its items' outputs: they need not stay in memory.
        is_item = self._shard is not None and record.parent == self._shard.path
        self.records[record.path] = replace(record, output=None) if is_item else record
        self._children.setdefault(record.parent, set()).add(record.path)
        self.in_flight.pop(record.path, None)
        for token in self._by_path.pop(record.path, ()):
            self.waits.pop(token, None)
            self.due_at.pop(token, None)
        steps = steps_in(record) - self._forget_below(record.path)
        self._tally = Tally(self._tally.steps + steps, self._tally.outside)

    def add_rows(self, rows: Sequence[RecordRow], outputs: Mapping[str, Json]) -> None:
        """Take in records that others wrote, or that this frame wrote in an earlier claim."""
        for row in rows:
            if row.path in self.records:
                continue
            output = row.output if row.output_ref is None else outputs.get(row.output_ref)
            self.records[row.path] = Record(
                path=row.path,
                parent=row.parent,
                kind=row.kind,
                status=cast("RecordStatus", row.status),
                output=output,
                error=row.error,
                details=row.details,
                attempts=row.attempts,
                cost_usd=row.cost_usd,
            )
            self._children.setdefault(row.parent, set()).add(row.path)
        self._tally = tally_of(self.records, self._shard)

    def learn(self, rows: Sequence[WaitRow], *, now: float) -> None:
        """Take in what the database says about waits. One that this owner has closed or used stays forgotten."""
        for row in rows:
            if row.path in self.records:
                continue
            self.put_wait(
                Wait(row.token, row.kind, row.path, row.name, row.data, row.answered, row.outcome, row.payload),
                due_at=None if row.answered or row.deadline_in_s is None else now + row.deadline_in_s,
            )

    def put_wait(self, wait: Wait, *, due_at: float | None) -> None:
        """Add a wait, or replace what was known of it."""
        if wait.token not in self.waits:
            self._by_path.setdefault(wait.path, []).append(wait.token)
        self.waits[wait.token] = wait
        if due_at is None:
            self.due_at.pop(wait.token, None)
        else:
            self.due_at[wait.token] = due_at

    def close_wait(self, token: str) -> None:
        """Forget a wait that the planner closed."""
        wait = self.waits.pop(token, None)
        self.due_at.pop(token, None)
        if wait is not None:
            self._by_path[wait.path].remove(token)

    def postpone(self, due_before: float, *, again_at: float) -> None:
        """Ask again later about waits that were due by our clock when the database was asked."""
        for token, due in self.due_at.items():
            if due <= due_before:
                self.due_at[token] = again_at

    def due_in_s(self, deadline: Deadline | None, *, now: float) -> float | None:
        """Seconds from `now` (loop time) until a deadline, by the database's clock; None without one."""
        if deadline is None:
            return None
        if deadline.after_s is not None:
            return deadline.after_s
        if deadline.at is None:
            return None
        at = datetime.fromisoformat(deadline.at)
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        database_now = datetime.fromisoformat(self.claim.now).timestamp() + (now - self.claimed_at)
        return at.timestamp() - database_now

    def carried(self, path: str) -> JsonObject:
        """Give what the last retry or question of a path has carried over: its failed attempts and their usage."""
        for token in reversed(self._by_path.get(path, [])):
            wait = self.waits.get(token)
            if wait is not None and (wait.kind == "retry" or is_question(wait)):
                return carried_by(wait)
        return {}

    def _forget_below(self, path: str) -> int:
        """Forget what lies below a record; answers how many steps ran there."""
        steps = 0
        for child in self._children.pop(path, ()):
            record = self.records.pop(child, None)
            self._forget_below(child)
            steps += 0 if record is None else steps_in(record)
        return steps
