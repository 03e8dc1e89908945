"""Split a text into plain parts, `${{ }}` expressions and, in prompts, `${% %}` tags."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from functions.shared.jsonvalue import Json

OPEN, CLOSE = "${{", "}}"
TAG_OPEN, TAG_CLOSE = "${%", "%}"
_EXPRESSION_MARK = re.compile(r"\$\{\{")
_ANY_MARK = re.compile(r"\$\{[{%]")
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class TemplateError(Exception):
    """A mark that is opened and never closed; `offset` is where it was opened."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a template. `text` is without the marks, `offset` is where the piece starts in the whole."""

    kind: Literal["text", "expression", "tag"]
    text: str
    offset: int


def has_expression(text: str) -> bool:
    """Tell whether the text holds at least one `${{`."""
    return OPEN in text


def holds_template(value: Json) -> bool:
    """Tell whether a text anywhere in the value holds an expression or a tag."""
    if isinstance(value, str):
        return OPEN in value or TAG_OPEN in value
    entries = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(holds_template, entries))


def is_one_expression(text: str) -> bool:
    """Tell whether the text is exactly one `${{ }}`, so that it keeps the type of its value."""
    try:
        pieces = split(text)
    except TemplateError:
        return False
    return len(pieces) == 1 and pieces[0].kind == "expression"


def split(text: str, *, tags: bool = False) -> list[Piece]:
    """Cut the text into pieces; `tags` also recognises `${% %}`. Raises TemplateError for an unclosed mark."""
    pieces: list[Piece] = []
    marks = _ANY_MARK if tags else _EXPRESSION_MARK
    position = 0
    while (mark := marks.search(text, position)) is not None:
        start = mark.start()
        is_tag = mark[0] == TAG_OPEN
        if start > position:
            pieces.append(Piece("text", text[position:start], position))
        close = TAG_CLOSE if is_tag else CLOSE
        end = _closing(text, start + 3, close)
        if end is None:
            raise TemplateError(_unclosed(text, mark[0], close, start), start)
        pieces.append(Piece("tag" if is_tag else "expression", text[start + 3 : end], start))
        position = end + 2
    if position < len(text):
        pieces.append(Piece("text", text[position:], position))
    return pieces


def _unclosed(text: str, mark: str, close: str, start: int) -> str:
    if close in text[start:]:
        return f"A quote or bracket is not closed between `{mark}` and `{close}`"
    return f"`{mark}` is not closed by `{close}`"


def _closing(text: str, start: int, close: str) -> int | None:
    """Find `close` outside of quotes and brackets: `${{ {'a': {}} }}` and `${{ '}}' }}` end where they should."""
    expected: list[str] = []
    position = start
    while position < len(text):
        char = text[position]
        if not expected and text.startswith(close, position):
            return position
        if char in "'\"":
            position = _after_quote(text, position)
            continue
        if char in _CLOSING:
            expected.append(_CLOSING[char])
        elif expected and char == expected[-1]:
            expected.pop()
        position += 1
    return None


def _after_quote(text: str, start: int) -> int:
    quote, position = text[start], start + 1
    while position < len(text):
        if text[position] == "\\":
            position += 2
            continue
        if text[position] == quote:
            return position + 1
        position += 1
    return len(text)
