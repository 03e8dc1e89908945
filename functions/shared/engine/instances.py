"""What for_each and loop need of the planner: to bring one item or round forward, or to wind it down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from functions.shared.engine.facts import Record
from functions.shared.engine.paths import parent_of

if TYPE_CHECKING:
    from functions.shared.engine.ledger import Ledger
    from functions.shared.engine.memo import Memo
    from functions.shared.engine.scope import Instance
    from functions.shared.jsonvalue import JsonObject


class Instances(Protocol):
    """The planner, seen from a step that has items or rounds."""

    @property
    def ledger(self) -> Ledger: ...
    @property
    def memo(self) -> Memo: ...
    def advance_instance(self, instance: Instance) -> None: ...
    def stop_instance(self, instance: Instance, reason: JsonObject) -> None: ...
    def is_held(self, instance: Instance) -> bool: ...
    def may_begin(self, instance: Instance, steps: int) -> bool: ...


def begun(ledger: Ledger, path: str) -> list[str]:
    """Give the items or rounds of the step at `path` that began and have not ended."""
    return sorted(
        at for at in ledger.touched() if at.endswith("]") and parent_of(at) == path and ledger.get(at) is None
    )


def failed_by(whole: Instance, part: Record, details: JsonObject) -> Record:
    """Give the record of a step that fails because an item, a round or a nested step of it did."""
    inner = part.error or {}
    error: JsonObject = {
        "code": inner.get("code") or part.status,
        "message": inner.get("message") or f"{part.path} was {part.status}",
        "path": inner.get("path") or part.path,
    }
    if part.details.get("fatal") not in {None, whole.path}:
        details = {**details, "fatal": part.details["fatal"]}
    return Record(whole.path, whole.parent, whole.kind, "failed", error=error, details=details)
