"""What an agent sends along, of any shape, as parts that a template can show: rows, lists, tables, texts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from functions.pages.words import label_of

if TYPE_CHECKING:
    from functions.shared.jsonvalue import Json, JsonObject

MAX_DEPTH = 3
MAX_ITEMS = 50
MAX_COLUMNS = 6
LONG_TEXT = 1500
BRIEF_TEXT = 200
_ORDER = ("text", "nothing", "list", "table", "rows", "long", "json")


@dataclass(frozen=True, slots=True)
class Shown:
    """One value under its label. Which fields hold it depends on `form`; `cut` says what was left out."""

    label: str
    form: Literal["text", "long", "list", "table", "rows", "json", "nothing"]
    text: str = ""
    items: list[str] = field(default_factory=list[str])
    columns: list[str] = field(default_factory=list[str])
    cells: list[list[str]] = field(default_factory=list[list[str]])
    rows: list[Shown] = field(default_factory=list["Shown"])
    cut: str = ""

    @property
    def is_brief(self) -> bool:
        """Whether it fits beside its label."""
        return self.form in ("text", "nothing") and len(self.text) <= BRIEF_TEXT


def shown(values: Json) -> list[Shown]:
    """Give the rows of an object; anything else is one row."""
    if isinstance(values, dict):
        return _rows(values, 0)
    return [] if values in (None, []) else [_shown("Context", values, 0)]


def text_of(value: Json) -> str:
    """Give a scalar as people read it; anything else as JSON."""
    match value:
        case None:
            return "—"
        case True:
            return "Yes"
        case False:
            return "No"
        case str():
            return value
        case int() | float():
            return str(value)
        case _:
            return json.dumps(value, ensure_ascii=False)


def _rows(values: JsonObject, depth: int) -> list[Shown]:
    rows = [_shown(label_of(name), value, depth) for name, value in list(values.items())[:MAX_ITEMS]]
    rows.sort(key=lambda row: _ORDER.index(row.form))  # the database keeps no order of its own
    if len(values) > MAX_ITEMS:
        rows.append(Shown("", "nothing", cut=f"{len(values) - MAX_ITEMS} more fields are not shown"))
    return rows


def _shown(label: str, value: Json, depth: int) -> Shown:
    match value:
        case str() if not value.strip():
            return Shown(label, "nothing", text="(empty)")
        case str():
            return Shown(label, "long" if len(value) > LONG_TEXT else "text", text=value)
        case dict() if value:
            if depth >= MAX_DEPTH:
                return Shown(label, "json", text=_pretty(value))
            return Shown(label, "rows", rows=_rows(value, depth + 1))
        case []:
            return Shown(label, "nothing", text="(none)")
        case list():
            return _list(label, value)
        case dict():
            return Shown(label, "nothing", text="(none)")
        case _:
            return Shown(label, "text", text=text_of(value))


def _list(label: str, values: list[Json]) -> Shown:
    first = values[:MAX_ITEMS]
    cut = f"{len(values) - MAX_ITEMS} more are not shown" if len(values) > MAX_ITEMS else ""
    if all(_is_short(each) for each in first):
        return Shown(label, "list", items=[text_of(each) for each in first], cut=cut)
    objects = [each for each in first if isinstance(each, dict)]
    columns = list(dict.fromkeys(name for each in objects for name in each))
    is_flat = all(_is_short(value) for each in objects for value in each.values())
    if len(objects) == len(first) and columns and len(columns) <= MAX_COLUMNS and is_flat:
        cells = [[text_of(each.get(name)) for name in columns] for each in objects]
        return Shown(label, "table", columns=[label_of(name) for name in columns], cells=cells, cut=cut)
    return Shown(label, "json", text=_pretty(first), cut=cut)


def _is_short(value: Json) -> bool:
    return not isinstance(value, (dict, list)) and len(text_of(value)) <= LONG_TEXT


def _pretty(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
