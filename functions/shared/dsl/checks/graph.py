"""Who needs whom: names that exist and are visible, no shadowing, no cycle."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from jinja2 import nodes

from functions.shared.dsl.checks.findings import Findings
from functions.shared.dsl.checks.scopes import Placed, Places, Scope
from functions.shared.dsl.compiled import all_references, order
from functions.shared.dsl.problems import did_you_mean
from functions.shared.dsl.sites import Found, Site, expressions
from functions.shared.dsl.syntax import Reference, references

MAX_CYCLES = 20
STEP_FIELDS = ("output", "skipped", "failed", "error", "exhausted", "status")


class Graph:
    """The needs of every scope, as the engine will derive them."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self._needs: dict[int, dict[str, set[str]]] = {}

    @cached_property
    def scopes(self) -> list[Scope]:
        """Every scope of the document."""
        found = [self.places.top, *([self.places.on_error] if self.places.on_error is not None else [])]
        return [*found, *(step.body for step in self.places.all if step.body is not None)]

    def needs(self, scope: Scope) -> dict[str, set[str]]:
        """Give the needs among the steps of a scope, from references and `needs:`; never a step itself."""
        known = self._needs.get(id(scope))
        if known is None:
            known = self._needs[id(scope)] = {name: self._step_needs(step) for name, step in scope.steps.items()}
        return known

    def _step_needs(self, step: Placed) -> set[str]:
        wanted = all_references(step.raw, step.path)
        listed = step.raw.get("needs")
        if isinstance(listed, list):
            wanted |= {name for name in listed if isinstance(name, str)}
        return (wanted & step.scope.steps.keys()) - {step.name}


def check_graph(graph: Graph, findings: Findings) -> None:
    """Check needs, references to steps, shadowing and cycles."""
    places = graph.places
    for step in places.all:
        _check_shadowing(step, findings)
        _check_needs(step, places, findings)
        for site in step.sites:
            for found in expressions(site):
                _check_references(site, found, step, places, findings)
    for site in places.loose_sites:
        for found in expressions(site):
            _check_references(site, found, None, places, findings)
    for scope in graph.scopes:
        _check_cycles(scope, graph.needs(scope), findings)


def _check_shadowing(step: Placed, findings: Findings) -> None:
    above = step.scope.above
    other = above.find(step.name) if above is not None else None
    if other is not None:
        hint = "Give one of them another name: nested steps see the outer ones."
        findings.error(step.path, "shadowed_name", f"`{step.name}` is also the name of a step around it", hint)


def _check_needs(step: Placed, places: Places, findings: Findings) -> None:
    listed = step.raw.get("needs")
    for at, name in enumerate(listed if isinstance(listed, list) else []):
        path = (*step.path, "needs", at)
        if not isinstance(name, str):
            continue
        if name == step.name:
            findings.error(path, "needs_itself", f"`{name}` cannot need itself", "Remove it.")
        elif name not in step.scope.steps:
            _unknown_need(step, name, path, places, findings)


def _unknown_need(step: Placed, name: str, path: tuple[str | int, ...], places: Places, findings: Findings) -> None:
    elsewhere = places.by_name.get(name)
    if elsewhere is None:
        siblings = [sibling for sibling in step.scope.steps if sibling != step.name]
        findings.error(path, "unknown_step", f"There is no step `{name}`", did_you_mean(name, siblings))
        return
    hint = "`needs` names steps beside this one."
    if step.scope.find(elsewhere.name) is elsewhere:
        hint = "A step inside a group waits for what the group needs: put it there."
    elif elsewhere.scope.owner is not None:
        hint = f"Need the group `{elsewhere.scope.owner.name}` instead."
    findings.error(path, "not_visible", f"`{name}` does not stand beside `{step.name}`", hint)


def _check_references(site: Site, found: Found, step: Placed | None, places: Places, findings: Findings) -> None:
    if found.tree is None:
        return
    for reference in _step_references(found.tree):
        if not reference.keys or not isinstance(reference.keys[0], str):
            hint = "Write `steps.name.output`, so that it is known what must end first."
            findings.in_text(site, found, "dynamic_reference", "`steps` needs the name of a step", hint)
        else:
            _check_reference(site, found, reference, step, places, findings)


