"""How many requests a caller may still send, decided in this process by what it has leased from the database.

A lease travels with a call that is made anyway; between two leases nothing is asked and no row is touched. Over all
processes, in any time T, at most `burst + quota / window * T` requests pass, and for each process up to two batches
more: one that it has on hand, and one that it let pass on credit. A batch is a twentieth of the quota or the burst,
whichever is less, and at most 50; below a quota of 20 it is nothing, and each request asks.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, cast

from functions.shared.db.port import Lease
from functions.shared.errors import RateLimited

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.jsonvalue import JsonObject

# How long leased requests are good: so long may a new limit take to be heard of.
LEASE_S = 30.0
MAX_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds, and how many at once after a rest."""

    quota: int
    window_seconds: int
    burst: int

    @classmethod
    def of(cls, text: str) -> Self | None:
        """Read `600/60` or `600/60/1200`: quota, seconds, burst; empty: no limit. Raises ValueError."""
        if not text.strip():
            return None
        parts = [int(part) for part in text.split("/")]
        if len(parts) not in (2, 3) or min(parts) < 1:
            raise ValueError(f"{text!r} is no rate: write 600/60 (requests/seconds) or 600/60/1200 (and at once).")
        return cls(parts[0], parts[1], parts[-1] if len(parts) > 2 else parts[0])  # noqa: PLR2004

    def as_json(self) -> JsonObject:
        """Give it as the database takes it."""
        return {"quota": self.quota, "window_seconds": self.window_seconds, "burst": self.burst}


@dataclass(slots=True)
class Share:
    """What this process knows and holds of one bucket: a key's, a person's or an agent's."""

    kind: str
    default: Rate | None
    tokens: int = 0
    debt: int = 0  # requests that passed and were not paid for
    paying: int = 0  # of those, what leases that are under way would pay
    until: float = 0.0  # when what was leased is over
    batch: int = 0
    rate: Rate | None = None  # as the database told; None: no limit, or nothing told yet
    is_known: bool = False
    left: float = 0.0  # in the bucket, at `told_at`
    told_at: float = 0.0
    refused_until: float = 0.0
    leasing: int = 0
    policy: str = ""  # its item of RateLimit-Policy

    def needs_lease(self, now: float) -> bool:
        """Tell whether a request must ask the database."""
        if self.is_known and now < self.until and (self.tokens > 0 or self.rate is None):
            return False
        return not self.leasing or (not self.is_free and self.debt + self.paying >= self.batch)

    @property
    def is_free(self) -> bool:
        """Tell whether there is no limit: requests are counted only, as debt that the next lease pays."""
        return self.is_known and self.rate is None

    def spend(self) -> None:
        """Let one request pass without asking: of what is on hand, else on credit."""
        if self.tokens > 0:
            self.tokens -= 1
        else:
            self.debt += 1

    def ask(self) -> JsonObject:
        """Begin to lease: what is owed is paid with it, what is left over is given back."""
        asked: JsonObject = {
            "debt": self.debt,
            "unspent": self.tokens,
            "batch": not self.leasing,
            "default": self.default.as_json() if self.default else None,
        }
        self.paying += self.debt
        self.debt = self.tokens = 0
        self.leasing += 1
        return asked

    def tell(self, limit: Mapping[str, object], now: float) -> None:
        """Take over what the database says about the bucket."""
        told = cast("dict[str, int | None]", limit)
        quota, window, burst = told.get("quota"), told.get("window_seconds"), told.get("burst")
        self.rate = Rate(quota, window or 60, burst or quota) if quota else None
        self.batch = told.get("batch") or 0
        self.left = float(told.get("left") or 0)
        self.told_at = now
        self.is_known = True
        if self.rate is not None:
            self.policy = f'"{self.kind}";q={self.rate.quota};w={self.rate.window_seconds}'
            if self.rate.burst != self.rate.quota:
                self.policy += f";burst={self.rate.burst}"

    def remaining(self, now: float) -> int:
        """Estimate how many requests are left: on hand, and in the bucket as far as this process knows."""
        if self.rate is None or now < self.refused_until:
            return 0
        refilled = self.left + (now - self.told_at) * self.rate.quota / self.rate.window_seconds
        return max(0, math.floor(min(self.rate.burst, refilled + self.tokens - self.debt)))

    def headers(self, now: float) -> tuple[str, str] | None:
        """Give its items of RateLimit-Policy and RateLimit; None where there is no limit.

        `t`: seconds until all of it is there again; with nothing left, until the next request may come.
        """
        if self.rate is None:
            return None
        left = self.remaining(now)
        pace = self.rate.window_seconds / self.rate.quota
        wait = (self.rate.burst - left) * pace if left else max(self.refused_until - now, pace)
        return self.policy, f'"{self.kind}";r={left};t={math.ceil(wait)}'


