"""The steps that an owner has taken on: held until they may start, then tasks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functions.shared.engine.facts import InFlight
    from functions.shared.engine.plan import Start
    from functions.shared.engine.results import Result
    from functions.shared.jsonvalue import JsonObject


@dataclass(slots=True)
class Step:
    """Held until `after` results are recorded and, if `is_noted_first`, until it is noted as in flight; then a task.

    `lost`: what a former owner had noted; it stays on record until this start is noted itself or has ended.
    """

    start: Start
    after: int
    is_noted_first: bool
    attempt: int
    lost: InFlight | None = None
    task: asyncio.Task[Result] | None = None
    since: float = 0.0


def held_note(lost: InFlight) -> JsonObject:
    """Note a start that a former owner lost and that does not run here: known, but no suspect after a crash."""
    return {"attempt": lost.attempt, "at_most_once": lost.at_most_once, "is_held": True}


class Running:
    """Steps by path, in the order in which they were planned."""

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}
        self._cancelled: list[asyncio.Task[Result]] = []

    def __bool__(self) -> bool:
        return bool(self._steps)

    def __contains__(self, path: str) -> bool:
        return path in self._steps

    @property
    def live(self) -> list[Step]:
        """Those that are tasks."""
        return [step for step in self._steps.values() if step.task is not None]

    @property
    def held(self) -> list[Step]:
        """Those that have not started."""
        return [step for step in self._steps.values() if step.task is None]

    def attempts(self) -> dict[str, int]:
        """Give the planner's view: path -> attempt, of held and started ones alike."""
        return {path: step.attempt for path, step in self._steps.items()}

    def hold(self, step: Step) -> None:
        """Take on a step."""
        self._steps[step.start.path] = step

    def in_flight(self, recorded: int, *, one_at_a_time: bool) -> JsonObject:
        """Give what runs once so many results are recorded: what has started, and what may start then."""
        steps = self.live
        ready = [step for step in self.held if step.after <= recorded]
        if one_at_a_time:
            ready = ready[:0] if steps else ready[:1]
        noted: JsonObject = {}
        for step in self.held:
            if step.lost is not None:
                noted[step.start.path] = held_note(step.lost)
        for step in [*steps, *ready]:
            is_at_most_once = step.start.effect == "at_most_once"
            noted[step.start.path] = {"attempt": step.attempt, "at_most_once": is_at_most_once}
        return noted

    def ended(self) -> Iterator[tuple[Step, Result]]:
        """Take out those whose task has ended; raises what a task raised."""
        for path, step in list(self._steps.items()):
            if step.task is not None and step.task.done():
                del self._steps[path]
                yield step, step.task.result()

    def cancel(self, path: str) -> None:
        """Stop a step; what it would have given is not wanted any more."""
        step = self._steps.pop(path, None)
        if step is not None and step.task is not None:
            step.task.cancel()
            self._cancelled = [task for task in self._cancelled if not task.done()]
            self._cancelled.append(step.task)

    def drop_held(self) -> list[Step]:
        """Let go of those that have not started."""
        held = self.held
        for step in held:
            del self._steps[step.start.path]
        return held

    async def end(self) -> None:
        """Stop everything and wait until it has stopped."""
        tasks = [step.task for step in self._steps.values() if step.task is not None] + self._cancelled
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
