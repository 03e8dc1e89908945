"""What was done to the plane, and what was found."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.evidence import Claim, Evidence

SHOWN_PER_RULE = 4


@dataclass(frozen=True)
class Report:
    """`problems`: every broken rule; `zombies`: claims that somebody else took over while their holder was frozen."""

    seed: int
    seconds: float
    evidence: Evidence
    problems: Sequence[str]
    zombies: Sequence[Claim]

    @property
    def counts(self) -> dict[str, int]:
        """Count what was done and what came of it."""
        evidence = self.evidence
        harm = Counter(each.kind for each in evidence.disturbances)
        ends = Counter(execution.status for execution in evidence.executions)
        records = sum(len(execution.records) for execution in evidence.executions)
        return {
            "workers killed": harm["killed"],
            "workers frozen past their lease": harm["frozen"],
            "Postgres restarted": harm["restarted"],
            "workers in all": sum(1 for _ in evidence.lines("hello")),
            "  of them with a wrong clock": sum(line.details["wall_shift_s"] != 0 for line in evidence.lines("hello")),
            "executions": len(evidence.executions),
            **{f"  {status}": number for status, number in sorted(ends.items())},
            "  given up as crash loops": sum(each.error_code == "crash_loop" for each in evidence.executions),
            "steps recorded": records,
            "frames claimed": len(evidence.claims),
            "frames lost to others while frozen": len(self.zombies),
            "calls refused": sum(1 for _ in evidence.lines("refused")),
            "effects": len(evidence.effects),
            "  repeated, all cut off before": self.extra_effects,
            "at-most-once steps": sum(len(each.at_most_once) for each in evidence.executions),
            "  of unknown result": sum(len(each.unknown) for each in evidence.executions),
            "approvals raced for": len(evidence.decisions),
            "problems": len(self.problems),
        }

    @property
    def summary(self) -> str:
        """Say it in one line."""
        told = {name.strip(): number for name, number in self.counts.items()}
        named = ("workers killed", "frames lost to others while frozen", "calls refused", "Postgres restarted")
        named += ("executions", "steps recorded", "effects", "repeated, all cut off before", "problems")
        return f"chaos SEED={self.seed}: " + ", ".join(f"{told[name]:,} {name}" for name in named)

    def wall_time_of(self, at: float) -> float:
        """Give the true wall time of a moment of the monotonic clock."""
        return time.time() - time.monotonic() + at

    @property
    def extra_effects(self) -> int:
        """Count the effects that happened more often than the service asked for."""
        return sum(
            max(0, len(effects) - 1 - self.evidence.turned_away(step))
            for step, effects in self.evidence.effects_of.items()
        )

    def __str__(self) -> str:
        lines = [f"chaos for {self.seconds:.0f} s, SEED={self.seed}"]
        lines += [f"  {name:<40}{number:>8,}" for name, number in self.counts.items()]
        for rule, problems in self.by_rule.items():
            lines.append(f"  ! {rule}: {len(problems):,}")
            lines += [f"      {problem}" for problem in problems[:SHOWN_PER_RULE]]
        return "\n".join(lines)

    @property
    def by_rule(self) -> dict[str, list[str]]:
        """Give what was found by the rule that is broken."""
        found: dict[str, list[str]] = defaultdict(list)
        for problem in self.problems:
            rule, _, what = problem.partition(": ")
            found[rule].append(what)
        return found
