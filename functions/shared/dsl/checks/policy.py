"""What a document uses from outside: models and their keys, secrets, tools; and whether its tests fit it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from functions.shared.dsl.catalogue import TOOL_NAMES, missing_key, refusal_of
from functions.shared.dsl.checks.findings import Findings
from functions.shared.dsl.checks.scopes import Placed, Places
from functions.shared.dsl.problems import DocumentPath, did_you_mean, nearest
from functions.shared.dsl.schema import accept_declared, is_json_schema, schema_problems
from functions.shared.dsl.shorthand import shorthand_problems
from functions.shared.dsl.templates import OPEN
from functions.shared.jsonvalue import Json, JsonObject

_POSITIONS = re.compile(r"\[[0-9]+\]")
_MCP_LOOKING = re.compile(r"^mcp\b|[.:/]|__")


def check_policy(places: Places, environment: Mapping[str, str] | None, findings: Findings) -> None:
    """Check models, secrets, tools and tests. Without an environment, the keys of models are not looked for."""
    used: dict[DocumentPath, str] = {}
    for step in places.all:
        _check_models(step, places.document, used, findings)
        for tool, path in _tools(step):
            _check_tool(tool, path, findings)
        for name, path in _secret_names(step):
            _check_secret(name, path, places.document, findings)
    for path, model in used.items():
        _check_model(model, path, environment, findings)
    _check_tests(places, findings)


def _check_models(step: Placed, document: JsonObject, used: dict[DocumentPath, str], findings: Findings) -> None:
    kind = "interpret" if "interpret" in step.raw else "llm"
    spec = step.raw.get(kind)
    declared = document.get("models")
    aliases: JsonObject = declared if isinstance(declared, dict) else {}
    if not isinstance(spec, dict) or (kind == "interpret" and not {"model"} & spec.keys() and "default" not in aliases):
        return  # interpret does without a model
    path = (*step.path, kind)
    fallback = spec.get("fallback")
    named: list[tuple[Json, DocumentPath]] = [(spec.get("model", "default"), (*path, "model"))]
    named += [(name, (*path, "fallback", at)) for at, name in enumerate(fallback if isinstance(fallback, list) else [])]
    for name, where in named:
        if not isinstance(name, str) or OPEN in name:
            continue
        if name in aliases:
            used.setdefault(("models", name), str(aliases[name]))
        elif "/" in name:
            used.setdefault(where, name)
        else:
            _unknown_model(name, where, aliases, findings)


def _unknown_model(name: str, path: DocumentPath, aliases: JsonObject, findings: Findings) -> None:
    guess = nearest(name, aliases)
    hint = f"Did you mean `{guess}`?" if guess else f"Add `models: {{{name}: provider/model}}`."
    what = (
        "`model` is not given and there is no model `default`" if name == "default" else f"There is no model `{name}`"
    )
    findings.error(path, "unknown_model", what, hint)


def _check_model(model: str, path: DocumentPath, environment: Mapping[str, str] | None, findings: Findings) -> None:
    """What only the runner's settings lack is a warning; without an environment they are not looked at."""
    refused = refusal_of(model, environment or {})
    if refused is not None and (refused.reason == "never" or (refused.reason == "unknown" and environment is not None)):
        findings.error(path, "unknown_provider", refused.message, refused.hint)
    elif refused is not None and environment is not None:
        findings.warning(path, "provider_not_set_up", refused.message, refused.hint)
    elif environment is not None and (variable := missing_key(model, environment)) is not None:
        message = f"The model {model} needs {variable}, which is not set"
        hint = f"Set {variable} where the steps run, or choose another model."
        findings.warning(path, "model_key_missing", message, hint)


def _tools(step: Placed) -> Iterator[tuple[str, DocumentPath]]:
    for key in ("tool", "verify"):
        spec = step.raw.get(key)
        if isinstance(spec, dict) and isinstance(spec.get("name"), str):
            yield str(spec["name"]), (*step.path, key, "name")


