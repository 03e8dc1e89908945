"""JSON Schema 2020-12 within limits: patterns in linear time, and an end to schemas that multiply their own work."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from functions.shared.dsl.patterns import compiled
from functions.shared.jsonvalue import Json, JsonObject

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

MAX_WORK = 50_000_000  # states of patterns times characters; what one value may cost, about half a second
_STEP = 400  # what following a schema into a value costs, in the same unit
_left: ContextVar[list[int] | None] = ContextVar("_left", default=None)
Errors = Iterator[Any]


class TooMuchWork(Exception):
    """The value cannot be checked within the limit."""


@contextmanager
def limited() -> Generator[None]:
    """Give everything that is checked inside one limit of work together."""
    token = _left.set([MAX_WORK])
    try:
        yield
    finally:
        _left.reset(token)


@lru_cache(maxsize=512)
def validator_of(text: str) -> Draft202012Validator:
    """Give the validator of a schema, written as JSON. References leave the schema for nowhere."""
    from referencing import Registry  # noqa: PLC0415  imported where it is used: a tenth of a second

    # An empty registry: a `$ref` to somewhere else is an error, never a request.
    return _validator_class()(json.loads(text), registry=Registry())  # pyright: ignore[reportUnknownArgumentType]


def _spend(amount: int) -> None:
    left = _left.get()
    if left is None:
        return
    left[0] -= amount
    if left[0] < 0:
        raise TooMuchWork


@lru_cache(maxsize=1)
def _validator_class() -> Any:  # noqa: ANN401  made at run time; jsonschema has no types for it
    from jsonschema import Draft202012Validator, validators  # noqa: PLC0415  as above

    own = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
        "enum": _enum(Draft202012Validator.VALIDATORS["enum"]),
    }
    extended = cast("Any", validators.extend(Draft202012Validator, own))  # pyright: ignore[reportUnknownMemberType]
    evolve = cast("Callable[..., object]", extended.evolve)

    def stay(self: object, **changes: object) -> object:
        """Keep this class whatever `$schema` an inner schema names: another dialect would bring its own patterns."""
        _spend(_STEP)
        schema = changes.get("schema")
        if isinstance(schema, dict) and "$schema" in schema:
            inner = cast("dict[str, object]", schema)
            changes["schema"] = {key: entry for key, entry in inner.items() if key != "$schema"}
        return evolve(self, **changes)

    extended.evolve = stay
    return extended


def _found(pattern: str, text: str) -> bool:
    matcher = compiled(pattern)
    _spend(matcher.states * (len(text) + 10))
    return matcher.is_in(text)


def _error(message: str) -> Any:  # noqa: ANN401  as above
    from jsonschema import ValidationError  # noqa: PLC0415  as above

    return ValidationError(message)


def _pattern(_: Any, pattern: str, instance: Json, __: JsonObject) -> Errors:  # noqa: ANN401  as above
    if isinstance(instance, str) and not _found(pattern, instance):
        yield _error(f"{instance[:100]!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any,  # noqa: ANN401  as above
    patterns: Mapping[str, Json],
    instance: Json,
    _: JsonObject,
) -> Errors:
    if not isinstance(instance, dict):
        return
    for pattern, inner in patterns.items():
        for name, value in instance.items():
            if _found(pattern, name):
                yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any,  # noqa: ANN401  as above
    inner: Json,
    instance: Json,
    schema: JsonObject,
) -> Errors:
    if not isinstance(instance, dict):
        return
    properties, patterns = schema.get("properties"), schema.get("patternProperties")
    named = properties if isinstance(properties, dict) else {}
    matched = patterns if isinstance(patterns, dict) else {}
    extras = [name for name in instance if name not in named and not any(_found(pattern, name) for pattern in matched)]
    if isinstance(inner, dict):
        for name in extras:
            yield from validator.descend(instance[name], inner, path=name)
    elif not inner and extras:
        yield _error(f"{', '.join(repr(name) for name in extras[:20])} is not declared")


def _unique_items(_: Any, wanted: Json, instance: Json, __: JsonObject) -> Errors:  # noqa: ANN401  as above
    """Compare by text: comparing each with each takes the square of the time."""
    if not wanted or not isinstance(instance, list):
        return
    _spend(_STEP * len(instance) // 4)
    seen: set[str] = set()
    for item in instance:
        mark = json.dumps(_same_numbers(item), sort_keys=True)
        if mark in seen:
            yield _error("an item is there twice")
            return
        seen.add(mark)


def _same_numbers(value: Json) -> Json:
    """1 and 1.0 are the same number in JSON Schema."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [_same_numbers(item) for item in value]
        case dict():
            return {key: _same_numbers(item) for key, item in value.items()}
        case _:
            return value


def _enum(original: Any) -> Any:  # noqa: ANN401  as above
    def enum(validator: Any, allowed: list[Json], instance: Json, schema: JsonObject) -> Errors:  # noqa: ANN401
        _spend(_STEP // 8 * len(allowed))
        yield from original(validator, allowed, instance, schema)

    return enum
