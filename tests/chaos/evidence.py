"""What a campaign leaves behind: what callers were told, the service counted, workers noted, and is recorded.

All times are seconds of the machine's monotonic clock, which every process shares, however wrong its own clocks are.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


UNKNOWN = "unknown"  # the execution of an effect whose key is no step's


class Claim(NamedTuple):
    """One holding of one frame by one worker."""

    worker: str
    execution: str
    frame: str
    epoch: int

    @classmethod
    def of(cls, text: str) -> Claim:
        worker, execution, frame, epoch = text.split("|")
        return cls(worker, execution, frame, int(epoch))


class Step(NamedTuple):
    execution: str
    path: str


@dataclass(frozen=True)
class Effect:
    """A request that the service has seen."""

    at: float
    step: Step
    claim: Claim


@dataclass(frozen=True)
class Line:
    """A line of a worker's journal: `at` it learned `what`."""

    worker: str
    what: str
    at: float
    details: dict[str, Any]

    @property
    def claim(self) -> Claim:
        return Claim(self.worker, self.details["execution"], self.details["frame"], self.details["epoch"])

    @property
    def sent_at(self) -> float:
        return float(self.details["sent_at"])


@dataclass(frozen=True)
class Disturbance:
    """What was done to a worker, or to Postgres (`worker` is None): killed, frozen or restarted."""

    kind: str
    worker: str | None
    since: float
    until: float


@dataclass(frozen=True)
class Execution:
    """An execution as it ended, and as it should have."""

    id: str
    workflow: str
    status: str
    output: Any
    error_code: str | None
    expected_status: str
    expected_output: Any
    expected_records: dict[str, str]
    records: tuple[tuple[str, str], ...]  # (path, status) of every row, repeated ones too
    is_cancelled: bool = False
    orders: tuple[tuple[Step, Step], ...] = ()
    at_most_once: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()  # of these, the ones of which the plane said that it does not know
    effects: frozenset[str] = frozenset()  # paths that reach the service, for certain if they succeeded
    refused_first: dict[str, int] = field(default_factory=dict)  # attempts that the service turns away, by path
    children: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """An approval: the outcomes whose sender was told that theirs counts, and the recorded one."""

    step: Step
    told_yes: tuple[str, ...]
    recorded: str | None


@dataclass(frozen=True)
class Evidence:
    executions: tuple[Execution, ...] = ()
    effects: tuple[Effect, ...] = ()
    journal: tuple[Line, ...] = ()
    disturbances: tuple[Disturbance, ...] = ()
    decisions: tuple[Decision, ...] = ()
    counters: dict[str, int] = field(default_factory=dict)
    violations: tuple[str, ...] = ()
    surprises: tuple[str, ...] = ()  # what callers were told and should not have been
    unfinished_frames: int = 0
    server_log: str = ""

    @cached_property
    def claims(self) -> dict[Claim, Line]:
        """The first note of each claim."""
        found: dict[Claim, Line] = {}
        for line in self.journal:
            if line.what == "claimed":
                found.setdefault(line.claim, line)
        return found

    @cached_property
    def acknowledged(self) -> dict[Step, Line]:
        """When which worker was first told that the success of a step is recorded."""
        found: dict[Step, Line] = {}
        for line in self.journal:
            for path in line.details.get("succeeded", ()):
                step = Step(line.details["execution"], path)
                if step not in found or line.at < found[step].at:
                    found[step] = line
        return found

    @cached_property
    def effects_of(self) -> dict[Step, list[Effect]]:
        """What the service has seen of each step, in order."""
        found: dict[Step, list[Effect]] = defaultdict(list)
        for effect in sorted(self.effects, key=lambda effect: effect.at):
            found[effect.step].append(effect)
        return found

    @cached_property
    def cut_off(self) -> Counter[str]:
        """How many claims ended in no checkpoint that gave the frame back, by execution.

        A worker that dies before it has the answer notes nothing: the epochs tell how often a frame was claimed.
        """
        epochs: dict[tuple[str, str], int] = defaultdict(int)
        for claim in self.claims:
            epochs[claim.execution, claim.frame] = max(epochs[claim.execution, claim.frame], claim.epoch)
        given_back = {line.claim for line in self.lines("acknowledged") if line.details["status"] != "running"}
        found = Counter({execution: 0 for execution, _ in epochs})
        for (execution, _), epoch in epochs.items():
            found[execution] += epoch
        found.subtract(claim.execution for claim in given_back)
        return found

    @cached_property
    def had_outage(self) -> set[str]:
        """The executions of which a holder could not reach the database."""
        away = {line.worker for line in self.lines("away")}
        return {claim.execution for claim in self.claims if claim.worker in away}

    def turned_away(self, step: Step) -> int:
        """How many attempts at a step the service turns away before it lets one succeed."""
        return self._turned_away.get(step, 0)

    @cached_property
    def _turned_away(self) -> dict[Step, int]:
        return {
            Step(execution.id, path): count
            for execution in self.executions
            for path, count in execution.refused_first.items()
        }

    @cached_property
    def refused(self) -> dict[Claim, Line]:
        """The first refusal that each claim met."""
        found: dict[Claim, Line] = {}
        for line in self.journal:
            if line.what == "refused":
                found.setdefault(line.claim, line)
        return found

    @cached_property
    def gave_up(self) -> set[Claim]:
        """The claims whose holder had no answer in the time that it had."""
        return {line.claim for line in self.lines("away") if "epoch" in line.details}

    def lines(self, what: str) -> Iterable[Line]:
        return (line for line in self.journal if line.what == what)


def read_journal(path: Path) -> list[Line]:
    """Read what one worker wrote; the last line may be cut off by its death."""
    found: list[Line] = []
    for text in path.read_text().splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        found.append(Line(path.stem, line.pop("what"), line.pop("at"), line))
    return found
