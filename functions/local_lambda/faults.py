"""What may go wrong with a message, drawn from a seed: lost, late, twice, in another order, its process killed."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Faults:
    """Chances from 0 to 1, and what has happened. `muted`: groups (organisations) whose messages are all lost."""

    lost: float = 0
    duplicate: float = 0
    killed: float = 0
    late: float = 0
    late_s: float = 0.2
    kill_within_s: float = 0.3
    is_reordering: bool = False
    seed: int = 0
    muted: set[str] = field(default_factory=set[str])
    done: Counter[str] = field(default_factory=Counter[str])
    _random: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self._random.seed(self.seed)

    def reseed(self, seed: int) -> None:
        """Draw from another seed from here on."""
        self.seed = seed
        self._random.seed(seed)

    def loses(self, group: str) -> bool:
        """Whether a message that is being sent gets lost."""
        return group in self.muted or self._happens("lost", self.lost)

    def repeats(self) -> bool:
        """Whether a message comes twice."""
        return self._happens("duplicate", self.duplicate)

    def counts_again(self) -> bool:
        """Whether a duplicate has a receive count of its own: SQS's is approximate."""
        return self._random.random() < 0.5  # noqa: PLR2004  a coin

    def kills_after_s(self) -> float | None:
        """When after its start an invocation's process is killed; None: not."""
        return self._random.uniform(0, self.kill_within_s) if self._happens("killed", self.killed) else None

    def holds_back_s(self) -> float:
        """How long a batch is on its way."""
        return self._random.uniform(0, self.late_s) if self._happens("late", self.late) else 0

    def order(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Give the messages in the order in which they arrive."""
        if self.is_reordering:
            self._random.shuffle(messages)
        return messages

    def _happens(self, name: str, chance: float) -> bool:
        if chance <= 0 or self._random.random() >= chance:
            return False
        self.done[name] += 1
        return True
