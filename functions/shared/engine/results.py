"""What comes out of running a leaf step, and what it has used."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias, cast

from functions.shared.engine.frozen import frozen

if TYPE_CHECKING:
    from functions.shared.engine.facts import Record
    from functions.shared.engine.plan import Start
    from functions.shared.jsonvalue import JsonObject
    from functions.shared.steps.base import Usage


@dataclass(slots=True)
class Spent:
    """Usage over all attempts of a step."""

    model: str | None = None
    provider: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal | None = None
    is_cost_unknown: bool = False
    calls: int = 0

    def add(self, usage: Usage | None) -> None:
        """Count what one attempt has used."""
        if usage is None:
            return
        self.model, self.provider = usage.model, usage.provider
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        self.is_cost_unknown |= usage.is_cost_unknown
        self.calls += usage.calls
        if usage.cost_usd is not None:
            self.cost_usd = (self.cost_usd or Decimal(0)) + usage.cost_usd

    def as_json(self) -> JsonObject:
        """Give what a retry wait carries over."""
        return {
            "model": self.model,
            "provider": self.provider,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost_usd": None if self.cost_usd is None else str(self.cost_usd),
            "is_cost_unknown": self.is_cost_unknown,
            "calls": self.calls,
        }

    @classmethod
    def of(cls, carried: JsonObject) -> Spent:
        """Read what a retry wait carried over."""
        cost = carried.get("cost_usd")
        return cls(
            model=cast("str | None", carried.get("model")),
            provider=cast("str | None", carried.get("provider")),
            input_tokens=cast("int", carried.get("input_tokens") or 0),
            output_tokens=cast("int", carried.get("output_tokens") or 0),
            cost_usd=None if cost is None else Decimal(str(cost)),
            is_cost_unknown=bool(carried.get("is_cost_unknown")),
            calls=cast("int", carried.get("calls") or 0),
        )


@frozen
class Ended:
    """A step that has its result. `size` is the output's, in bytes of JSON."""

    start: Start
    record: Record
    spent: Spent
    duration_ms: int
    size: int


@dataclass(frozen=True, slots=True)
class Later:
    """A step whose next attempt is so far off that the frame waits for it. `data` is the retry wait's."""

    start: Start
    after_s: float
    data: JsonObject


@dataclass(frozen=True, slots=True)
class Lost:
    """An at-most-once step whose attempt may or may not have happened: its `on_unknown` decides."""

    start: Start
    attempt: int
    spent: Spent


@dataclass(frozen=True, slots=True)
class Asked:
    """A step that goes on when a person has answered. `data` is the approval's; `after_s`: when it times out."""

    start: Start
    attempt: int
    after_s: float | None
    data: JsonObject


Result: TypeAlias = Ended | Later | Lost | Asked
