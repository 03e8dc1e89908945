"""The tool `text_template`: fill a template, written in the document or data such as one kept in state."""

from __future__ import annotations

from functions.shared.dsl.expression_errors import ExpressionError
from functions.shared.dsl.expressions import render_text
from functions.shared.dsl.kinds import Auth
from functions.shared.jsonvalue import JsonObject
from functions.shared.steps.base import Context, Done, StepFailed
from functions.shared.tools.base import Tool, arguments


async def _run(given: JsonObject, context: Context, auth: Auth | None) -> Done:
    del context, auth
    values = given.get("values", {})
    scope: dict[str, object] = dict(values) if isinstance(values, dict) else {}
    try:
        return Done({"text": render_text(str(given["template"]), scope)})
    except ExpressionError as error:
        raise StepFailed("invalid_template", f"`template`: {error}") from None


TEXT_TEMPLATE = Tool(
    name="text_template",
    description="Fill a template with `${{ name }}`, `${% for %}` and `${% if %}`. It sees `values` and nothing else. "
    "In a workflow, a `template` that is exactly one `${{ }}` brings a template from input, state or a step.",
    arguments=arguments(
        ["template"],
        template={"type": "string", "maxLength": 200000},
        values={"type": "object", "description": "The names that the template sees."},
    ),
    returns={"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    run=_run,
)
