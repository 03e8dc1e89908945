"""The filters that make a text of a value."""

from __future__ import annotations

import json
from typing import cast

from functions.shared.dsl.evaluation import Evaluation, is_number, text_within
from functions.shared.dsl.expression_errors import ExpressionError
from functions.shared.dsl.values import MAX_TEXT, plain, to_text

MAX_TRIMMED = 100  # characters that `trim` may be told to take away


def _text(evaluation: Evaluation, value: object) -> str:
    evaluation.spend_on(value)
    return text_within(to_text(value))


def lower(evaluation: Evaluation, value: object) -> object:
    """Give the text in lower case."""
    return _text(evaluation, value).lower()


def upper(evaluation: Evaluation, value: object) -> object:
    """Give the text in upper case."""
    return _text(evaluation, value).upper()


def trim(evaluation: Evaluation, value: object, chars: object = None) -> object:
    """Take white space, or the given characters, from both ends."""
    text, taken = _text(evaluation, value), None if chars is None else _text(evaluation, chars)
    if taken is not None and len(taken) > MAX_TRIMMED:
        raise ExpressionError("too_large", f"`trim` takes at most {MAX_TRIMMED} characters away")
    evaluation.spend(len(text) * len(taken or "") // 64)
    return text.strip(taken)


def tojson(evaluation: Evaluation, value: object, indent: object = None) -> object:
    """Write the value as JSON."""
    if indent is not None and not (is_number(indent) and indent in range(9)):
        raise ExpressionError("type_error", "`tojson` takes an indent from 0 to 8")
    evaluation.spend_on(value)
    try:
        if indent is not None:
            return _indented(evaluation, value, cast("int", indent))
        return text_within(json.dumps(plain(value), ensure_ascii=False, allow_nan=False))
    except (ValueError, RecursionError, TypeError) as error:
        raise ExpressionError("too_large", f"The value cannot be written as JSON: {error}") from None


def _indented(evaluation: Evaluation, value: object, indent: int) -> str:
    """Write piece by piece: the indentation of a deep list can be much larger than the list."""
    pieces: list[str] = []
    size = 0
    for piece in json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=indent).iterencode(plain(value)):
        evaluation.spend(3)
        size += len(piece)
        if size > MAX_TEXT:
            text_within(None)
        pieces.append(piece)
    return "".join(pieces)


def string(evaluation: Evaluation, value: object) -> object:
    """Write the value as a text."""
    return _text(evaluation, value)
