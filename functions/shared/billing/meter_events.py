"""Meter events of a day's usage: each once, whoever sends them and however often."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from functions.shared.jsonvalue import JsonObject

# What is billed as whole numbers: money in millionths of a dollar.
MICROS = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class MeterEvent:
    """So much of a meter on a day. `identifier` is the same each time it is made: a repeated one counts once."""

    event_name: str  # agentplane_<metric>
    identifier: str
    customer: str
    value: int
    timestamp: datetime

    def as_json(self) -> JsonObject:
        """Give the body that POST /v1/billing/meter_events takes."""
        return {
            "event_name": self.event_name,
            "identifier": self.identifier,
            "timestamp": int(self.timestamp.timestamp()),
            "payload": {"stripe_customer_id": self.customer, "value": str(self.value)},
        }


class Exporter(Protocol):
    """Sends meter events to whoever bills. Repeating an event must change nothing."""

    async def send(self, events: Sequence[MeterEvent]) -> None:
        """Send them, or raise: then they are sent again."""
        ...


class NoBilling:
    """Bills nobody: what a plane has as long as nobody gives it an exporter."""

    async def send(self, events: Sequence[MeterEvent]) -> None:
        """Do nothing."""


def meter_events(org_id: str, customer: str, usage: Iterable[Mapping[str, str]]) -> list[MeterEvent]:
    """Make the events of whole days: rows of `{day, metric, value}` as GET /api/usage gives them.

    Only of days that are over: a day that still grows would be billed by what it had when it was first sent.
    """
    events: list[MeterEvent] = []
    for row in usage:
        day, metric, amount = date.fromisoformat(row["day"]), row["metric"], Decimal(row["value"])
        if metric == "cost_usd":
            metric, amount = "cost_micros", amount * MICROS
        events.append(
            MeterEvent(
                event_name=f"agentplane_{metric}",
                identifier=f"{org_id}:{day.isoformat()}:{metric}",
                customer=customer,
                value=int(amount.to_integral_value(ROUND_HALF_UP)),
                timestamp=datetime.combine(day, time.max, UTC).replace(microsecond=0),
            )
        )
    return events


async def export(
    exporter: Exporter, org_id: str, customer: str, usage: Iterable[Mapping[str, str]], *, before: date
) -> int:
    """Send what an organisation used on days before `before`. Gives how many events there were."""
    events = meter_events(org_id, customer, (row for row in usage if date.fromisoformat(row["day"]) < before))
    if events:
        await exporter.send(events)
    return len(events)
