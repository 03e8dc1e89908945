"""What expressions say: they can be read, use names that are there, and fit the types that are known."""

from __future__ import annotations

from typing import cast

from functions.shared.dsl.checks.findings import Findings
from functions.shared.dsl.checks.scopes import Placed, Places
from functions.shared.dsl.checks.step_types import StepTypes
from functions.shared.dsl.checks.types import ANY, Inference, Type
from functions.shared.dsl.problems import DocumentPath, Severity, did_you_mean
from functions.shared.dsl.sites import Found, Site, expressions, own_template
from functions.shared.dsl.syntax import Reference, references
from functions.shared.dsl.templates import OPEN
from functions.shared.jsonvalue import Json, JsonObject

_EVERY_NAME = ("input", "steps", "item", "index", "loop", "error")
_ELSEWHERE = {
    "inputs": "Write `input`.",
    "outputs": "Write `steps.name.output`.",
    "env": "The environment is not visible; pass the value as input.",
    "secret": "Name the secret in `auth` or `headers`.",
    "null": "Write `none` for null.",
    "undefined": "Write `is defined` or `is not defined`.",
    "this": "Write `steps.name.output`.",
    "result": "Write `steps.name.output`.",
    "previous": "Write `loop.previous`.",
    "context": "Write `input` or `steps.name.output`.",
    "now": "Expressions have no clock; pass the time as input.",
}


def check_meaning(places: Places, findings: Findings) -> None:
    """Check every expression of the document."""
    checker = _Checker(places, StepTypes(places), findings)
    for step in places.all:
        for site in step.sites:
            checker.check(site, step)
        _check_keys(step.raw, step.path, findings)
        _check_own_template(step, findings)
    for site in places.loose_sites:
        checker.check(site, None)


def _check_own_template(step: Placed, findings: Findings) -> None:
    """Check a template that the tool fills: it can be read, and uses only names of `values`."""
    own = own_template(step.raw.get("tool"))
    if own is None:
        return
    template, values = own
    site = Site((*step.path, "tool", "with", "template"), template, "prompt", "body")
    for found in expressions(site):
        if found.error is not None:
            findings.expression(site, found, found.error)
        for reference in references(found.tree) if found.tree is not None and isinstance(values, dict) else []:
            if reference.name not in {*cast("JsonObject", values), *found.bound}:
                message = f"The template sees only `values`, and these have no `{reference.name}`"
                hint = f"Pass it: `values: {{{reference.name}: ${{{{ ... }}}}}}`."
                findings.in_text(site, found, "unknown_name", message, hint)


def _check_keys(value: Json, path: DocumentPath, findings: Findings) -> None:
    if isinstance(value, dict):
        for key, entry in value.items():
            if OPEN in key:
                findings.error((*path, key), "expression_not_allowed", "An expression is not evaluated in a key")
            if key != "steps":
                _check_keys(entry, (*path, key), findings)
    elif isinstance(value, list):
        for at, entry in enumerate(value):
            _check_keys(entry, (*path, at), findings)


class _Checker:
    def __init__(self, places: Places, types: StepTypes, findings: Findings) -> None:
        self._places = places
        self._types = types
        self._findings = findings

    def check(self, site: Site, step: Placed | None) -> None:
        for found in expressions(site):
            if found.error is not None:
                self._findings.expression(site, found, found.error)
            if found.tree is not None:
                self._check_names(site, found, step)
                self._check_types(site, found, step)

    def _check_names(self, site: Site, found: Found, step: Placed | None) -> None:
        if found.tree is None:
            return
        known = (step.names_at(site) if step is not None else {"input", "steps"}) | found.bound
        for reference in references(found.tree):
            if reference.name not in known:
                message, hint = self._unknown_name(reference, known, step)
                code = "secret_in_expression" if reference.name in {"secrets", *self._secrets()} else "unknown_name"
                self._findings.in_text(site, found, code, message, hint)

    def _secrets(self) -> list[str]:
        declared = self._places.document.get("secrets")
        return [name for name in declared if isinstance(name, str)] if isinstance(declared, list) else []

    def _unknown_name(self, reference: Reference, known: set[str], step: Placed | None) -> tuple[str, str | None]:
        name = reference.name
        if name in {"secrets", *self._secrets()}:
            hint = (
                "Name it in `auth` or `headers` of `http`: `auth: {bearer: NAME}`, `headers: {X-Key: {secret: NAME}}`."
            )
            return "Secrets are not visible to expressions", hint
        if name in _EVERY_NAME:
            where = {"item": "for_each", "index": "for_each", "loop": "loop", "error": "on_error"}.get(name, "")
            return f"`{name}` exists only inside of `{where}`", None
        scope = step.scope if step is not None else self._places.top
        if scope.find(name) is not None:
            return f"`{name}` is a step, not a name", f"Write `steps.{name}.output`."
        if name in self._types.input.fields:
            return f"`{name}` is an input, not a name", f"Write `input.{name}`."
        return f"There is no name `{name}` here", _ELSEWHERE.get(name) or did_you_mean(name, sorted(known))

    def _check_types(self, site: Site, found: Found, step: Placed | None) -> None:
        if found.tree is None:
            return
        scope = step.scope_of(site) if step is not None else self._places.top

        def name_type(name: str) -> Type:
            return ANY if name in found.bound else self._types.name_type(name, scope, step, site)

        def report(severity: str, code: str, message: str, hint: str | None) -> None:
            level: Severity = "warning" if severity == "warning" else "error"
            self._findings.in_text(site, found, code, message, hint, severity=level)

        result = Inference(name_type, report).type_of(found.tree)
        is_list_needed = found.iterates or site.path[-1] == "for_each"
        allowed = {None, "array", "object"} if found.iterates else {None, "array"}
        if is_list_needed and site.profile != "template" and result.kind not in allowed:
            what = "`for`" if found.iterates else "`for_each`"
            report("error", "type_mismatch", f"{what} needs a list, not a {result.kind}", None)
