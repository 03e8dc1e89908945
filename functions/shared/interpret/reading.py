"""What was read of a field, how sure that is, and where it stands in the data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from functions.shared.jsonvalue import Json, JsonObject

Origin = Literal["given", "extracted", "model", "default"]
CERTAIN = 0.9  # from here on no model is asked
SHARED = 0.5  # at most, when two fields claim the same words


@dataclass(frozen=True, slots=True)
class Leaf:
    """A text of the data: itself, or one that stands in it at a JSON pointer."""

    pointer: str
    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a value stands: characters `start` to `end` of the text at `pointer`; '' is the whole of the data."""

    pointer: str
    text: str
    start: int | None = None
    end: int | None = None

    def as_json(self) -> JsonObject:
        """Give it as the API shows it."""
        return {"pointer": self.pointer, "text": self.text, "start": self.start, "end": self.end}


@dataclass(frozen=True, slots=True)
class Reading:
    """A value that fits its field. `confidence` from 0 to 1."""

    value: Json
    confidence: float
    evidence: Evidence | None
    origin: Origin

    def as_json(self) -> JsonObject:
        """Give it as the API shows it."""
        return {
            "value": self.value,
            "confidence": round(self.confidence, 3),
            "evidence": self.evidence.as_json() if self.evidence else None,
            "origin": self.origin,
        }


def leaves_of(data: Json, pointer: str = "") -> Iterator[Leaf]:
    """Give every text of the data, in order."""
    if isinstance(data, str):
        yield Leaf(pointer, data)
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from leaves_of(value, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(data, list):
        for place, value in enumerate(data):
            yield from leaves_of(value, f"{pointer}/{place}")


def at(leaf: Leaf, start: int, end: int) -> Evidence:
    """Give the evidence of a part of a text."""
    return Evidence(leaf.pointer, leaf.text[start:end], start, end)