@dataclass(slots=True)
class Ticket:
    """One request's way past the limits. `lease` goes with its first call of the database, when it must ask.

    `refusal`: it may not pass, and this is why.
    """

    shares: tuple[Share, ...]
    lease: Lease | None = None
    refusal: RateLimited | None = None
    asked: dict[str, tuple[Share, JsonObject]] = field(default_factory=dict[str, tuple[Share, "JsonObject"]])

    def settle(self, error: BaseException | None = None) -> None:
        """Take over what the database gave; what it did not get to give is owed. `error`: how the request ended."""
        if not self.asked:
            return
        now = time.monotonic()
        given = self.lease.given if self.lease else None
        refused = error if given is None and isinstance(error, RateLimited) and "kind" in error.extra else None
        for place, (share, asked) in self.asked.items():
            share.leasing -= 1
            share.paying -= cast("int", asked["debt"])
            told = given.get(place) if given else None
            if isinstance(told, dict):
                share.tell(told, now)
                share.tokens += cast("int", told["granted"])
                share.until = now + LEASE_S
                continue
            share.debt += cast("int", asked["debt"]) + (0 if refused or given is not None else 1)
            share.tokens += cast("int", asked["unspent"])
            if refused is not None and refused.extra["kind"] == share.kind:
                share.tell(cast("JsonObject", refused.extra.get("limit") or {}), now)
                share.refused_until = now + (refused.retry_after or 1.0)
        self.asked = {}

    def headers(self) -> dict[str, str]:
        """Give RateLimit-Policy and RateLimit, as far as limits are known."""
        now = time.monotonic()
        items = [item for share in self.shares if (item := share.headers(now))]
        if not items:
            return {}
        if len(items) == 1:
            return {"RateLimit-Policy": items[0][0], "RateLimit": items[0][1]}
        return {
            "RateLimit-Policy": ", ".join(policy for policy, _ in items),
            "RateLimit": ", ".join(left for _, left in items),
        }


class Rates:
    """The shares of this process, those that were used last."""

    def __init__(self, *, caller: Rate | None, agent: Rate | None) -> None:
        self._defaults = {"caller": caller, "agent": agent}
        self._shares: OrderedDict[tuple[str, str], Share] = OrderedDict()

    def admit(self, caller: str, kind: str, agent: str | None) -> Ticket:
        """Let a request pass, or say why not. `kind`: key or person. The ticket must be settled."""
        now = time.monotonic()
        places = {"caller": self._share(caller, kind, "caller", "")}
        if agent is not None:
            places["agent"] = self._share(caller, "agent", "agent", agent)
        ticket = Ticket(tuple(places.values()))
        for share in ticket.shares:
            if now < share.refused_until:
                ticket.refusal = _refusal(share, now)
                return ticket

        asking = {place: share for place, share in places.items() if share.needs_lease(now)}
        for place, share in places.items():
            if place not in asking:
                share.spend()
        if asking:
            pays_first = any(not share.is_free and share.debt > share.batch for share in asking.values())
            asked: JsonObject = {}
            for place, share in asking.items():
                wanted = share.ask()
                ticket.asked[place] = (share, wanted)
                asked[place] = {**wanted, "subject": agent} if place == "agent" else wanted
            ticket.lease = Lease(asked, pays_first=pays_first)
        return ticket

    def forget(self, caller: str) -> None:
        """Drop what is kept of a caller that turned out to be nobody."""
        self._shares.pop((caller, ""), None)

    def _share(self, caller: str, kind: str, place: str, name: str) -> Share:
        key = (caller, name)
        share = self._shares.get(key)
        if share is None:
            share = self._shares[key] = Share(kind, self._defaults[place])
            if len(self._shares) > MAX_KEPT:
                self._shares.popitem(last=False)
        else:
            self._shares.move_to_end(key)
        return share


def _refusal(share: Share, now: float) -> RateLimited:
    rate = share.rate
    return RateLimited(
        f"This {share.kind} has sent its {rate.quota} requests in {rate.window_seconds} seconds."
        if rate
        else "Too many requests.",
        hint="Wait for retry_after seconds. Who may manage limits can raise it: PUT /api/limits/rates.",
        retry_after=share.refused_until - now,
        extra={"kind": share.kind, "limit": {**rate.as_json(), "left": 0} if rate else {}},
    )
