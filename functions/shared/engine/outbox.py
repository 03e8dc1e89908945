"""What waits to be written, in order, and how much of it one checkpoint carries.

Results, decisions and waits leave in the order in which they arose, so that whatever prefix is committed is consistent.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from functions.shared.engine.frozen import frozen
from functions.shared.engine.policy import BATCH_BYTES, BATCH_RESULTS
from functions.shared.engine.results import Ended, Spent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.shared.engine.facts import Record
    from functions.shared.engine.plan import Finish
    from functions.shared.jsonvalue import Json, JsonObject


@frozen
class Decided:
    """A record that the planner decided: derived from what is recorded, so it may ride along at any time."""

    record: Record
    size: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A wait to open. `payload` is the verb's `open` row."""

    payload: JsonObject
    size: int


@dataclass(frozen=True, slots=True)
class Closed:
    """A wait to close."""

    token: str


Item: TypeAlias = Ended | Decided | Opened | Closed


@dataclass(slots=True)
class Outbox:
    """The queue. `results` counts the results ever queued: a start that depends on the n-th waits for n."""

    items: deque[Item] = field(default_factory=deque["Item"])
    results: int = 0
    _taken: int = 0

    def put(self, item: Item) -> None:
        """Queue behind everything else."""
        self.items.append(item)
        if isinstance(item, Ended):
            self.results += 1

    @property
    def is_urgent(self) -> bool:
        """Whether anything is queued that must not wait for company: results and waits."""
        return any(not isinstance(item, Decided) for item in self.items)

    def take(self, *, single: bool = False) -> tuple[list[Item], int]:
        """Take what fits: 64 records and 1 MB, at least one item. Also answers up to which result that reaches."""
        taken: list[Item] = []
        room, bytes_left = BATCH_RESULTS, BATCH_BYTES
        while self.items:
            size = _size(self.items[0])
            if taken and (single or room <= 0 or size > bytes_left):
                break
            item = self.items.popleft()
            taken.append(item)
            bytes_left -= size
            room -= isinstance(item, Ended | Decided)
            self._taken += isinstance(item, Ended)
        return taken, self._taken

    def give_back(self, items: Sequence[Item]) -> None:
        """Put a refused batch back to the front."""
        self.items.extendleft(reversed(items))
        self._taken -= sum(isinstance(item, Ended) for item in items)

    def keep_results_only(self) -> None:
        """Forget decisions and waits: they were derived from something that could not be recorded."""
        self.items = deque(item for item in self.items if isinstance(item, Ended))


def size_of(value: Json) -> int:
    """Bytes of JSON, roughly enough for batching."""
    return len(json.dumps(value, ensure_ascii=False, default=str))


def checkpoint_payload(
    address: Mapping[str, Json],
    items: Sequence[Item],
    *,
    in_flight: JsonObject,
    next_status: str,
    finish: Finish | None,
    lease_s: float,
) -> JsonObject:
    """Build the verb's payload. `address`: execution_id, frame, epoch and seq."""
    payload: JsonObject = {
        **address,
        "records": [_record_row(item) for item in items if isinstance(item, Ended | Decided)],
        "in_flight": in_flight,
        "open": [item.payload for item in items if isinstance(item, Opened)],
        "close": [item.token for item in items if isinstance(item, Closed)],
        "next": next_status,
        "lease_seconds": lease_s,
    }
    if finish is not None:
        payload["finish"] = {"status": finish.status, "output": finish.output, "error": finish.error}
    return payload


def _record_row(item: Ended | Decided) -> JsonObject:
    record = item.record
    row: JsonObject = {
        "path": record.path,
        "parent": record.parent,
        "kind": record.kind,
        "status": record.status,
        "output": record.output,
        "error": record.error,
        "attempts": record.attempts,
        "details": record.details,
    }
    if isinstance(item, Ended):
        row |= _usage_row(item.spent)
        row["duration_ms"] = item.duration_ms
    return row


def _usage_row(spent: Spent) -> JsonObject:
    if not spent.calls and spent.cost_usd is None and spent.model is None:
        return {}
    return {
        "model": spent.model,
        "provider": spent.provider,
        "input_tokens": spent.input_tokens,
        "output_tokens": spent.output_tokens,
        "cost_usd": None if spent.cost_usd is None else str(spent.cost_usd),
        "is_cost_unknown": spent.is_cost_unknown,
    }


def _size(item: Item) -> int:
    return 0 if isinstance(item, Closed) else item.size
