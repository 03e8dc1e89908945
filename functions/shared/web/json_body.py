"""Reads a JSON body strictly: what Postgres could not store is refused here, with its place."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, NoReturn

from functions.shared.errors import FieldProblem, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functions.shared.jsonvalue import Json

MAX_DEPTH = 100
_UNSTORABLE_CHARACTER = re.compile("[\x00\ud800-\udfff]")


def parse_json(body: bytes) -> Json:
    """Give the value of a JSON text. Raises InvalidInput: `malformed_json` with its place, or what cannot be stored."""
    try:
        value: Json = json.loads(body.decode(), parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except UnicodeDecodeError as error:
        raise _malformed(f"The body is not UTF-8 at byte {error.start}.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _malformed(f"The body is not JSON: {error.msg} at {where}.", error.lineno, error.colno) from error
    except RecursionError as error:
        raise _malformed(f"The body is nested deeper than {MAX_DEPTH} levels.") from error
    except ValueError as error:  # a number with thousands of digits
        raise _malformed("The body has a number that is too long.") from error
    if _is_plainly_storable(value, has_escapes=b"\\u" in body):
        return value
    problems = list(_unstorable(value))
    if problems:
        raise InvalidInput("The body has values that cannot be stored.", errors=problems[:20])
    return value


def pointer_to(*parts: str | int) -> str:
    """Give the RFC 6901 pointer to a place."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def text_problem(text: str) -> str | None:
    """Say what keeps a text out of Postgres, if anything does."""
    found = _UNSTORABLE_CHARACTER.search(text)
    if found is None:
        return None
    return "holds a NUL character (U+0000)" if found[0] == "\x00" else "holds half of a surrogate pair"


def _is_plainly_storable(value: Json, *, has_escapes: bool) -> bool:
    """Tell, level by level and so quickly, that nothing is wrong. Only an escape can be a character that is."""
    if has_escapes:
        return False
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        if not level:
            return True
        below: list[Json] = []
        for each in level:
            if isinstance(each, dict):
                below.extend(each.values())
            elif isinstance(each, list):
                below.extend(each)
            elif isinstance(each, float) and not math.isfinite(each):
                return False
        level = below
    return not level


def _unstorable(value: Json, path: tuple[str | int, ...] = ()) -> Iterator[FieldProblem]:
    if len(path) > MAX_DEPTH:
        yield FieldProblem(pointer_to(*path), "too_deep", f"Nested deeper than {MAX_DEPTH} levels.")
        return
    match value:
        case str():
            if problem := text_problem(value):
                yield FieldProblem(pointer_to(*path), "not_storable", f"The text {problem}.")
        case float() if not math.isfinite(value):
            yield FieldProblem(pointer_to(*path), "not_storable", "The number is outside the range of JSON numbers.")
        case dict():
            for key, item in value.items():
                if problem := text_problem(key):
                    yield FieldProblem(pointer_to(*path), "not_storable", f"A field's name {problem}.")
                yield from _unstorable(item, (*path, key))
        case list():
            for index, item in enumerate(value):
                yield from _unstorable(item, (*path, index))
        case _:
            pass


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _malformed(f"The field {twice[:100]!r} stands twice in one object.")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise _malformed(f"The body is not JSON: {name} is not a JSON number.")


def _malformed(message: str, line: int | None = None, column: int | None = None) -> InvalidInput:
    place = {} if line is None else {"line": line, "column": column}
    return InvalidInput(
        message,
        code="malformed_json",
        hint="Send one JSON object, UTF-8, with double quotes and no trailing commas.",
        errors=[FieldProblem("", "malformed_json", message)],
        extra=dict(place),
    )
