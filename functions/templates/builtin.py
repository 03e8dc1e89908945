"""The templates that come with the plane: the files of `templates/workflows`, each a workflow with its own tests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from functions.shared.jsonvalue import Json, JsonObject

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).resolve().parents[2] / "templates" / "workflows"
_TAGS = re.compile(r"^# Tags:(.*)$", re.MULTILINE)
_NAME = re.compile(r"^name:.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Builtin:
    """A file as a template. Its version is that of the plane's files: always 1, as a file has no history here."""

    name: str
    title: str
    description: str | None
    tags: list[str]
    definition: str

    def as_json(self, *, is_whole: bool) -> JsonObject:
        """Give it as the API shows it."""
        shown: JsonObject = {
            "name": self.name,
            "version": 1,
            "title": self.title,
            "description": self.description,
            "tags": list[Json](self.tags),
            "is_builtin": True,
            "lineage": None,
            "published_by": None,
            "created_at": None,
        }
        return {**shown, "definition": self.definition} if is_whole else shown


@lru_cache(maxsize=1)
def builtins() -> Mapping[str, Builtin]:
    """Give them by name, read once."""
    found = [_read(path) for path in sorted(FOLDER.glob("*.yaml"))]
    return {builtin.name: builtin for builtin in found}


def slug_of(name: str) -> str:
    """Give the name as templates write it: data_extraction is data-extraction."""
    return name.strip().lower().replace("_", "-")


def adapted(definition: str, *, name: str | None, models: Mapping[str, str]) -> str:
    """Give the text under another name and with other models, everything else as it was, comments too."""
    text = definition if name is None else _NAME.sub(lambda _: f"name: {name}", definition, count=1)
    for alias, model in models.items():
        line = re.compile(
            rf"(?P<head>^models:\n(?:^[ ]+.*\n|^#.*\n)*?^[ ]+{re.escape(alias)}:[ ]*)[^\s#]+", re.MULTILINE
        )
        text = line.sub(lambda match, model=model: match["head"] + model, text, count=1)
    return text


def _read(path: Path) -> Builtin:
    text = path.read_text()
    document = yaml.safe_load(text)
    tags = _TAGS.search(text)
    description = document.get("description")
    return Builtin(
        name=str(document["name"]),
        title=str(document["name"]).replace("-", " ").capitalize(),
        description=str(description) if description else None,
        tags=[tag.strip() for tag in tags[1].split(",")] if tags else [],
        definition=text,
    )
