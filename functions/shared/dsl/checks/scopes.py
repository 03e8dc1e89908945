"""The steps of a raw document with what each of them can see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from functions.shared.dsl.problems import DocumentPath
from functions.shared.dsl.sites import Site, nested_steps, step_sites, templates
from functions.shared.jsonvalue import JsonObject

OUTER_NAMES = ("input", "steps")


@dataclass(eq=False)
class Scope:
    """Steps that stand beside each other. `above` is the scope around, `owner` the group whose body this is."""

    path: DocumentPath
    above: Scope | None = None
    owner: Placed | None = None
    steps: dict[str, Placed] = field(default_factory=dict[str, "Placed"])
    is_on_error: bool = False

    def find(self, name: str) -> Placed | None:
        """Give the visible step of this name, the nearest one."""
        if name in self.steps:
            return self.steps[name]
        return self.above.find(name) if self.above is not None else None

    def visible(self) -> list[str]:
        """Give the names of all visible steps, the nearest first."""
        return [*self.steps, *(self.above.visible() if self.above is not None else [])]


@dataclass(eq=False)
class Placed:
    """A step at its place. `depth` counts the groups around it."""

    name: str
    path: DocumentPath
    raw: JsonObject
    scope: Scope
    depth: int
    body: Scope | None = None

    @cached_property
    def sites(self) -> list[Site]:
        """The step's own texts with expressions."""
        return list(step_sites(self.raw, self.path))

    @property
    def address(self) -> str:
        """The dotted path without positions."""
        owner = self.scope.owner
        if owner is not None:
            return f"{owner.address}.{self.name}"
        return f"on_error.{self.name}" if self.scope.is_on_error else self.name

    def around(self) -> Iterator[Placed]:
        """Give the groups around this step, the nearest first."""
        owner = self.scope.owner
        while owner is not None:
            yield owner
            owner = owner.scope.owner

    def scope_of(self, site: Site) -> Scope:
        """Give the scope in which a site's `steps.x` is looked up."""
        return self.body if site.view == "inside" and self.body is not None else self.scope

    def names_at(self, site: Site) -> set[str]:
        """Give the names other than steps that an expression may use."""
        names = {*OUTER_NAMES}
        holders: list[Placed] = [*self.around()]
        if site.view != "before":
            holders.append(self)
        if any("for_each" in holder.raw for holder in holders):
            names |= {"item", "index"}
        if any("loop" in holder.raw for holder in holders):
            names.add("loop")
        if self._top_scope().is_on_error:
            names.add("error")
        return names

    def _top_scope(self) -> Scope:
        scope = self.scope
        while scope.owner is not None:
            scope = scope.owner.scope
        return scope


@dataclass(eq=False)
class Places:
    """All steps of a document, and the texts with expressions that belong to no step."""

    top: Scope
    on_error: Scope | None
    document: JsonObject

    @cached_property
    def all(self) -> list[Placed]:
        """Every step, each group before what is inside."""
        scopes = [self.top, *([self.on_error] if self.on_error is not None else [])]
        return [found for scope in scopes for step in scope.steps.values() for found in _below(step)]

    @cached_property
    def by_name(self) -> dict[str, Placed]:
        """The first step of every name and every address."""
        found: dict[str, Placed] = {}
        for step in self.all:
            found.setdefault(step.name, step)
            found.setdefault(step.address, step)
        return found

    @property
    def loose_sites(self) -> list[Site]:
        """The workflow's `output` and the other templates outside of steps."""
        found = list(templates(self.document.get("output"), ("output",), "inside"))
        for key in ("defaults", "limits"):
            found += templates(self.document.get(key), (key,), "before")
        return found


def place_steps(document: JsonObject) -> Places:
    """Walk the document's steps, well-formed or not."""
    top = Scope(("steps",))
    _fill(top, nested_steps(document), 0)
    handler = document.get("on_error")
    on_error: Scope | None = None
    if isinstance(handler, dict):
        on_error = Scope(("on_error", "steps"), above=top, is_on_error=True)
        _fill(on_error, nested_steps(handler), 0)
    return Places(top, on_error, document)


def _fill(scope: Scope, steps: Mapping[str, JsonObject], depth: int) -> None:
    for name, raw in steps.items():
        step = Placed(name, (*scope.path, name), raw, scope, depth)
        scope.steps[name] = step
        nested = nested_steps(raw)
        if nested:
            step.body = Scope((*step.path, "steps"), above=scope, owner=step)
            _fill(step.body, nested, depth + 1)


def _below(step: Placed) -> Iterator[Placed]:
    yield step
    if step.body is not None:
        for nested in step.body.steps.values():
            yield from _below(nested)
