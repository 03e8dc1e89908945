"""How often a chain of requests has been in the same function, as Lambda counts it in the trace header's `Lineage`.

At about 16 Lambda takes the chain for a loop and drops the next event, unless the function has `RecursiveLoop: Allow`.
Nothing is dropped here: the count stands with each invocation.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field

LOOP = 16
_KEPT = 20_000


@dataclass(slots=True)
class Lineage:
    """The trace that each message was sent with. Only what botocore sends has one."""

    _traces: OrderedDict[str, str] = field(default_factory=OrderedDict[str, str])

    def note(self, message_id: str, trace: str) -> None:
        """Keep the trace header of the request that sent a message."""
        self._traces[message_id] = trace
        while len(self._traces) > _KEPT:
            self._traces.popitem(last=False)

    def next(self, messages: list[str], name: str) -> tuple[str, int]:
        """Give the trace header of the invocation for these messages, and which visit of the chain it is."""
        traces = [self._traces.get(message, "") for message in messages]
        hops = 1 + max((hops_of(trace, name) for trace in traces), default=0)
        root = next((part for trace in traces for part in trace.split(";") if part.startswith("Root=")), None)
        root = root or f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        return f"{root};Parent={secrets.token_hex(8)};Sampled=0;Lineage={hops}:{name}", hops


def hops_of(trace: str, name: str) -> int:
    """Read how often the chain was there."""
    for part in trace.split(";"):
        if part.startswith("Lineage="):
            count, _, where = part.removeprefix("Lineage=").partition(":")
            if where == name and count.isdecimal():
                return int(count)
    return 0
