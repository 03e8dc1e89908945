"""Every app of functions/, found by its file, with its operations and their examples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"
NAMES = sorted(path.parent.name for path in FUNCTIONS.glob("*/app.py") if "create_app(" in path.read_text())


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation as its OpenAPI document describes it."""

    function: str
    method: str
    path: str
    document: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def scope(self) -> str | None:
        return self.document["x-scope"]

    @property
    def example(self) -> dict[str, Any]:
        return self.document["x-example"]


def module_of(name: str) -> Any:
    return import_module(f"functions.{name}.app")


def app_of(name: str) -> FastAPI:
    return module_of(name).app


@lru_cache(maxsize=1)
def operations() -> list[Operation]:
    """All operations of all apps; those that every app has only once."""
    found: dict[tuple[str, str], Operation] = {}
    for name in NAMES:
        for path, item in app_of(name).openapi()["paths"].items():
            for method, document in item.items():
                found.setdefault((method, path), Operation(name, method.upper(), path, document))
    return list(found.values())
