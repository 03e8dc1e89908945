"""What one owner need not work out again from one plan to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.shared.jsonvalue import Json


@dataclass(slots=True)
class Memo:
    """Answers that records can never change again. Throw it away with the claim; a plan without it is the same, slower.

    `items`: the list of a for_each that began. `begun`: steps whose `when` was true. `done`: how many leading items or
    rounds have ended well. `loaded`: the parents whose records were asked for. `too_large`: those whose records the
    owner refused to load.
    """

    items: dict[str, list[Json]] = field(default_factory=dict[str, "list[Json]"])
    begun: set[str] = field(default_factory=set[str])
    done: dict[str, int] = field(default_factory=dict[str, int])
    loaded: set[str] = field(default_factory=set[str])
    too_large: set[str] = field(default_factory=set[str])
