"""Evaluate a step's spec before it runs: prompts as prompts, literal fields not at all, the rest as templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from functions.shared.dsl.expression_errors import ExpressionError
from functions.shared.dsl.expressions import evaluate, render_text
from functions.shared.dsl.kinds import LITERAL_FIELDS
from functions.shared.dsl.problems import DocumentPath
from functions.shared.dsl.sites import is_prompt, own_template
from functions.shared.dsl.values import kind_of
from functions.shared.jsonvalue import Json, JsonObject


def render_config(kind: str, config: Json, scope: Mapping[str, object]) -> Json:
    """Give `CompiledStep.config` with every template evaluated. Raises ExpressionError."""
    if kind == "transform" or not isinstance(config, dict):
        return evaluate(config, scope)
    literal = LITERAL_FIELDS.get(kind, frozenset())
    own = own_template(config) if kind == "tool" else None
    if own is not None:
        given = cast("JsonObject", config["with"])
        rest = {key: evaluate(entry, scope) for key, entry in given.items() if key != "template"}
        return {**config, "with": {**rest, "template": own[0]}}
    return {key: entry if key in literal else _render(kind, (key,), entry, scope) for key, entry in config.items()}


def _render(kind: str, path: DocumentPath, value: Json, scope: Mapping[str, object]) -> Json:
    if kind == "http" and path == ("headers",) and isinstance(value, dict):
        return {name: _header(name, entry, scope) for name, entry in value.items()}
    if isinstance(value, str):
        return render_text(value, scope) if is_prompt(kind, path) else evaluate(value, scope)
    if kind == "llm" and isinstance(value, list):
        return [_render(kind, (*path, at), entry, scope) for at, entry in enumerate(value)]
    if kind == "llm" and isinstance(value, dict):
        return {key: _render(kind, (*path, key), entry, scope) for key, entry in value.items()}
    return evaluate(value, scope)


def _header(name: str, value: Json, scope: Mapping[str, object]) -> Json:
    """Give a header's text. Only the document can name a secret: an object that was computed is refused."""
    if not isinstance(value, str):
        return value
    text = evaluate(value, scope)
    if isinstance(text, (str, int, float)):
        return text
    hint = "Secrets are named in the document itself: `{secret: NAME}`."
    raise ExpressionError("type_error", f"The header `{name}` is a text, not a {kind_of(text)}", hint)
