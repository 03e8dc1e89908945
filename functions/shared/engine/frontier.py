"""Where a scope or a for_each stands: what may change next, so that nothing else has to be looked at again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(slots=True)
class Frontier:
    """The steps of one scope that have not ended, by their place in its order.

    `open`: those to look at, a heap. `blocked`: need -> those that cannot begin before it has ended.
    """

    order: Sequence[str]
    open: list[int]
    blocked: dict[str, list[int]] = field(default_factory=dict[str, list[int]])


@dataclass(slots=True)
class Going:
    """The items of one for_each: `open` began and have not ended, in order; at `next` and after, none was looked at."""

    next: int
    open: list[int] = field(default_factory=list[int])
