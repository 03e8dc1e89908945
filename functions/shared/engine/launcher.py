"""Which steps an owner has taken on, and when each of them may start."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from functions.shared.engine.attempt import run_step
from functions.shared.engine.running import Running, Step, held_note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from functions.shared.engine.facts import InFlight
    from functions.shared.engine.flusher import Flusher
    from functions.shared.engine.frame import Frame
    from functions.shared.engine.means import Means
    from functions.shared.engine.plan import Start
    from functions.shared.engine.results import Result
    from functions.shared.engine.step_scope import StepScope
    from functions.shared.jsonvalue import JsonObject

CRASHES_SERIAL = 2


class Launcher:
    """Holds steps back until they may start, and starts them.

    `is_leaving`: start nothing more. `has_left_over`: there was something to start that was not started. `is_fresh`:
    nothing has run in this invocation yet, so its first step may take all of its time.
    """

    def __init__(
        self,
        frame: Frame,
        flusher: Flusher,
        scope: StepScope,
        means: Means,
        on_end: Callable[[], None],
        *,
        is_fresh: bool,
    ) -> None:
        self.running = Running()
        self.is_leaving = False
        self.has_left_over = False
        self._frame = frame
        self._flusher = flusher
        self._scope = scope
        self._means = means
        self._on_end = on_end
        self._is_fresh = is_fresh
        self._loop = asyncio.get_running_loop()
        self._has_crashed = frame.claim.stall >= CRASHES_SERIAL
        self._suspects: set[str] | None = None  # after crashes: one step at a time until these have ended

    def suspect(self, starts: Iterable[Start]) -> None:
        """After crashes, run what is planned first one at a time."""
        paths = {start.path for start in starts}
        if self._suspects is None and paths and self._has_crashed:
            self._suspects = paths

    def hold(self, start: Start, lost: InFlight | None) -> None:
        """Take on a step; it starts when every result that is known now is recorded."""
        self.running.hold(
            Step(
                start=start,
                after=self._flusher.outbox.results,
                is_noted_first=start.effect == "at_most_once" or self._has_crashed,
                attempt=start.attempt,
                lost=lost,
            )
        )

    def launch(self) -> None:
        """Start what is held and may start now."""
        for step in self.running.held:
            if self.is_leaving:
                break
            if step.after > self._flusher.acknowledged:
                continue
            if step.is_noted_first and not self._is_noted(step):
                continue
            if self._suspects and self.running.live:
                break
            if not self._is_fresh and not self._means.has_time_for(step.start.timeout_s):
                self.is_leaving = True
                break
            self._begin(step)
        if self.is_leaving and self.drop_held():
            self.has_left_over = True

    def drop_held(self) -> bool:
        """Let go of what has not started; what a former owner lost stays known."""
        dropped = self.running.drop_held()
        for step in dropped:
            if step.lost is not None:
                self._frame.in_flight[step.start.path] = step.lost
        return bool(dropped)

    def must_note(self) -> bool:
        """Whether a start waits only for being noted."""
        if self._suspects and self.running.live:
            return False
        return any(
            step.is_noted_first and step.after <= self._flusher.outbox.results and not self._is_noted(step)
            for step in self.running.held
        )

    def in_flight(self, recorded: int) -> JsonObject:
        """Give what is to be noted as in flight once so many results are recorded."""
        left: JsonObject = {path: held_note(lost) for path, lost in self._frame.in_flight.items()}
        return left | self.running.in_flight(recorded, one_at_a_time=bool(self._suspects))

    def ended(self) -> Iterator[tuple[Step, Result]]:
        """Take out the steps that have ended; raises what a task raised."""
        for step, result in self.running.ended():
            if self._suspects is not None:
                self._suspects.discard(step.start.path)
            yield step, result

    def _is_noted(self, step: Step) -> bool:
        """Whether the database knows of the start, and nobody can have taken the frame since."""
        is_noted = self._flusher.noted.get(step.start.path) == step.attempt
        return is_noted and self._loop.time() < self._frame.lease_until

    def _begin(self, step: Step) -> None:
        start = step.start
        self._is_fresh = False
        task = asyncio.create_task(
            run_step(
                start,
                self._scope,
                earlier=self._frame.carried(start.path),
                on_attempt=step.note_attempt,
            ),
            name=f"step {start.path}",
        )
        task.add_done_callback(self._wake)
        self.running.begin(step, task, since=self._loop.time())

    def _wake(self, _: object) -> None:
        self._on_end()
