"""What an expression can see: lazy, so that a scope of ten thousand outputs costs nothing until one is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from functions.shared.engine.frozen import frozen
from functions.shared.engine.paths import item, join

if TYPE_CHECKING:
    from functions.shared.dsl.compiled import CompiledStep
    from functions.shared.engine.facts import Record
    from functions.shared.engine.ledger import Ledger
    from functions.shared.jsonvalue import JsonObject


class StepsView(Mapping[str, "JsonObject"]):
    """`steps` in an expression: the ended steps of this scope, then those of the scopes around it."""

    __slots__ = ("_ledger", "_outer", "_path", "_steps")

    def __init__(self, ledger: Ledger, path: str, steps: Mapping[str, CompiledStep], outer: StepsView | None) -> None:
        self._ledger = ledger
        self._path = path
        self._steps = steps
        self._outer = outer

    def __getitem__(self, name: str) -> JsonObject:
        if name in self._steps:
            record = self._ledger.get(join(self._path, name))
            if record is None:
                raise KeyError(name)
            return as_seen(record)
        if self._outer is None:
            raise KeyError(name)
        return self._outer[name]

    def __iter__(self) -> Iterator[str]:
        for name in self._steps:
            if self._ledger.get(join(self._path, name)) is not None:
                yield name
        if self._outer is not None:
            yield from self._outer

    def __len__(self) -> int:
        return sum(1 for _ in self)


def as_seen(record: Record) -> JsonObject:
    """Give `steps.<name>`: output, skipped, failed, error, exhausted, status."""
    error = record.error if record.status == "failed" else None
    return {
        "output": record.output if record.status == "succeeded" else None,
        "skipped": record.status == "skipped",
        "failed": record.status == "failed",
        "error": {"code": error.get("code"), "message": error.get("message")} if error else None,
        "exhausted": record.details.get("exhausted", False),
        "status": record.status,
    }


@dataclass(frozen=True, slots=True)
class Budget:
    """`budget_usd` of the step at `path`: what it and everything below it may cost."""

    path: str
    limit_usd: Decimal


@frozen
class Scope:
    """A place where steps stand: the workflow, a group, one item or one round. `names` is what expressions see.

    `is_free`: clean-up and error steps run whatever the budget and the limits say.
    """

    path: str
    steps: Mapping[str, CompiledStep]
    view: StepsView
    names: Mapping[str, object]
    budgets: tuple[Budget, ...] = ()
    is_free: bool = False

    @classmethod
    def outermost(
        cls, ledger: Ledger, path: str, steps: Mapping[str, CompiledStep], names: Mapping[str, object]
    ) -> Scope:
        view = StepsView(ledger, path, steps, None)
        return cls(path, steps, view, {**names, "steps": view})

    def inside(self, ledger: Ledger, path: str, steps: Mapping[str, CompiledStep]) -> Scope:
        """Give the scope of the group instance at `path`, which sees everything that this one sees."""
        view = StepsView(ledger, path, steps, self.view)
        return replace(self, path=path, steps=steps, view=view, names={**self.names, "steps": view})

    def beside(self, ledger: Ledger, path: str, steps: Mapping[str, CompiledStep], **names: object) -> Scope:
        """Give the scope of the workflow's error steps."""
        view = StepsView(ledger, path, steps, self.view)
        return replace(
            self, path=path, steps=steps, view=view, names={**self.names, "steps": view, **names}, is_free=True
        )

    def naming(self, names: Mapping[str, object]) -> Scope:
        """Give the same place with more names: `item` and `index`, or `loop`."""
        return replace(self, names={**self.names, **names})

    def freed(self) -> Scope:
        return self if self.is_free else replace(self, is_free=True)

    def within(self, budget: Budget) -> Scope:
        return replace(self, budgets=(*self.budgets, budget))


@frozen
class Instance:
    """One thing to run: a step, one item or one round of it. `kind` is what its record is called."""

    step: CompiledStep
    path: str
    parent: str
    kind: str
    scope: Scope

    def part(self, index: int, kind: str, names: Mapping[str, object]) -> Instance:
        """Give the item or round `index` of this step; `kind` is for a group's, a leaf's keeps the leaf's."""
        own = kind if self.step.kind == "group" else self.step.kind
        return Instance(self.step, item(self.path, index), self.path, own, self.scope.naming(names))
