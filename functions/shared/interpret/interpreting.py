"""Reads data against a schema: what is given, what can be extracted, and what a model says about the rest."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from functions.shared.dsl.schema import accept
from functions.shared.interpret.asking import believed, question_of
from functions.shared.interpret.extraction import extract
from functions.shared.interpret.given import given
from functions.shared.interpret.reading import CERTAIN, SHARED, Evidence, Reading, leaves_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.interpret.asking import Asker, Said
    from functions.shared.interpret.fields import Fields
    from functions.shared.interpret.reading import Leaf
    from functions.shared.jsonvalue import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Interpretation:
    """What was read. `missing` and `low` are required fields without a value, and below the threshold.

    `confidence` is that of the least sure required field: one bad field is not made good by ten others. `model` is None
    when none was asked.
    """

    fields: dict[str, Reading]
    missing: list[str]
    low: list[str]
    confidence: float
    model: str | None = None
    usage: Any = None
    problems: list[str] = field(default_factory=list[str])

    @property
    def data(self) -> JsonObject:
        """The values alone."""
        return {name: reading.value for name, reading in self.fields.items()}

    @property
    def should_escalate(self) -> bool:
        """Whether a person should look at it."""
        return bool(self.missing or self.low or self.problems)

    @property
    def reason(self) -> str | None:
        """Why a person should look at it."""
        parts = [
            *([f"{', '.join(self.missing)} not found"] if self.missing else []),
            *([f"not sure of {', '.join(self.low)}"] if self.low else []),
            *self.problems,
        ]
        return "; ".join(parts) or None


async def interpret(
    fields: Fields, data: Json, ask: Asker | None, *, about: Json = None, threshold: float = 0.7
) -> Interpretation:
    """Read the fields of the data; without anybody to `ask`, what is clear. Raises what asking raises."""
    leaves = [leaf for leaf in leaves_of(data) if leaf.text.strip()]
    read = _read(fields, data, leaves)
    unsure = [wanted for wanted in fields.all if wanted.name not in read or read[wanted.name].confidence < CERTAIN]
    said: Said | None = None
    if unsure and ask is not None and (leaves or data not in (None, "", [], {})):
        said = await ask(question_of(unsure, data, about))
        for name, reading in believed(unsure, said.answer, leaves).items():
            read[name] = _better(read.get(name), reading)
    return _assembled(fields, read, threshold, said)


def _read(fields: Fields, data: Json, leaves: Sequence[Leaf]) -> dict[str, Reading]:
    """Read what can be read without a model."""
    if len(fields.all) == 1 and isinstance(data, int | float) and fields.all[0].accepts(data):
        return {fields.all[0].name: Reading(data, 1.0, Evidence("", json.dumps(data)), "given")}
    found = {wanted.name: given(wanted, data) or extract(wanted, leaves) for wanted in fields.all}
    read = {name: reading for name, reading in found.items() if reading is not None}
    claims = Counter(reading.evidence for reading in read.values() if reading.origin == "extracted")
    return {
        # What two fields claim is only a guess for each: "3 March" is the start or the end.
        name: replace(reading, confidence=min(reading.confidence, SHARED)) if claims[reading.evidence] > 1 else reading
        for name, reading in read.items()
    }


def _better(guess: Reading | None, said: Reading) -> Reading:
    """Two that agree make each other surer; else the surer one counts."""
    if guess is None:
        return said
    if guess.value == said.value:
        sure = 1 - (1 - guess.confidence) * (1 - said.confidence)
        return Reading(said.value, min(sure, CERTAIN), said.evidence or guess.evidence, "model")
    return said if said.confidence >= guess.confidence else guess


def _assembled(fields: Fields, read: dict[str, Reading], threshold: float, said: Said | None) -> Interpretation:
    ordered: dict[str, Reading] = {}
    for wanted in fields.all:
        if wanted.name in read:
            ordered[wanted.name] = read[wanted.name]
        elif "default" in wanted.schema:
            ordered[wanted.name] = Reading(wanted.schema["default"], 1.0, None, "default")
    required = [wanted.name for wanted in fields.all if wanted.is_required]
    missing = [name for name in required if name not in ordered]
    low = [name for name in required if name in ordered and ordered[name].confidence < threshold]
    sure = [0.0 if name in missing else ordered[name].confidence for name in required]
    whole = accept(fields.schema, {name: reading.value for name, reading in ordered.items()})
    problems = [each.message for each in whole.problems if each.code != "missing"]
    return Interpretation(
        ordered, missing, low, min(sure, default=1.0), said and said.model, said and said.usage, problems
    )