def _check_tool(name: str, path: DocumentPath, findings: Findings) -> None:
    if name in TOOL_NAMES or OPEN in name:
        return
    if _MCP_LOOKING.search(name):
        hint = f"Use one of {', '.join(sorted(TOOL_NAMES))}, or `http`."
        findings.error(path, "not_available_yet", f"`{name}` looks like an MCP tool; these are not available yet", hint)
        return
    findings.error(path, "unknown_tool", f"There is no tool `{name}`", did_you_mean(name, sorted(TOOL_NAMES)))


def _secret_names(step: Placed) -> Iterator[tuple[str, DocumentPath]]:
    for kind in ("http", "tool", "verify"):
        spec = step.raw.get(kind)
        if not isinstance(spec, dict):
            continue
        auth, headers = spec.get("auth"), spec.get("headers")
        if isinstance(auth, dict):
            basic = auth.get("basic")
            if isinstance(auth.get("bearer"), str):
                yield str(auth["bearer"]), (*step.path, kind, "auth", "bearer")
            if isinstance(basic, dict) and isinstance(basic.get("password"), str):
                yield str(basic["password"]), (*step.path, kind, "auth", "basic", "password")
        for name, value in (headers if isinstance(headers, dict) else {}).items():
            if isinstance(value, dict) and isinstance(value.get("secret"), str):
                yield str(value["secret"]), (*step.path, kind, "headers", name, "secret")


def _check_secret(name: str, path: DocumentPath, document: JsonObject, findings: Findings) -> None:
    declared = document.get("secrets")
    known = [each for each in declared if isinstance(each, str)] if isinstance(declared, list) else []
    if name in known:
        return
    if OPEN in name:
        if "headers" not in path:
            return  # `auth` takes nothing but a plain name, which is reported where its shape is checked
        message = "The name of a secret is written in the document, never computed"
        findings.error(path, "expression_not_allowed", message, "Write the name that stands in `secrets`.")
        return
    guess = nearest(name, known)
    hint = f"Did you mean `{guess}`?" if guess else f"Add it: `secrets: [{', '.join([*known, name])}]`."
    findings.error(path, "unknown_secret", f"The secret `{name}` is not declared in `secrets`", hint)


# Tests --------------------------------------------------------------------------------------------------------------


def _check_tests(places: Places, findings: Findings) -> None:
    tests = places.document.get("tests")
    addresses = {step.address: step for step in places.all}
    for at, test in enumerate(tests if isinstance(tests, list) else []):
        if not isinstance(test, dict):
            continue
        path: DocumentPath = ("tests", at)
        mock, expect = test.get("mock"), test.get("expect")
        for name in mock if isinstance(mock, dict) else {}:
            _check_address(name, (*path, "mock", name), addresses, findings)
        for key in ("skipped", "failed"):
            listed = expect.get(key) if isinstance(expect, dict) else None
            for position, name in enumerate(listed if isinstance(listed, list) else []):
                if isinstance(name, str):
                    _check_address(name, (*path, "expect", key, position), addresses, findings)
        _check_input(test, path, places.document, findings)


def _check_address(name: str, path: DocumentPath, addresses: Mapping[str, Placed], findings: Findings) -> None:
    plain = _POSITIONS.sub("", name)
    if plain in addresses:
        return
    inner = next((address for address in addresses if address.endswith(f".{plain}")), None)
    hint = f"Write `{inner}`." if inner else did_you_mean(plain, addresses)
    findings.error(path, "unknown_step", f"There is no step `{name}`", hint)


def _check_input(test: JsonObject, path: DocumentPath, document: JsonObject, findings: Findings) -> None:
    declared, given = document.get("input"), test.get("input", {})
    if not isinstance(declared or {}, dict) or not isinstance(given, dict):
        return
    schema = declared if isinstance(declared, dict) else {}
    if schema_problems(schema) if is_json_schema(schema) else shorthand_problems(schema):
        return  # reported where the schema stands
    for problem in accept_declared(schema, given).problems:
        where = tuple(int(part) if part.isdigit() else part for part in problem.pointer.split("/")[1:])
        findings.error(
            (*path, "input", *where), "bad_test_input", f"In the test's input, {problem.message}", problem.hint
        )
