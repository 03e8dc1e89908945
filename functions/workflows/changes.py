"""What changed between two versions: the text line by line, and the steps that are new, gone or different."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import unified_diff
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.jsonvalue import Json, JsonObject

_CONTEXT_LINES = 3
_NO_DEFAULT = object()


@dataclass(frozen=True, slots=True)
class Version:
    """One side of a comparison. `paths`: its steps in the order of the document."""

    number: int
    text: str
    is_json: bool
    document: JsonObject | None
    paths: Sequence[str] = ()


def compare(name: str, before: Version, after: Version) -> JsonObject:
    """Give `{text, steps: {added, removed, changed: [{path, fields}]}, settings}`: settings are top-level keys."""
    lines = unified_diff(
        _lines(before),
        _lines(after),
        f"{name} version {before.number}",
        f"{name} version {after.number}",
        n=_CONTEXT_LINES,
        lineterm="",
    )
    old, new = _steps_of(before), _steps_of(after)
    return {
        "text": "\n".join(lines),
        "is_equal": before.text == after.text,
        "steps": {
            "added": [path for path in new if path not in old],
            "removed": [path for path in old if path not in new],
            "changed": [
                {"path": path, "fields": fields}
                for path in new
                if path in old and (fields := _changed_keys(old[path], new[path]))
            ],
        },
        "settings": _changed_keys(_settings_of(before.document), _settings_of(after.document)),
    }


def _lines(version: Version) -> list[str]:
    if not version.is_json:
        return version.text.splitlines()
    return json.dumps(json.loads(version.text), indent=2, ensure_ascii=False).splitlines()


def _steps_of(version: Version) -> dict[str, JsonObject]:
    """Every step by its dotted path, without the steps nested in it."""
    found: dict[str, JsonObject] = {}
    document = version.document or {}
    _collect(document.get("steps"), "", found)
    on_error = document.get("on_error")
    if isinstance(on_error, dict):
        _collect(on_error.get("steps"), "on_error.", found)
    return {path: found[path] for path in version.paths if path in found}


def _collect(steps: Json, above: str, found: dict[str, JsonObject]) -> None:
    for name, step in cast("dict[str, JsonObject]", steps or {}).items():
        nested = step.get("steps")
        found[above + name] = {key: value for key, value in step.items() if key != "steps"}
        if isinstance(nested, dict):
            _collect(nested, f"{above}{name}.", found)


def _settings_of(document: JsonObject | None) -> JsonObject:
    return {key: value for key, value in (document or {}).items() if key not in {"steps", "on_error"}}


def _changed_keys(old: JsonObject, new: JsonObject) -> list[Json]:
    keys = dict.fromkeys((*old, *new))
    return [key for key in keys if old.get(key, _NO_DEFAULT) != new.get(key, _NO_DEFAULT)]
