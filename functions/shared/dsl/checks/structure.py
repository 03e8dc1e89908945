"""What must go together in a step and what must not: one kind, its exclusive keys, attributes that do nothing."""

from __future__ import annotations

from collections.abc import Callable

from functions.shared.dsl.assignees import assignee_problem
from functions.shared.dsl.checks.findings import Findings
from functions.shared.dsl.checks.scopes import Placed, Places
from functions.shared.dsl.checks.synonyms import step_synonym
from functions.shared.dsl.kinds import Memory, SecretHeader, State
from functions.shared.dsl.models import KINDS, MAX_GROUP_DEPTH, NO_RETRY_KINDS, Step
from functions.shared.dsl.problems import DocumentPath, nearest, path_text
from functions.shared.dsl.schema import is_json_schema, schema_problems
from functions.shared.dsl.shorthand import TYPES, shorthand_problems
from functions.shared.dsl.templates import OPEN, has_expression
from functions.shared.jsonvalue import Json, JsonObject

_NO_CACHE_KINDS = (
    *("steps", "approval", "state", "memory", "handoff", "agent", "workflow", "wait", "emit", "fail", "transform"),
)


def check_structure(places: Places, findings: Findings) -> None:
    """Check every step for itself, and the schemas of the document."""
    for step in places.all:
        _check_kind_count(step, findings)
        _check_attributes(step, findings)
        for kind, check in _KIND_CHECKS.items():
            spec = step.raw.get(kind)
            if isinstance(spec, dict):
                check(spec, (*step.path, kind), findings)
    if "on_error" in places.top.steps:
        message = "A step at the top cannot be called `on_error`: the paths of its steps would be those of `on_error`"
        findings.error(("steps", "on_error"), "bad_name", message, "Call it otherwise, such as `on_failure`.")
    declared = places.document.get("input")
    if isinstance(declared, dict):
        check_schema(declared, ("input",), findings)


def _check_kind_count(step: Placed, findings: Findings) -> None:
    kinds = [kind for kind in KINDS if kind in step.raw]
    if len(kinds) > 1:
        named = " and ".join(f"`{kind}`" for kind in kinds)
        hint = "Make each a step of its own; `needs` or a reference puts them in order."
        findings.error((*step.path, kinds[1]), "many_kinds", f"`{step.name}` has {len(kinds)} kinds: {named}", hint)
    for kind in kinds:
        if step.raw[kind] is None and kind != "transform":
            findings.error((*step.path, kind), "empty", f"`{kind}` of `{step.name}` is empty")
    if kinds:
        return
    known = {field.alias or name for name, field in Step.model_fields.items()}
    unknown = [key for key in step.raw if key not in known]
    guess = next((match for key in unknown if (match := nearest(key, KINDS))), None)
    hint = (
        f"Did you mean `{guess}`?" if guess else next((found for key in unknown if (found := step_synonym(key))), None)
    )
    listed = f"Add one of {', '.join(KINDS)}."
    findings.error(step.path, "no_kind", f"`{step.name}` has no kind", hint or listed)


def _check_attributes(step: Placed, findings: Findings) -> None:
    raw, path = step.raw, step.path
    kind = next((kind for kind in KINDS if kind in raw), None)
    if "for_each" in raw and "loop" in raw:
        hint = "Nest them: a group with `for_each` whose body has the step with `loop`."
        findings.error((*path, "loop"), "for_each_and_loop", f"`{step.name}` has both `for_each` and `loop`", hint)
    if kind in NO_RETRY_KINDS and "retry" in raw:
        what = "a group" if kind == "steps" else f"the kind `{kind}`"
        hint = "Put `retry` on the steps inside." if kind == "steps" else "Remove it."
        findings.error((*path, "retry"), "retry_not_allowed", f"`retry` does not apply to {what}", hint)
    if "output" in raw and kind not in {"steps", None}:
        hint = (
            f"The answer's schema goes under `{kind}: {{output}}`."
            if kind in {"llm", "handoff", "agent"}
            else "Shape it with a `transform` step."
        )
        findings.error((*path, "output"), "misplaced", "Only a group has its own `output`", hint)
    if step.depth > MAX_GROUP_DEPTH:
        findings.error(
            path, "too_deep", f"Groups may be nested {MAX_GROUP_DEPTH} deep", "Call another workflow instead."
        )
    _check_verify(raw, path, findings)
    _check_without_effect(raw, kind, path, findings)


def _check_verify(raw: JsonObject, path: DocumentPath, findings: Findings) -> None:
    wants = raw.get("on_unknown") == "verify"
    if wants and "verify" not in raw:
        hint = "Add `verify: {name, with}`: a tool that gives {found: boolean, output}."
        findings.error((*path, "on_unknown"), "missing_key", "`on_unknown: verify` needs `verify`", hint)
    if "verify" in raw and not wants:
        findings.warning((*path, "verify"), "no_effect", "`verify` does nothing without `on_unknown: verify`")
    if "on_unknown" in raw and raw.get("effect") != "at_most_once":
        message = "`on_unknown` does nothing without `effect: at_most_once`"
        findings.warning((*path, "on_unknown"), "no_effect", message)


