"""The time limit of a group: a timer in the database, because the planner has no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.engine.ledger import TIMEOUT_OF
from functions.shared.engine.plan import Deadline, Open

if TYPE_CHECKING:
    from functions.shared.engine.facts import Wait
    from functions.shared.engine.ledger import Ledger
    from functions.shared.engine.scope import Instance
    from functions.shared.jsonvalue import JsonObject

_ACTIVE_WAITS = frozenset({"child", "shards", "retry"})


class Stopwatch:
    """`timeout` of one group, item or round.

    While everything in it waits for somebody, it stands at zero: waiting does not count. With the next step that runs
    the whole time begins again.
    """

    def __init__(self, ledger: Ledger, instance: Instance) -> None:
        self._ledger = ledger
        self._path = instance.path
        timers = [wait for wait in ledger.waits_of(instance.path) if TIMEOUT_OF in wait.data]
        self._last: Wait | None = timers[-1] if timers else None

    def ran_out(self) -> JsonObject | None:
        """Say so, as a reason, once the time is over."""
        if self._last is None or self._last.outcome != "timed_out":
            return None
        return {"code": "timed_out", "message": f"{self._path} did not end within its timeout"}

    def keep(self, seconds: float) -> None:
        """Open the timer while something runs, close it while nothing does."""
        is_open = self._last is not None and not self._last.answered
        if not self._is_active():
            self.stop()
        elif not is_open and not self._ledger.is_ending:
            data: JsonObject = {TIMEOUT_OF: self._path}
            deadline = Deadline(after_s=seconds)
            self._ledger.open(Open("timer", self._path, self._path, deadline=deadline, data=data))

    def stop(self) -> None:
        if self._last is not None and not self._last.answered:
            self._ledger.close(self._last.token)

    def _is_active(self) -> bool:
        if self._ledger.runs_under(self._path):
            return True
        waits = self._ledger.waits_under(self._path)
        return any(wait.kind in _ACTIVE_WAITS for wait in waits)
