"""The form of an approval: defaults that are checked when it is shown, and what a person filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.dsl.schema import accept_declared, is_json_schema
from functions.shared.engine.rendering import RenderError

if TYPE_CHECKING:
    from functions.shared.jsonvalue import JsonObject


def check_defaults(form: JsonObject) -> None:
    """Check the evaluated defaults of a form; raises RenderError `invalid_form`."""
    _check(form, _defaults(form), "The default of the form's field")


def filled(form: JsonObject, given: JsonObject) -> JsonObject:
    """Give every field of the form: as filled in, else its default, else null. A rejection need not fill in anything.

    Raises RenderError `invalid_form` for a field that does not fit or that the form does not have.
    """
    if not form:
        return given
    _check(form, given, "The form's field")
    return {**dict.fromkeys(_fields(form)), **_defaults(form), **given}


def _check(form: JsonObject, values: JsonObject, what: str) -> None:
    if not values:
        return
    for problem in accept_declared(_without_required(form, values), values).problems:
        raise RenderError("invalid_form", f"{what} {problem.pointer} does not fit: {problem.message}")


def _without_required(form: JsonObject, values: JsonObject) -> JsonObject:
    """Only what was given is checked: what is missing has its default or is null."""
    if is_json_schema(form):
        return {**form, "required": []}
    return {name: field for name, field in form.items() if name in values}


def _defaults(form: JsonObject) -> JsonObject:
    return {
        name: field["default"]
        for name, field in _fields(form).items()
        if isinstance(field, dict) and "default" in field
    }


def _fields(form: JsonObject) -> JsonObject:
    properties = form.get("properties")
    return properties if is_json_schema(form) and isinstance(properties, dict) else form
