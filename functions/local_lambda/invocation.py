"""What is known of an invocation when it has ended, the line that Lambda would log of it, and the list of all."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

Listener = Callable[["Invocation"], None]


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation. Times in ms; `error` is Lambda's error type, empty when the handler gave an answer."""

    function: str
    request_id: str
    source: str  # http, queue, schedule, invoke
    about: str  # the route, the queue's messages, the rule
    pid: int
    began_at: float  # epoch seconds
    duration_ms: float
    init_ms: float  # 0: warm
    memory_mb: int
    max_memory_mb: int
    error: str = ""
    answer_bytes: int = 0
    hops: int = 0  # how often this chain of requests has been in this function before

    @property
    def is_cold(self) -> bool:
        """Whether its process was started for it."""
        return self.init_ms > 0

    @property
    def billed_ms(self) -> int:
        """What is billed: the start counts since August 2025."""
        return math.ceil(self.init_ms + self.duration_ms)

    @property
    def gb_seconds(self) -> float:
        """Billed time times configured memory."""
        return self.billed_ms / 1000 * self.memory_mb / 1024

    def report(self) -> str:
        """Give the line that Lambda ends an invocation's log with, for people on one machine."""
        init = f" init {self.init_ms:.0f} ms" if self.is_cold else ""
        error = f" {self.error}" if self.error else ""
        return (
            f"{self.function:<12} pid {self.pid:<7} {'cold' if self.is_cold else 'warm'} "
            f"{self.duration_ms:8.1f} ms billed {self.billed_ms} ms{init} "
            f"memory {self.max_memory_mb}/{self.memory_mb} MB {self.source} {self.about}{error}"
        )


@dataclass(slots=True)
class Ledger:
    """Every invocation since the start, in the order of their ends, and the throttled ones as a count."""

    invocations: list[Invocation] = field(default_factory=list[Invocation])
    throttled: Counter[str] = field(default_factory=Counter[str])
    listeners: list[Listener] = field(default_factory=list[Listener])

    def note(self, invocation: Invocation) -> None:
        """Keep it and tell who listens."""
        self.invocations.append(invocation)
        for listen in self.listeners:
            listen(invocation)

    def of(self, *functions: str) -> list[Invocation]:
        """Give those of these functions."""
        return [one for one in self.invocations if one.function in functions]
