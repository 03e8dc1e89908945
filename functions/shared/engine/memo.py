"""What one owner need not work out again from one plan to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from functions.shared.engine.frontier import Frontier, Going

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.jsonvalue import Json


@dataclass(slots=True)
class Memo:
    """Answers that records can never change again. Throw it away with the claim; a plan without it is the same, slower.

    `items`: the list of a for_each that began. `begun`: steps whose `when` was true. `done`: how many leading items or
    rounds have ended well. `frontiers`: how far each scope has come, by its path; `going`: the same of a for_each.
    `loaded`: the parents whose records were asked for. `too_large`: those whose records the owner refused to load.
    """

    items: dict[str, list[Json]] = field(default_factory=dict[str, "list[Json]"])
    begun: set[str] = field(default_factory=set[str])
    done: dict[str, int] = field(default_factory=dict[str, int])
    frontiers: dict[str, Frontier] = field(default_factory=dict[str, Frontier])
    going: dict[str, Going] = field(default_factory=dict[str, Going])
    loaded: set[str] = field(default_factory=set[str])
    too_large: set[str] = field(default_factory=set[str])

    def frontier(self, path: str, order: Sequence[str]) -> Frontier:
        """Give how far the scope at `path` has come; at first every step of it is to be looked at."""
        found = self.frontiers.get(path)
        if found is None or found.order is not order:
            found = self.frontiers[path] = Frontier(order, list(range(len(order))))
        return found
