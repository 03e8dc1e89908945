"""What is wrong with a document, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Literal, TypeAlias

from functions.shared.jsonvalue import JsonObject

DocumentPath: TypeAlias = tuple[str | int, ...]
_MAX_CANDIDATES = 300  # comparing with more would take longer than it helps
Severity: TypeAlias = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. `path` as in `steps.classify.llm.prompt`; line and column from 1, None when there was no text."""

    path: str
    line: int | None
    column: int | None
    code: str
    severity: Severity
    message: str
    hint: str | None = None

    def as_json(self) -> JsonObject:
        """Give the object that the API and the command line print."""
        return asdict(self)


def path_text(path: DocumentPath) -> str:
    """Write a document path: names joined by dots, positions in brackets."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Give the known word that `word` probably meant."""
    candidates = list(known)[:_MAX_CANDIDATES]
    lowered = {candidate.lower(): candidate for candidate in candidates}
    if word.lower() in lowered and lowered[word.lower()] != word:
        return lowered[word.lower()]
    matches = get_close_matches(word, candidates, n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Give "Did you mean `x`?", or the list when it is short, or None."""
    candidates = list(known)
    match = nearest(word, candidates)
    if match is not None:
        return f"Did you mean `{match}`?"
    if 0 < len(candidates) <= 12:  # noqa: PLR2004  more would not be read
        return "Known: " + ", ".join(f"`{candidate}`" for candidate in candidates) + "."
    return None