def _step_references(tree: nodes.Expr) -> list[Reference]:
    return [reference for reference in references(tree) if reference.name == "steps"]


def _check_reference(  # the place of a reference has these parts
    site: Site, found: Found, reference: Reference, step: Placed | None, places: Places, findings: Findings
) -> None:
    name = str(reference.keys[0])
    scope = step.scope_of(site) if step is not None else places.top
    target = scope.find(name)
    if target is None:
        _unknown_reference(site, found, name, scope, places, findings)
    elif step is not None and target is step:
        message = f"`{name}` looks at its own result"
        hint = "Inside a loop, `loop.previous` is the result of the round before." if "loop" in step.raw else None
        findings.in_text(site, found, "needs_itself", message, hint)
    elif step is not None and target in list(step.around()):
        hint = "In a loop, `loop.previous` is the result of the round before."
        findings.in_text(site, found, "needs_itself", f"`{name}` is around `{step.name}` and has not ended yet", hint)
    elif len(reference.keys) > 1 and reference.keys[1] not in STEP_FIELDS:
        _unknown_field(site, found, reference, findings)
    elif len(reference.keys) == 1 and not reference.is_open:
        hint = f"Write `steps.{name}.output`."
        findings.in_text(site, found, "incomplete_reference", f"`steps.{name}` is not a value", hint)


def _unknown_field(site: Site, found: Found, reference: Reference, findings: Findings) -> None:
    name, key = reference.keys[0], str(reference.keys[1])
    hint = did_you_mean(key, STEP_FIELDS)
    if hint is None or not hint.startswith("Did"):
        hint = f"Write `steps.{name}.output.{key}`; a step has {', '.join(STEP_FIELDS)}."
    findings.in_text(site, found, "unknown_field", f"A step has no field `{key}`", hint)


def _unknown_reference(site: Site, found: Found, name: str, scope: Scope, places: Places, findings: Findings) -> None:
    elsewhere = places.by_name.get(name)
    if elsewhere is None:
        findings.in_text(site, found, "unknown_step", f"There is no step `{name}`", did_you_mean(name, scope.visible()))
        return
    if elsewhere.scope.is_on_error:
        hint = "Steps of `on_error` are only seen by each other."
    elif elsewhere.scope.owner is not None and scope.find(elsewhere.scope.owner.name) is elsewhere.scope.owner:
        hint = f"Give it out by `output` of the group and write `steps.{elsewhere.scope.owner.name}.output`."
    else:
        hint = "Only steps beside this one, and beside the groups around it, are visible."
    findings.in_text(site, found, "not_visible", f"`{name}` is not visible here: it is `{elsewhere.address}`", hint)


def _check_cycles(scope: Scope, needs: Mapping[str, set[str]], findings: Findings) -> None:
    for cycle in find_cycles(needs):
        shown = " -> ".join([*cycle, cycle[0]])
        hint = "Remove one of these needs or references; only `loop` repeats."
        findings.error(scope.steps[cycle[0]].path, "cycle", f"These steps wait for each other: {shown}", hint)


def find_cycles(needs: Mapping[str, set[str]]) -> list[list[str]]:
    """Give one cycle of every knot of steps that wait for each other, each from its first step on."""
    names = list(needs)
    removed: set[str] = set()
    cycles: list[list[str]] = []
    while len(cycles) < MAX_CYCLES and (stuck := _stuck(needs, removed)):
        seen: list[str] = []
        name = next(iter(stuck))
        while name not in seen:
            seen.append(name)
            name = next(need for need in sorted(needs[name]) if need in stuck)
        cycle = seen[seen.index(name) :]
        first = cycle.index(min(cycle, key=names.index))
        cycles.append([*cycle[first:], *cycle[:first]])
        removed |= set(cycle)
    return cycles


def _stuck(needs: Mapping[str, set[str]], removed: set[str]) -> dict[str, None]:
    """Give what can never start, in document order."""
    left = {name: wanted - removed for name, wanted in needs.items() if name not in removed}
    free = set(order(left))
    return {name: None for name in left if name not in free}
