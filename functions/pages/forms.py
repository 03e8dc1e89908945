"""The form of a question: fields from its schema with their defaults, and what was filled in as JSON again."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast

from functions.pages.shown import text_of
from functions.pages.words import label_of
from functions.shared.dsl.schema import accept_declared, to_json_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from functions.shared.jsonvalue import Json, JsonObject

Control = Literal["text", "long", "number", "integer", "check", "choice", "list", "json"]

PREFIX = "field:"
LONG = 80
MAX_DEPTH = 4
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Option:
    """One of the values to choose from: what is sent and what is read."""

    value: str
    label: str
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One control. `name`: PREFIX and the JSON pointer of its place. `group`: the object inside the form, or empty."""

    name: str
    id: str
    label: str
    group: str
    control: Control
    value: str
    hint: str = ""
    options: list[Option] = field(default_factory=list[Option])
    is_checked: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Filled:
    """What was filled in, as JSON, and what does not fit, by the name of the field."""

    values: JsonObject
    errors: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Leaf:
    path: tuple[str, ...]
    schema: JsonObject
    default: Json | object
    control: Control

    @property
    def name(self) -> str:
        return PREFIX + "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in self.path)


def fields_of(form: JsonObject, posted: Mapping[str, str] | None = None, filled: Filled | None = None) -> list[Field]:
    """Give the controls of a form: with its defaults, or with what was posted and what is wrong with it."""
    return [
        _field(leaf, f"field-{number}", posted, filled.errors.get(leaf.name, "") if filled else "")
        for number, leaf in enumerate(_leaves(form))
    ]


def read(form: JsonObject, posted: Mapping[str, str], *, is_whole: bool) -> Filled:
    """Read what was posted. What was left empty and has no default is left out.

    `is_whole`: then it must be optional; else the plane fills in null.
    """
    values: JsonObject = {}
    errors: dict[str, str] = {}
    leaves = list(_leaves(form))
    for leaf in leaves:
        try:
            value = _read(leaf, posted.get(leaf.name))
        except ValueError as error:
            errors[leaf.name] = str(error)
            continue
        if value is not _MISSING:
            _put(values, leaf.path, value)  # type: ignore[arg-type]  only _MISSING is no JSON
    if not errors:
        errors = _misfits(form, values, leaves, is_whole=is_whole)
    return Filled(values, errors)


def _leaves(form: JsonObject, path: tuple[str, ...] = ()) -> Iterator[_Leaf]:
    properties = to_json_schema(form).get("properties") if not path else form.get("properties")
    if not isinstance(properties, dict):
        return
    for name, schema in properties.items():
        inner = schema if isinstance(schema, dict) else {}
        if isinstance(inner.get("properties"), dict) and "default" not in inner and len(path) < MAX_DEPTH:
            yield from _leaves(inner, (*path, name))
        else:
            yield _Leaf((*path, name), inner, inner.get("default", _MISSING), _control(inner))


def _control(schema: JsonObject) -> Control:
    match schema:
        case {"enum": list(values)} if values:
            return "choice"
        case {"type": "boolean"}:
            return "check" if "default" in schema else "choice"
        case {"type": "integer"}:
            return "integer"
        case {"type": "number"}:
            return "number"
        case {"type": "string"}:
            longest = schema.get("maxLength")
            is_long = len(str(schema.get("default", ""))) > LONG or "\n" in str(schema.get("default", ""))
            return "long" if is_long or (isinstance(longest, int) and longest > LONG * 2) else "text"
        case {"type": "array", "items": {"type": "string"}}:
            default = schema.get("default", [])
            has_lines = isinstance(default, list) and any("\n" in str(each) for each in default)
            return "json" if has_lines else "list"
        case _:
            return "json"


def _field(leaf: _Leaf, identity: str, posted: Mapping[str, str] | None, error: str) -> Field:
    value = _as_text(leaf) if posted is None else posted.get(leaf.name, "")
    is_checked = leaf.default is True if posted is None else leaf.name in posted
    return Field(
        name=leaf.name,
        id=identity,
        label=label_of(leaf.path[-1]),
        group=" / ".join(label_of(part) for part in leaf.path[:-1]),
        control=leaf.control,
        value=value,
        hint=_hint(leaf),
        options=_options(leaf, value) if leaf.control == "choice" else [],
        is_checked=is_checked,
        error=error,
    )


