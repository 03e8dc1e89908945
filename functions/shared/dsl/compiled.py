"""A stored document made ready to execute: who needs whom, in which order, on which queue."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, cast

from functions.shared.dsl.models import Step, Workflow
from functions.shared.dsl.problems import DocumentPath
from functions.shared.dsl.sites import Site, expressions, nested_steps, step_sites
from functions.shared.dsl.syntax import references
from functions.shared.dsl.templates import holds_template
from functions.shared.jsonvalue import Json, JsonObject

ON_ERROR = "on_error"

_CALL_MODELS = frozenset({"llm", "memory", "interpret"})  # such documents run where litellm is


@dataclass(frozen=True, slots=True)
class CompiledStep:
    """A step and what follows from its place. `address` has no positions: `polish.draft`, `on_error.notify`.

    `needs`: siblings that must end first, from `needs:` and from references anywhere inside. `outer`: steps of
    enclosing scopes that it looks at; those groups need them too. `config`: the spec as written (a mapping for every
    kind but transform and group), its templates not yet evaluated; `is_plain`: it has none. `order`: a group's steps,
    needs first.
    """

    name: str
    address: str
    kind: str
    step: Step
    config: Json
    needs: frozenset[str]
    outer: frozenset[str]
    steps: Mapping[str, CompiledStep] = field(default_factory=dict[str, "CompiledStep"])
    order: tuple[str, ...] = ()
    is_plain: bool = False


@dataclass(frozen=True, slots=True)
class Compiled:
    """A whole workflow. `index` lists every step {path, kind}, nested ones by dotted path."""

    workflow: Workflow
    steps: Mapping[str, CompiledStep]
    order: tuple[str, ...]
    on_error: Mapping[str, CompiledStep]
    on_error_order: tuple[str, ...]
    queue: Literal["default", "llm"]
    index: tuple[JsonObject, ...]


def compile_document(document: JsonObject) -> Compiled:
    """Compile a document that `check` accepted; cached by content, never raises for such a document."""
    return _compile(json.dumps(document, ensure_ascii=False))


@lru_cache(maxsize=128)
def _compile(text: str) -> Compiled:
    document: JsonObject = json.loads(text)
    workflow = Workflow.model_validate(document)
    steps = _compile_scope(workflow.steps, nested_steps(document), "")
    on_error: dict[str, CompiledStep] = {}
    if workflow.on_error is not None:
        raw = nested_steps(cast("JsonObject", document["on_error"]))
        on_error = _compile_scope(workflow.on_error.steps, raw, ON_ERROR)
    every = [*_all(steps.values()), *_all(on_error.values())]
    return Compiled(
        workflow=workflow,
        steps=steps,
        order=order(_needs_of(steps)),
        on_error=on_error,
        on_error_order=order(_needs_of(on_error)),
        queue="llm" if any(step.kind in _CALL_MODELS for step in every) else "default",
        index=tuple({"path": step.address, "kind": step.kind} for step in every),
    )


def _compile_scope(steps: Mapping[str, Step], raw: Mapping[str, JsonObject], above: str) -> dict[str, CompiledStep]:
    return {name: _compile_step(name, step, raw[name], frozenset(steps), above) for name, step in steps.items()}


def _compile_step(name: str, step: Step, raw: JsonObject, siblings: frozenset[str], above: str) -> CompiledStep:
    address = f"{above}.{name}" if above else name
    nested = _compile_scope(step.steps or {}, nested_steps(raw), address)
    seen = step_references(raw) - nested.keys()
    for child in nested.values():
        seen |= child.outer
    config = _config(step.kind, raw)
    return CompiledStep(
        name=name,
        address=address,
        kind=step.kind,
        step=step,
        config=config,
        needs=frozenset((seen & siblings) | set(step.needs)),
        outer=frozenset(seen - siblings),
        steps=nested,
        order=order(_needs_of(nested)),
        is_plain=not holds_template(config),
    )


def _config(kind: str, raw: JsonObject) -> Json:
    if kind == "group":
        return None
    spec = raw[kind]
    return {"message": spec} if kind == "fail" and isinstance(spec, str) else spec


def _needs_of(steps: Mapping[str, CompiledStep]) -> dict[str, frozenset[str]]:
    return {name: step.needs for name, step in steps.items()}


def _all(steps: Iterable[CompiledStep]) -> list[CompiledStep]:
    return [found for step in steps for found in (step, *_all(step.steps.values()))]


def step_references(raw: JsonObject) -> set[str]:
    """Give the names of steps that a step's own templates look at, those of nested steps not included."""
    return {name for site in step_sites(raw, ()) for name in site_references(site)}


def site_references(site: Site) -> set[str]:
    """Give the names of steps that one text looks at."""
    return {
        reference.keys[0]
        for found in expressions(site)
        if found.tree is not None
        for reference in references(found.tree)
        if reference.name == "steps" and reference.keys and isinstance(reference.keys[0], str)
    }


def order(needs: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Sort topologically, in document order where it is free; what hangs in a cycle is left out."""
    left = {name: {need for need in wanted if need in needs} for name, wanted in needs.items()}
    position = {name: at for at, name in enumerate(needs)}
    dependents: dict[str, list[str]] = {name: [] for name in needs}
    for name, wanted in left.items():
        for need in wanted:
            dependents[need].append(name)
    done: list[str] = []
    ready = [name for name, wanted in left.items() if not wanted]
    while ready:
        done.extend(ready)
        freed: list[str] = []
        for name in ready:
            for dependent in dependents[name]:
                left[dependent].discard(name)
                if not left[dependent]:
                    freed.append(dependent)
        ready = sorted(freed, key=position.__getitem__)
    return tuple(done)


def all_references(raw: JsonObject, path: DocumentPath = ()) -> set[str]:
    """Give the names of steps that a step and everything nested in it look at, own nested names left out."""
    seen = {name for site in step_sites(raw, path) for name in site_references(site)}
    nested = nested_steps(raw)
    for name, step in nested.items():
        seen |= all_references(step, (*path, "steps", name))
    return seen - nested.keys()