def _check_without_effect(raw: JsonObject, kind: str | None, path: DocumentPath, findings: Findings) -> None:
    for key in ("max_parallel", "on_item_error"):
        if key in raw and "for_each" not in raw:
            findings.warning((*path, key), "no_effect", f"`{key}` does nothing without `for_each`")
    if kind in {"approval", "wait", "handoff", "agent"} and "timeout" in raw:
        hint = f"Say how long to wait under `{kind}: {{timeout}}`."
        findings.warning((*path, "timeout"), "no_effect", f"`timeout` of the step does not limit `{kind}`", hint)
    if kind in _NO_CACHE_KINDS and "cache" in raw:
        findings.warning((*path, "cache"), "no_effect", f"`cache` does nothing for `{kind}`")
    if raw.get("for_each") == []:
        findings.warning((*path, "for_each"), "constant_condition", "`for_each` over an empty list runs nothing")


# Kinds --------------------------------------------------------------------------------------------------------------


def _exactly_one(spec: JsonObject, keys: tuple[str, ...], path: DocumentPath, findings: Findings) -> None:
    given = [key for key in keys if spec.get(key) is not None]
    named = ", ".join(f"`{key}`" for key in keys)
    if not given:
        findings.error(path, "missing_key", f"`{path[-1]}` needs one of {named}")
    elif len(given) > 1:
        findings.error((*path, given[1]), "exclusive_keys", f"`{path[-1]}` takes exactly one of {named}")


def _check_llm(spec: JsonObject, path: DocumentPath, findings: Findings) -> None:
    _exactly_one(spec, ("prompt", "messages"), path, findings)
    output = spec.get("output")
    if isinstance(output, dict):
        check_schema(output, (*path, "output"), findings)


def _check_http(spec: JsonObject, path: DocumentPath, findings: Findings) -> None:
    if "json" in spec and "body" in spec:
        findings.error((*path, "body"), "exclusive_keys", "`http` takes at most one of `json` and `body`")
    url = spec.get("url")
    if isinstance(url, str) and url and not url.startswith(("http://", "https://", OPEN)):
        findings.error(
            (*path, "url"), "bad_url", "`url` must start with http:// or https://", f"Write https://{url[:60]}."
        )
    headers = spec.get("headers")
    if isinstance(headers, dict):
        for name, value in headers.items():
            _check_header(value, (*path, "headers", name), findings)
    _check_auth(spec, path, findings)


def _check_header(value: Json, path: DocumentPath, findings: Findings) -> None:
    if isinstance(value, dict):
        if "secret" not in value or not value.keys() <= SecretHeader.model_fields.keys():
            findings.error(path, "wrong_type", f"The header `{path[-1]}` is a text or `{{secret: NAME, prefix}}`")
            return
        for key, entry in value.items():
            if not isinstance(entry, str):
                findings.error((*path, key), "wrong_type", f"`{key}` is a text")
            elif key == "prefix" and has_expression(entry):
                findings.error((*path, key), "expression_not_allowed", "An expression is not evaluated here")
    elif not isinstance(value, (str, int, float)) or isinstance(value, bool):
        findings.error(path, "wrong_type", f"The header `{path[-1]}` is a text or `{{secret: NAME}}`")


def _check_auth(spec: JsonObject, path: DocumentPath, findings: Findings) -> None:
    auth = spec.get("auth")
    if isinstance(auth, dict):
        _exactly_one(auth, ("bearer", "basic"), (*path, "auth"), findings)


def _check_code(spec: JsonObject, path: DocumentPath, findings: Findings) -> None:
    python = spec.get("python")
    if isinstance(python, str) and has_expression(python):
        hint = "Pass the value by `inputs` and use its name: a value must never become code."
        message = "Expressions are not evaluated in `python`"
        findings.error((*path, "python"), "expression_not_allowed", message, hint)


def _check_approval(spec: JsonObject, path: DocumentPath, findings: Findings) -> None:
    outcomes = spec.get("outcomes", ["approve", "reject"])
    chosen = spec.get("on_timeout", "fail")
    if isinstance(outcomes, list):
        known = [outcome for outcome in outcomes if isinstance(outcome, str)]
        if len(set(known)) != len(known):
            findings.error((*path, "outcomes"), "duplicate", "An outcome is listed twice")
        if isinstance(chosen, str) and chosen not in {*known, "fail"}:
            guess = nearest(chosen, [*known, "fail"])
            hint = f"Did you mean `{guess}`?" if guess else f"Use one of {', '.join(known)}, or fail."
            findings.error((*path, "on_timeout"), "not_one_of", f"`on_timeout: {chosen}` is not an outcome", hint)
    if "on_timeout" in spec and "timeout" not in spec:
        findings.warning((*path, "on_timeout"), "no_effect", "`on_timeout` does nothing without `timeout`")
    form = spec.get("form")
    if isinstance(form, dict):
        check_schema(form, (*path, "form"), findings, may_compute=True)
    assignees = spec.get("assignees")
    for place, one in enumerate(assignees if isinstance(assignees, list) else []):
        if isinstance(one, str) and not has_expression(one) and (problem := assignee_problem(one)) is not None:
            hint = "Write an e-mail address, a member's id or `role:approver`."
            findings.error((*path, "assignees", place), "not_an_assignee", problem, hint)


