"""A document as it was written: values with the place of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from functions.shared.dsl.problems import DocumentPath
from functions.shared.jsonvalue import Json

Place: TypeAlias = tuple[int, int]
"""Line and column, from 1."""


@dataclass(slots=True)
class Tree:
    """A value, where it starts, and what is below it (by key, with the place of the key)."""

    value: Json
    place: Place
    is_alias: bool = False
    below: dict[str | int, tuple[Place, Tree]] = field(default_factory=dict[str | int, "tuple[Place, Tree]"])
    size: int = 1
    depth: int = 1

    def find(self, path: DocumentPath) -> tuple[Place, Tree]:
        """Give the place of the entry at `path` (of its key where it has one), or of the nearest thing above."""
        place, tree = self.place, self
        for part in path:
            if part not in tree.below:
                break
            place, tree = tree.below[part]
        return place, tree