def _choices(leaf: _Leaf) -> list[Json]:
    choices = leaf.schema.get("enum", [True, False])
    return choices if isinstance(choices, list) else []


def _options(leaf: _Leaf, value: str) -> list[Option]:
    options = [Option(_json(each), text_of(each), _json(each) == value) for each in _choices(leaf)]
    return options if leaf.default is not _MISSING else [Option("", "Choose …", not value), *options]


def _as_text(leaf: _Leaf) -> str:
    default = leaf.default
    if default is _MISSING:
        return ""
    match leaf.control:
        case "text" | "long":
            return default if isinstance(default, str) else ""
        case "number" | "integer":
            return "" if default is None else str(default)
        case "list":
            return "\n".join(str(each) for each in cast("list[Json]", default)) if isinstance(default, list) else ""
        case "choice":
            return _json(default)
        case "json":
            return json.dumps(default, ensure_ascii=False, indent=2)
        case "check":
            return ""


def _hint(leaf: _Leaf) -> str:
    said = [str(leaf.schema["description"])] if leaf.schema.get("description") else []
    low, high = leaf.schema.get("minimum"), leaf.schema.get("maximum")
    if leaf.control == "integer":
        said.append("A whole number.")
    if low is not None or high is not None:
        said.append(
            f"Between {low} and {high}."
            if low is not None and high is not None
            else f"At least {low}."
            if low is not None
            else f"At most {high}."
        )
    if leaf.control == "list":
        said.append("One on each line.")
    if leaf.control == "json":
        said.append("As JSON.")
    return " ".join(said)


def _read(leaf: _Leaf, text: str | None) -> Json | object:
    if leaf.control == "check":
        return text is not None
    said = (text or "").replace("\r\n", "\n")
    if leaf.control in ("text", "long"):
        return said if said or leaf.default is not _MISSING else _MISSING
    if not said.strip():
        if leaf.default is _MISSING:
            return _MISSING
        if leaf.control == "list":
            return []
        raise ValueError("Fill this in: it may not be empty.")
    return _read_value(leaf, said.strip())


def _read_value(leaf: _Leaf, said: str) -> Json:
    match leaf.control:
        case "list":
            return [line.strip() for line in said.split("\n") if line.strip()]
        case "choice":
            for each in _choices(leaf):
                if _json(each) == said:
                    return each
            raise ValueError("Choose one of the values.")
        case "integer" | "number":
            return _number(said, is_whole=leaf.control == "integer")
        case _:
            try:
                value: Json = json.loads(said)
            except ValueError as error:
                raise ValueError(f"This is not JSON: {error}.") from error
            return value


def _number(said: str, *, is_whole: bool) -> Json:
    try:
        if is_whole:
            return int(said)
        number = float(said)
    except ValueError:
        wanted = "a whole number, such as 12" if is_whole else "a number, such as 12.5"
        raise ValueError(f"Write {wanted}.") from None
    if not math.isfinite(number):
        raise ValueError("Write a number, such as 12.5.")
    return int(said) if said.lstrip("+-").isdigit() else number


def _put(values: JsonObject, path: tuple[str, ...], value: Json) -> None:
    for part in path[:-1]:
        inner = values.setdefault(part, {})
        assert isinstance(inner, dict)  # noqa: S101  _leaves gives one kind a place
        values = inner
    values[path[-1]] = value


def _misfits(form: JsonObject, values: JsonObject, leaves: list[_Leaf], *, is_whole: bool) -> dict[str, str]:
    schema = to_json_schema(form)
    names = [leaf.name for leaf in leaves]
    errors: dict[str, str] = {}
    for problem in accept_declared(schema if is_whole else _without_required(schema), values).problems:
        place = PREFIX + problem.pointer
        # An object that is missing altogether is missing at its first field.
        owner = next((name for name in names if place == name or place.startswith(f"{name}/")), None)
        owner = owner or next((name for name in names if problem.pointer and name.startswith(f"{place}/")), "")
        message = "Fill this in" if problem.code == "missing" else problem.message
        _, named, rest = message.partition(f"{problem.pointer.rpartition('/')[2]}: ")
        errors.setdefault(owner, f"{(rest if named else message).removesuffix('.')}.")
    return errors


def _without_required(schema: JsonObject) -> JsonObject:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return schema
    inner = {name: _without_required(each) if isinstance(each, dict) else each for name, each in properties.items()}
    return {**schema, "required": [], "properties": inner}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