def _check_state(spec: JsonObject, path: DocumentPath, findings: Findings) -> None:
    _exactly_one(spec, State.OPERATIONS, path, findings)
    for operation in ("put", "append"):
        if spec.get(operation) is not None and "value" not in spec:
            findings.error(path, "missing_key", f"`{operation}` needs `value`")
    allowed = {
        "value": ("put", "append"),
        "default": ("get",),
        "by": ("increment",),
        "max_length": ("append",),
        "if_version": ("put",),
        "expires_in": ("put", "increment", "append"),
    }
    given = {operation for operation in State.OPERATIONS if spec.get(operation) is not None}
    for key, operations in allowed.items():
        if key in spec and given and not given & set(operations):
            findings.warning((*path, key), "no_effect", f"`{key}` belongs to {' and '.join(operations)}")


def _check_memory(spec: JsonObject, path: DocumentPath, findings: Findings) -> None:
    _exactly_one(spec, Memory.OPERATIONS, path, findings)
    allowed = {"key": "write", "metadata": "write", "expires_in": "write", "limit": "search", "filter": "search"}
    for key, operation in allowed.items():
        if key in spec and spec.get(operation) is None:
            findings.warning((*path, key), "no_effect", f"`{key}` belongs to `{operation}`")


def _check_interpret(spec: JsonObject, path: DocumentPath, findings: Findings) -> None:
    if "data" not in spec:
        findings.error(path, "missing_key", "`interpret` needs `data`")
    if "timeout" in spec and spec.get("on_low") != "escalate":
        findings.warning((*path, "timeout"), "no_effect", "`timeout` belongs to `on_low: escalate`")


def _check_handoff(spec: JsonObject, path: DocumentPath, findings: Findings) -> None:
    _exactly_one(spec, ("to", "match"), path, findings)
    if (match := spec.get("match")) is not None and match in ({}, {"skills": []}, {"tags": []}):
        findings.error((*path, "match"), "missing_key", "`match` needs `skills` or `tags`")
    _check_output(spec, path, findings)


def _check_output(spec: JsonObject, path: DocumentPath, findings: Findings) -> None:
    output = spec.get("output")
    if isinstance(output, dict):
        check_schema(output, (*path, "output"), findings)
    if "on_timeout" in spec and "timeout" not in spec:
        findings.warning((*path, "on_timeout"), "no_effect", "`on_timeout` does nothing without `timeout`")


def _check_wait(spec: JsonObject, path: DocumentPath, findings: Findings) -> None:
    _exactly_one(spec, ("for", "until", "event"), path, findings)
    for key in ("match", "timeout"):
        if key in spec and "event" not in spec:
            findings.warning((*path, key), "no_effect", f"`{key}` does nothing without `event`")


def _check_tool(spec: JsonObject, path: DocumentPath, findings: Findings) -> None:
    _check_auth(spec, path, findings)


_KIND_CHECKS: dict[str, Callable[[JsonObject, DocumentPath, Findings], None]] = {
    "llm": _check_llm,
    "tool": _check_tool,
    "http": _check_http,
    "code": _check_code,
    "approval": _check_approval,
    "state": _check_state,
    "memory": _check_memory,
    "interpret": _check_interpret,
    "handoff": _check_handoff,
    "agent": _check_output,
    "wait": _check_wait,
}


# Schemas ------------------------------------------------------------------------------------------------------------


def check_schema(schema: JsonObject, path: DocumentPath, findings: Findings, *, may_compute: bool = False) -> None:
    """Check shorthand or JSON Schema; with `may_compute`, defaults may be expressions."""
    for found in _expression_paths(schema, path):
        if not (may_compute and found[-1] == "default"):
            findings.error(found, "expression_not_allowed", "An expression is not evaluated in a schema")
    if is_json_schema(schema):
        for message in schema_problems(schema):
            findings.error(path, "bad_schema", message)
        return
    for below, code, message, hint in shorthand_problems(schema):
        findings.error((*path, *below), code, message, hint)
    kind = schema.get("type")
    if kind in TYPES and (len(schema) == 1 or {"items", "enum", "properties", "description"} & schema.keys()):
        hint = f"Put a name above it: `{path_text(path)}: {{result: {{type: {kind}, ...}}}}`."
        findings.warning((*path, "type"), "looks_like_json_schema", "This declares a field that is called `type`", hint)


def _expression_paths(value: Json, path: DocumentPath) -> list[DocumentPath]:
    if isinstance(value, str):
        return [path] if has_expression(value) else []
    if isinstance(value, dict):
        return [found for key, entry in value.items() for found in _expression_paths(entry, (*path, key))]
    if isinstance(value, list):
        return [found for at, entry in enumerate(value) for found in _expression_paths(entry, (*path, at))]
    return []
