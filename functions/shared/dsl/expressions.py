"""Evaluate `${{ }}`: the whole public face of expressions.

A text that is exactly one `${{ }}` keeps the native type of its value; others become texts. Compiled forms are cached.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from functions.shared.dsl.closures import Closure, build
from functions.shared.dsl.evaluation import Evaluation, text_within
from functions.shared.dsl.expression_errors import ExpressionCode, ExpressionError
from functions.shared.dsl.prompts import Part, compile_prompt
from functions.shared.dsl.syntax import parse, reference_of
from functions.shared.dsl.templates import OPEN, TAG_OPEN, Piece, TemplateError, split
from functions.shared.dsl.values import MAX_RESULT, MAX_TEXT, check_size, plain, to_text
from functions.shared.jsonvalue import Json

__all__ = [
    "ExpressionCode",
    "ExpressionError",
    "evaluate",
    "evaluate_condition",
    "evaluate_expression",
    "render_text",
]

Scope: TypeAlias = Mapping[str, object]


def evaluate(value: Json, scope: Scope) -> Json:
    """Evaluate every `${{ }}` in any structure. Plain texts, numbers and keys stay as they are."""
    if isinstance(value, str) and OPEN not in value:
        return value
    try:
        if isinstance(value, str):
            return _evaluate_text(value, Evaluation(scope))
        return _Walk(scope).walk(value) if isinstance(value, (dict, list)) else value
    except RecursionError:
        raise _too_deep() from None


def evaluate_condition(text: Json, scope: Scope) -> bool:
    """Decide `when` or `loop.until`, with or without marks. Undefined names raise, they are never false."""
    if isinstance(text, bool):
        return text
    if not isinstance(text, str):
        raise ExpressionError("type_error", "A condition is an expression, true or false")
    try:
        return bool(_single(text)(Evaluation(scope)))
    except RecursionError:
        raise _too_deep() from None


def evaluate_expression(text: Json, scope: Scope) -> Json:
    """Evaluate one expression, with or without marks; a structure (`for_each: [a, b]`) is evaluated as such."""
    if not isinstance(text, str):
        return evaluate(text, scope)
    try:
        result = plain(_single(text)(Evaluation(scope)))
        _check_container(result)
    except RecursionError:
        raise _too_deep() from None
    return result


def render_text(text: str, scope: Scope) -> str:
    """Render prompt text: `${{ }}`, `${% for %}` and `${% if %}`; always a text."""
    if OPEN not in text and TAG_OPEN not in text:
        return text
    pieces: list[str] = []
    run = Evaluation(dict(scope))
    size = 0
    try:
        for piece in _prompt(text)(run):
            size += len(piece)
            if size > MAX_RESULT:
                text_within(None)
            pieces.append(piece)
    except RecursionError:
        raise _too_deep() from None
    return "".join(pieces)


def source_of(text: str) -> str:
    """Give the one expression of a condition or `for_each`, without its marks. Raises `syntax` when it is not one."""
    if OPEN not in text:
        return text
    pieces = _split(text.strip())
    if len(pieces) == 1:
        return pieces[0].text
    hint = "Put everything into one pair of marks: `${{ a and b }}`."
    raise ExpressionError("syntax", "A condition must be exactly one expression", hint)


@dataclass(frozen=True, slots=True)
class _Template:
    """`single` for a text that is exactly one expression, else the parts of a mixed text."""

    single: Closure | None
    is_reference: bool
    parts: tuple[str | Closure, ...] = ()


def _too_deep() -> ExpressionError:
    return ExpressionError("too_large", "A value is nested too deeply")


def _split(text: str) -> list[Piece]:
    try:
        return split(text)
    except TemplateError as error:
        raise ExpressionError("syntax", str(error)) from None


@lru_cache(maxsize=4096)
def _template(text: str) -> _Template:
    pieces = _split(text)
    if len(pieces) == 1 and pieces[0].kind == "expression":
        tree = parse(pieces[0].text)
        return _Template(build(tree), is_reference=reference_of(tree) is not None)
    parts = tuple(piece.text if piece.kind == "text" else build(parse(piece.text)) for piece in pieces)
    return _Template(None, is_reference=False, parts=parts)


@lru_cache(maxsize=4096)
def _single(text: str) -> Closure:
    return build(parse(source_of(text)))


@lru_cache(maxsize=1024)
def _prompt(text: str) -> Part:
    return compile_prompt(text)


def _evaluate_text(text: str, run: Evaluation) -> Json:
    template = _template(text)
    if template.single is not None:
        result = plain(template.single(run))
        if not template.is_reference:
            _check_container(result)
        return result
    return _joined(template.parts, run)


def _joined(parts: tuple[str | Closure, ...], run: Evaluation) -> str:
    pieces: list[str] = []
    size = 0
    for part in parts:
        piece = part if isinstance(part, str) else to_text(part(run))
        size += len(piece)
        if size > MAX_TEXT:
            text_within(None)
        pieces.append(piece)
    return "".join(pieces)


def _check_container(result: Json) -> None:
    if isinstance(result, (dict, list)):
        check_size(result)


class _Walk:
    """One walk over a structure: all its expressions together do the work, and give as much, as one may."""

    def __init__(self, scope: Scope) -> None:
        self._run = Evaluation(scope)
        self._left = MAX_RESULT
        self._sizes: dict[int, int] = {}

    def walk(self, value: Json) -> Json:
        if isinstance(value, str):
            if OPEN not in value:
                return value
            return self._counted(_evaluate_text(value, self._run))
        if isinstance(value, dict):
            return {key: self.walk(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [self.walk(entry) for entry in value]
        return value

    def _counted(self, result: Json) -> Json:
        """Count the same referenced object once as work, but every time as size."""
        if isinstance(result, str):
            self._left -= len(result)
        elif isinstance(result, (dict, list)):
            size = self._sizes.get(id(result))
            if size is None:
                size = self._sizes[id(result)] = check_size(result)
            self._left -= size
        if self._left < 0:
            raise ExpressionError("too_large", f"The evaluated structure is larger than {MAX_RESULT:,} bytes")
        return result
