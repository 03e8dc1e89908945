"""Evaluate a step's spec before it runs: prompts as prompts, literal fields not at all, the rest as templates."""

from __future__ import annotations

from collections.abc import Mapping

from functions.shared.dsl.expressions import evaluate, render_text
from functions.shared.dsl.kinds import LITERAL_FIELDS
from functions.shared.dsl.problems import DocumentPath
from functions.shared.dsl.sites import is_prompt
from functions.shared.jsonvalue import Json


def render_config(kind: str, config: Json, scope: Mapping[str, object]) -> Json:
    """Give `CompiledStep.config` with every template evaluated. Raises ExpressionError."""
    if kind == "transform" or not isinstance(config, dict):
        return evaluate(config, scope)
    literal = LITERAL_FIELDS.get(kind, frozenset())
    return {key: entry if key in literal else _render(kind, (key,), entry, scope) for key, entry in config.items()}


def _render(kind: str, path: DocumentPath, value: Json, scope: Mapping[str, object]) -> Json:
    if isinstance(value, str):
        return render_text(value, scope) if is_prompt(kind, path) else evaluate(value, scope)
    if kind == "llm" and isinstance(value, list):
        return [_render(kind, (*path, at), entry, scope) for at, entry in enumerate(value)]
    if kind == "llm" and isinstance(value, dict):
        return {key: _render(kind, (*path, key), entry, scope) for key, entry in value.items()}
    return evaluate(value, scope)
