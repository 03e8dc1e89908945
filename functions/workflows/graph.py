"""The graph of a workflow: what runs after what, and which groups enclose what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from functions.shared.dsl.compiled import Compiled, CompiledStep
    from functions.shared.jsonvalue import Json, JsonObject

_ON_ERROR = "on_error"


def graph_of(compiled: Compiled, paths: Sequence[str]) -> JsonObject:
    """Give `{nodes, edges, groups, mermaid}`. Ids are dotted paths without indexes; a group's id is its step's.

    `paths`: all steps in the order of the document, which the stored document itself has not kept.
    """
    drawing = _Drawing({path: number for number, path in enumerate(paths)})
    groups: list[Json] = [*drawing.groups(compiled.steps)]
    if compiled.on_error:
        inner: list[Json] = [step.address for step in drawing.ordered(compiled.on_error)]
        groups.append({"id": _ON_ERROR, "kind": _ON_ERROR, "steps": inner})
        groups.extend(drawing.groups(compiled.on_error))
    edges = [*drawing.edges(compiled.steps), *drawing.edges(compiled.on_error)]
    lines = ["flowchart TD", *drawing.lines(compiled.steps, "  ")]
    if compiled.on_error:
        lines += [f"  subgraph {_ON_ERROR}", *drawing.lines(compiled.on_error, "    "), "  end"]
    lines += [f"  {_id(need)} --> {_id(step)}" for need, step in edges]
    return {
        "nodes": [*drawing.nodes(compiled.steps, None), *drawing.nodes(compiled.on_error, _ON_ERROR)],
        "edges": [{"from": need, "to": step} for need, step in edges],
        "groups": groups,
        "mermaid": "\n".join(lines) + "\n",
    }


@dataclass(frozen=True, slots=True)
class _Drawing:
    """Goes through steps in the order of the document. `rank`: path -> place."""

    rank: Mapping[str, int]

    def ordered(self, steps: Mapping[str, CompiledStep]) -> list[CompiledStep]:
        return sorted(steps.values(), key=lambda step: self.rank.get(step.address, len(self.rank)))

    def all(self, steps: Mapping[str, CompiledStep]) -> Iterator[CompiledStep]:
        for step in self.ordered(steps):
            yield step
            yield from self.all(step.steps)

    def nodes(self, steps: Mapping[str, CompiledStep], group: str | None) -> Iterator[JsonObject]:
        for step in self.ordered(steps):
            yield {
                "id": step.address,
                "name": step.name,
                "kind": step.kind,
                "group": group,
                "requires": step.step.requires,
                "when": step.step.when,
                "is_repeated": _repeats(step) is not None,
                "note": step.step.note,
            }
            yield from self.nodes(step.steps, step.address)

    def edges(self, steps: Mapping[str, CompiledStep]) -> Iterator[tuple[str, str]]:
        for step in self.all(steps):
            scope = step.address.removesuffix(step.name)
            for need in sorted(step.needs):
                yield scope + need, step.address

    def groups(self, steps: Mapping[str, CompiledStep]) -> Iterator[JsonObject]:
        for step in self.all(steps):
            repeats = _repeats(step)
            if step.steps or repeats:
                inner = [child.address for child in self.ordered(step.steps)]
                yield {"id": step.address, "kind": repeats or "group", "steps": [*inner]}

    def lines(self, steps: Mapping[str, CompiledStep], indent: str) -> Iterator[str]:
        for step in self.ordered(steps):
            repeats = {"for_each": " (each)", "loop": " (loop)", None: ""}[_repeats(step)]
            if step.steps:
                yield f'{indent}subgraph {_id(step.address)} ["{step.name}{repeats}"]'
                yield from self.lines(step.steps, indent + "  ")
                yield f"{indent}end"
                continue
            opened, closed = ("{{", "}}") if step.kind == "approval" else ("[", "]")
            yield f'{indent}{_id(step.address)}{opened}"{step.name}: {step.kind}{repeats}"{closed}'


def _repeats(step: CompiledStep) -> str | None:
    if step.step.for_each is not None:
        return "for_each"
    return "loop" if step.step.loop is not None else None


def _id(address: str) -> str:
    """Give an id that Mermaid takes; a prefix, because `end` and others are words of its own."""
    return "s_" + address.replace(".", "__")
