"""Slows down who tries keys and tokens that are not known, by address, in this process, in bounded memory.

A caller that was let in before is let in from any address: a neighbour behind the same address cannot lock it out.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from functions.shared.errors import RateLimited

if TYPE_CHECKING:
    from functions.shared.web.rates import Rate

MAX_KEPT = 10_000


class Strangers:
    """Failures by address, and who was let in last."""

    def __init__(self, rate: Rate | None) -> None:
        self._rate = rate
        self._failures: OrderedDict[str, tuple[float, float]] = OrderedDict()  # how many, as of when
        self._known: OrderedDict[int, None] = OrderedDict()

    def check(self, address: str, credentials: str | None) -> None:
        """Raise RateLimited when this address failed too often and these credentials were never let in here."""
        if self._rate is None or address not in self._failures:
            return
        failed = self._failed(address)
        if failed <= self._rate.burst - 1 or (credentials and hash(credentials) in self._known):
            return
        pace = self._rate.window_seconds / self._rate.quota
        raise RateLimited(
            "Too many requests with keys or tokens that are not known came from this address.",
            hint="Check the key before you send it again.",
            retry_after=(failed - self._rate.burst + 1) * pace,
        )

    def note_failure(self, address: str) -> None:
        """Count a request that nobody known sent."""
        if self._rate is None:
            return
        self._failures[address] = (self._failed(address) + 1, time.monotonic())
        self._failures.move_to_end(address)
        if len(self._failures) > MAX_KEPT:
            self._failures.popitem(last=False)

    def note_known(self, credentials: str) -> None:
        """Remember whom the database let in."""
        key = hash(credentials)
        if key in self._known:
            self._known.move_to_end(key)
            return
        self._known[key] = None
        if len(self._known) > MAX_KEPT:
            self._known.popitem(last=False)

    def forget(self, credentials: str) -> None:
        """Let in no more whom the database does not know any more."""
        self._known.pop(hash(credentials), None)

    def _failed(self, address: str) -> float:
        count, at = self._failures.get(address, (0.0, 0.0))
        if self._rate is None or not count:
            return 0.0
        return max(0.0, count - (time.monotonic() - at) * self._rate.quota / self._rate.window_seconds)
