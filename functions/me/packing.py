"""Fits an inbox into so many tokens: what matters most first, shortened if need be; what is left out is counted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.me.items import Item
    from functions.shared.jsonvalue import Json, JsonObject

CHARACTERS_A_TOKEN = 4
# Commas between items, and figures that have grown since the frame was measured.
_SEAM = 1
_ROOM_FOR_COUNTS = 12


@dataclass(frozen=True, slots=True)
class Packed:
    """What fits. `omitted`: how many of each kind do not."""

    items: list[JsonObject]
    omitted: dict[str, int]


def tokens_of(value: Json | Mapping[str, Json]) -> int:
    """Estimate the tokens of a JSON value as it is sent: a quarter of its characters, rounded up."""
    return ceil(len(json.dumps(value, separators=(",", ":"), ensure_ascii=False)) / CHARACTERS_A_TOKEN)


def pack(items: Sequence[Item], max_tokens: int, frame: JsonObject) -> Packed:
    """Choose in the order given; each whole if it fits, else without its details, else it is counted.

    `frame`: the answer around the items, which takes room too.
    """
    kinds = dict.fromkeys(item.kind for item in items)
    room = max_tokens - tokens_of({**frame, "omitted": dict.fromkeys(kinds, 1000)}) - _ROOM_FOR_COUNTS
    chosen: list[JsonObject] = []
    omitted: dict[str, int] = {}
    for item in items:
        for whole in (True, False):
            shown = item.shown(whole=whole)
            cost = tokens_of(shown) + _SEAM
            if cost <= room:
                chosen.append(shown)
                room -= cost
                break
        else:
            omitted[item.kind] = omitted.get(item.kind, 0) + 1
    return Packed(chosen, omitted)
