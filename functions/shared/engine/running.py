"""The steps that an owner has taken on: held until they may start, then tasks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

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
    since: float = 0.0

    def note_attempt(self, attempt: int) -> None:
        """Be told which attempt goes on."""
        self.attempt = attempt


def held_note(lost: InFlight) -> JsonObject:
    """Note a start that a former owner lost and that does not run here: known, but no suspect after a crash."""
    return {"attempt": lost.attempt, "at_most_once": lost.at_most_once, "is_held": True}


class Running:
    """Steps by path: the held ones in the order in which they were planned, the others in that of their start."""

    def __init__(self) -> None:
        self._held: dict[str, Step] = {}
        self._live: dict[str, Step] = {}
        self._tasks: dict[str, asyncio.Task[Result]] = {}
        self._cancelled: list[asyncio.Task[Result]] = []

    def __bool__(self) -> bool:
        return bool(self._live or self._held)

    @property
    def live(self) -> Collection[Step]:
        """Those that are tasks, the one that began first before the others."""
        return self._live.values()

    @property
    def held(self) -> list[Step]:
        """Those that have not started."""
        return list(self._held.values())

    def attempts(self) -> dict[str, int]:
        """Give the planner's view: path -> attempt, of held and started ones alike."""
        return {path: step.attempt for steps in (self._live, self._held) for path, step in steps.items()}

    def hold(self, step: Step) -> None:
        """Take on a step."""
        self._held[step.start.path] = step

    def begin(self, step: Step, task: asyncio.Task[Result], *, since: float) -> None:
        """Take a step that was held as started."""
        path = step.start.path
        del self._held[path]
        step.since = since
        self._live[path], self._tasks[path] = step, task

    def in_flight(self, recorded: int, *, one_at_a_time: bool) -> JsonObject:
        """Give what runs once so many results are recorded: what has started, and what may start then."""
        ready = [step for step in self._held.values() if step.after <= recorded]
        if one_at_a_time:
            ready = ready[:0] if self._live else ready[:1]
        noted: JsonObject = {}
        for step in self._held.values():
            if step.lost is not None:
                noted[step.start.path] = held_note(step.lost)
        for step in (*self._live.values(), *ready):
            is_at_most_once = step.start.effect == "at_most_once"
            noted[step.start.path] = {"attempt": step.attempt, "at_most_once": is_at_most_once}
        return noted

    def ended(self) -> Iterator[tuple[Step, Result]]:
        """Take out those whose task has ended; raises what a task raised."""
        for path in [path for path, task in self._tasks.items() if task.done()]:
            yield self._live.pop(path), self._tasks.pop(path).result()

    def cancel(self, path: str) -> None:
        """Stop a step; what it would have given is not wanted any more."""
        self._held.pop(path, None)
        self._live.pop(path, None)
        task = self._tasks.pop(path, None)
        if task is not None:
            task.cancel()
            self._cancelled = [task for task in self._cancelled if not task.done()]
            self._cancelled.append(task)

    def drop_held(self) -> list[Step]:
        """Let go of those that have not started."""
        held = self.held
        self._held.clear()
        return held

    async def end(self) -> None:
        """Stop everything and wait until it has stopped."""
        tasks = [*self._tasks.values(), *self._cancelled]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)
