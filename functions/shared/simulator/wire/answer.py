"""What every protocol writes down: the text of an answer, its usage, or an error."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from functions.shared.jsonvalue import Json, JsonObject

PIECE = 24  # characters in one piece of a stream


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer. `id` names it; `is_cut` means that the token limit ended it."""

    id: str
    text: str
    input_tokens: int
    output_tokens: int
    is_cut: bool = False

    def pieces(self) -> list[str]:
        """The text cut for a stream; an empty text is one empty piece."""
        return [self.text[at : at + PIECE] for at in range(0, len(self.text), PIECE)] or [""]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer: HTTP status, the provider's word for it, and a message."""

    status: int
    message: str


def text_of(content: Json) -> str:
    """Join the text of a message whose content is a string or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        inner = content.get("text", content.get("content", content.get("parts")))
        return "" if inner is None else text_of(inner)
    if isinstance(content, list):
        return "\n".join(filter(None, (text_of(part) for part in content)))
    return ""


def mapping(value: Json) -> JsonObject:
    """Give the mapping, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def sequence(value: Json) -> list[Json]:
    """Give the list, or an empty one for anything else."""
    return value if isinstance(value, list) else []


def sse(events: Iterable[tuple[str | None, Json]]) -> Iterator[str]:
    """Write server-sent events, `(event name or None, data)`."""
    for name, data in events:
        head = f"event: {name}\n" if name else ""
        yield f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n"
