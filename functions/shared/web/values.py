"""How values look in answers: times in UTC with Z, money as text with nine places."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _nine_places(value: Decimal) -> str:
    return f"{value:.9f}"


Timestamp = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A time: RFC 3339, given in UTC with Z."""

Money = Annotated[
    Decimal,
    PlainSerializer(_nine_places, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+\.\d{9}$", "examples": ["0.000040000"]}),
]
"""US dollars as text with nine places; null where it is unknown, never 0 instead."""

T = TypeVar("T")


class Body(BaseModel):
    """What is sent: unknown fields are refused, each with the name that was probably meant."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What is answered."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ListOf(Answer, Generic[T]):
    """One page. `next_cursor` is null on the last one."""

    data: list[T]
    next_cursor: str | None = Field(None, description="Send it as `cursor` to get the next page.")


__all__ = ["Answer", "Body", "ListOf", "Money", "Timestamp"]
