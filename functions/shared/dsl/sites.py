"""Where templates stand in a document, and what they may see. Works on raw JSON of any shape, right or wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias, cast

from jinja2 import nodes

from functions.shared.dsl.expression_errors import ExpressionError
from functions.shared.dsl.kinds import LITERAL_FIELDS, PROMPT_FIELDS
from functions.shared.dsl.models import LEAF_KINDS
from functions.shared.dsl.problems import DocumentPath
from functions.shared.dsl.prompts import For, If, Node, Value, parse_prompt
from functions.shared.dsl.syntax import parse
from functions.shared.dsl.templates import OPEN, TAG_OPEN, TemplateError, is_one_expression, split
from functions.shared.jsonvalue import Json, JsonObject

Profile: TypeAlias = Literal["template", "condition", "prompt"]
View: TypeAlias = Literal["before", "body", "inside"]
"""before: decided once, ahead of for_each · body: sees item and loop · inside: also sees a group's own steps."""

_BEFORE: tuple[str, ...] = ("when", "for_each")
_BODY: tuple[str, ...] = ("retry", "timeout", "cache", "idempotency_key", "verify")


@dataclass(frozen=True, slots=True)
class Site:
    """A text with at least one expression, and how it is read."""

    path: DocumentPath
    text: str
    profile: Profile
    view: View


@dataclass(frozen=True, slots=True)
class Found:
    """One expression of a site: its tree or why there is none; `bound` are names of prompt loops around it."""

    source: str
    offset: int
    tree: nodes.Expr | None
    error: ExpressionError | None
    bound: frozenset[str] = frozenset()
    iterates: bool = False


def step_sites(step: JsonObject, path: DocumentPath) -> Iterator[Site]:
    """Give the sites of a step itself, those of nested steps not included."""
    for key in _BEFORE:
        yield from _condition_or_structure(step.get(key), (*path, key), "before")
    for key in _BODY:
        yield from templates(step.get(key), (*path, key), "body")
    loop = step.get("loop")
    if isinstance(loop, dict):
        yield from _condition_or_structure(loop.get("until"), (*path, "loop", "until"), "inside")
    if "steps" in step:
        yield from templates(step.get("output"), (*path, "output"), "inside")
    for kind in LEAF_KINDS:
        if kind in step:
            yield from _kind_sites(kind, step[kind], (*path, kind))


def templates(value: Json, path: DocumentPath, view: View) -> Iterator[Site]:
    """Give every text with an expression anywhere inside a value."""
    if isinstance(value, str):
        if OPEN in value:
            yield Site(path, value, "template", view)
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from templates(entry, (*path, key), view)
    elif isinstance(value, list):
        for at, entry in enumerate(value):
            yield from templates(entry, (*path, at), view)


def _condition_or_structure(value: Json, path: DocumentPath, view: View) -> Iterator[Site]:
    if isinstance(value, str):
        yield Site(path, value, "condition", view)
    else:
        yield from templates(value, path, view)


def _kind_sites(kind: str, spec: Json, path: DocumentPath) -> Iterator[Site]:
    if not isinstance(spec, dict) or kind == "transform":
        yield from templates(spec, path, "body")
        return
    literal = LITERAL_FIELDS.get(kind, frozenset())
    own = (*path, "with", "template") if kind == "tool" and own_template(spec) is not None else None
    for key, entry in spec.items():
        if key in literal:
            continue
        for site in _texts(entry, (*path, key)):
            if site.path == own:
                continue
            if is_prompt(kind, site.path[len(path) :]):
                yield Site(site.path, site.text, "prompt", "body")
            elif OPEN in site.text:
                yield site


def _texts(value: Json, path: DocumentPath) -> Iterator[Site]:
    if isinstance(value, str):
        if OPEN in value or TAG_OPEN in value:
            yield Site(path, value, "template", "body")
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _texts(entry, (*path, key))
    elif isinstance(value, list):
        for at, entry in enumerate(value):
            yield from _texts(entry, (*path, at))


def own_template(spec: Json) -> tuple[str, Json] | None:
    """Give the template that a `text_template` tool fills itself, and its `values`; None when there is none.

    A template that is exactly one `${{ }}` is evaluated like every argument: it brings a template from elsewhere.
    """
    if not isinstance(spec, dict) or spec.get("name") != "text_template":
        return None
    given = spec.get("with")
    template = given.get("template") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(template, str) or is_one_expression(template):
        return None
    return template, given.get("values", {})


def is_prompt(kind: str, path: DocumentPath) -> bool:
    """Tell whether the field at `path` below the kind is prompt text."""
    return any(
        len(pattern) == len(path) and all(want in ("*", have) for want, have in zip(pattern, path, strict=True))
        for pattern in PROMPT_FIELDS.get(kind, ())
    )


def expressions(site: Site) -> tuple[Found, ...]:
    """Read every expression of a site; a text that cannot be read gives one Found with the error."""
    return _expressions(site.text, site.profile)


@lru_cache(maxsize=4096)
def _expressions(text: str, profile: Profile) -> tuple[Found, ...]:
    try:
        if profile == "prompt":
            return tuple(_prompt_expressions(parse_prompt(text), frozenset()))
        if profile == "condition":
            return _condition(text)
        return tuple(_found(piece.text, piece.offset) for piece in split(text) if piece.kind == "expression")
    except ExpressionError as error:
        return (Found(text, 0, None, error),)
    except TemplateError as error:
        hint = "Close it with `}}`. In YAML put quotes around a text with `: `, ` #`, or inside { } or [ ]."
        return (Found(text, error.offset, None, ExpressionError("syntax", str(error), hint)),)


def _condition(text: str) -> tuple[Found, ...]:
    if OPEN not in text:
        return (_found(text, 0),)
    pieces = [piece for piece in split(text) if piece.kind == "expression" or piece.text.strip()]
    if len(pieces) == 1:
        return (_found(pieces[0].text, pieces[0].offset),)
    hint = "Put everything into one pair of marks: `${{ a and b }}`."
    raise ExpressionError("syntax", "A condition must be exactly one expression", hint)


def _found(source: str, offset: int, bound: frozenset[str] = frozenset(), *, iterates: bool = False) -> Found:
    try:
        return Found(source, offset, parse(source), None, bound, iterates)
    except ExpressionError as error:
        return Found(source, offset, None, error, bound, iterates)


def _prompt_expressions(body: list[Node], bound: frozenset[str]) -> Iterator[Found]:
    for node in body:
        match node:
            case Value(source, offset):
                yield _found(source, offset, bound)
            case If(branches):
                for branch in branches:
                    if branch.source is not None:
                        yield _found(branch.source, branch.offset, bound)
                    yield from _prompt_expressions(branch.body, bound)
            case For(names, source, offset, inner):
                yield _found(source, offset, bound, iterates=True)
                yield from _prompt_expressions(inner, bound | set(names))
            case _:
                pass


def nested_steps(step: JsonObject) -> dict[str, JsonObject]:
    """Give the well-formed steps of a group; empty for every other kind."""
    steps = step.get("steps")
    if not isinstance(steps, dict):
        return {}
    return {name: cast("JsonObject", nested) for name, nested in steps.items() if isinstance(nested, dict)}
