"""What the live records add up to: a record sums up what lies below it, so nothing is counted twice."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from functions.shared.engine.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.engine.facts import Record, Shard

CONTROL = frozenset({"group", "item", "round", "for_each", "loop"})


@frozen
class Tally:
    """How many steps ran; in a shard without the items of the other ones. `outside`: those around its step there."""

    steps: int
    outside: int


def tally_of(records: Mapping[str, Record], shard: Shard | None) -> Tally:
    """Count from the beginning."""
    live = [record for record in records.values() if record.parent not in records]
    if shard is None:
        return Tally(sum(map(steps_in, live)), 0)
    items = f"{shard.path}["
    outside = sum(steps_in(record) for record in live if not record.path.startswith(items))
    own = (record for record in live if record.path.startswith(items) and not shard.is_elsewhere(record.path))
    return Tally(outside + sum(map(steps_in, own)), outside)


def steps_in(record: Record) -> int:
    """How many steps ran at and below this record; a skipped one did not."""
    if record.kind in CONTROL:
        steps = record.details.get("steps")
        return steps if isinstance(steps, int) else 0
    return 0 if record.status == "skipped" else 1


def spent_by(record: Record) -> Decimal:
    """What the step cost, with everything below it; an unknown price counts as nothing."""
    if record.kind in CONTROL:
        spent = record.details.get("spent_usd")
        return Decimal(spent) if isinstance(spent, str) else Decimal(0)
    return record.cost_usd or Decimal(0)
