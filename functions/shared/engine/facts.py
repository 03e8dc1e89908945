"""What the planner knows: everything that was recorded, is open or is running, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from functions.shared.engine.frozen import frozen
from functions.shared.engine.tally import Tally
from functions.shared.jsonvalue import Json, JsonObject

RecordStatus: TypeAlias = Literal["succeeded", "failed", "skipped", "cancelled"]


@frozen
class Record:
    """An ended step. `parent` is the path of the enclosing scope: '' · sources · polish[1].

    Control records have the kinds group, item, round, for_each and loop, every other one its step's kind.
    Their `details` sum up what is below them, so that nothing below needs to be loaded again:
    `steps` (how many steps ran) and `spent_usd` (text). A skipped one has `details.reason` {code, message}.
    """

    path: str
    parent: str
    kind: str
    status: RecordStatus
    output: Json = None
    error: JsonObject | None = None
    details: JsonObject = field(default_factory=dict[str, Json])
    attempts: int = 1
    cost_usd: Decimal | None = None


@frozen
class Wait:
    """A row of `plane.waits` whose path has no record yet; a later one of the same path comes later in the list."""

    token: str
    kind: str
    path: str
    name: str
    data: JsonObject = field(default_factory=dict[str, Json])
    answered: bool = False
    outcome: str | None = None
    payload: Json = None


@dataclass(frozen=True, slots=True)
class Shard:
    """The items `start` to `stop` (exclusive) of the for_each step at `path`, `max_parallel` at a time."""

    path: str
    start: int
    stop: int
    max_parallel: int

    def is_elsewhere(self, path: str) -> bool:
        """Whether `path` is or lies in an item of the same step that belongs to another shard."""
        items = f"{self.path}["
        if not path.startswith(items):
            return False
        index = int(path[len(items) : path.index("]", len(items))])
        return not self.start <= index < self.stop


@dataclass(frozen=True, slots=True)
class InFlight:
    """A start that a former owner noted and whose result nobody recorded."""

    attempt: int
    at_most_once: bool = False


@frozen
class Facts:
    """All that `plan` may look at.

    `records`: at least the live ones (their parent has no record); more do no harm.
    `waits`: of this frame, in the order in which they were opened.
    `running`: path -> attempt of what this owner runs now; disjoint from `records`.
    `cancel`: 'cancelled', 'timed_out', or the code of a failure that ends the execution.
    `in_flight`: kept by the owner until the path is recorded, started again or has an `unknown` wait.
    `tally`: what the records add up to, from who kept count; None: it is counted, which takes longer.
    """

    input: JsonObject
    gen: int = 0
    records: Mapping[str, Record] = field(default_factory=dict[str, Record])
    waits: Sequence[Wait] = ()
    running: Mapping[str, int] = field(default_factory=dict[str, int])
    shard: Shard | None = None
    cancel: str | None = None
    budget_exhausted: bool = False
    in_flight: Mapping[str, InFlight] = field(default_factory=dict[str, InFlight])
    tally: Tally | None = None
