"""What each function's package holds, where its imports do not say it alone. Every entry says why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.deploy.closure import ROOT, Closure, closure_of, sources

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MODELS = frozenset({"runner-llm", "interpret", "memory"})

# One folder is deployed under two names, each with its queue.
FOLDERS: Mapping[str, str] = {"runner-llm": "runner"}

# Libraries that few functions may hold, though more reach the import: who holds them, and why the others do not.
ONLY_IN: Mapping[str, tuple[frozenset[str], str]] = {
    "litellm": (MODELS, "what calls models runs on the queue llm; interpret and memory call them themselves"),
    "pydantic_monty": (frozenset({"sandbox"}), "code runs in the function sandbox, which has no rights"),
}

# Distributions that no import of ours names, by the module of ours, or of another, that is of no use without.
UNSEEN: Mapping[str, tuple[str, str]] = {
    "pydantic_monty": ("pydantic-monty-runtime", "the program that runs code, in a process of its own"),
    "jwt": ("cryptography", "Supabase Auth signs access tokens with ES256"),
    "functions.shared.triggers.cron": ("tzdata", "Lambda's Python has no time zones of its own"),
}

# Files that are no modules, by the module that reads them.
DATA: Mapping[str, Path] = {
    "functions.shared.web.html": ROOT / "templates" / "pages",
    "functions.templates.builtin": ROOT / "templates" / "workflows",
}

# Parts of the library that no deployed function may use: they belong to a plane on one machine.
LOCAL = ("functions/shared/devauth", "functions/shared/simulator", "functions/shared/postgres")

# Holds the OpenAPI document of all functions.
DISCOVERY = "discovery"

# Functions that hold only the modules of ours that they import, not the whole library: strangers' programs run there.
BARE = frozenset({"sandbox"})


@dataclass(frozen=True, slots=True)
class Need:
    """What one function needs beside the shared library."""

    name: str
    folder: Path
    closure: Closure
    modules: frozenset[str]  # other people's, by top-level name
    left_out: Mapping[str, str]  # what its imports reach and its package does not hold, and why
    data: tuple[Path, ...]
    unseen: frozenset[str]  # distributions

    @property
    def entry(self) -> str:
        return entry_of(self.name)


def function_names() -> tuple[str, ...]:
    """Give the name of every deployed function."""
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    return tuple(sorted(folders | set(FOLDERS)))


def entry_of(name: str) -> str:
    """Give the module whose `handler` Lambda calls."""
    return f"functions.{FOLDERS.get(name, name)}.app"


def need_of(name: str, ours: Mapping[str, Path] | None = None) -> Need:
    """Find what a function needs among our modules. Raises LookupError for a name that is none."""
    closure = closure_of(entry_of(name), sources() if ours is None else ours)
    left_out = {
        module: why for module, (holders, why) in ONLY_IN.items() if module in closure.others and name not in holders
    }
    modules = frozenset(closure.others) - left_out.keys()
    reached = {*closure.ours, *modules}
    return Need(
        name=name,
        folder=ROOT / "functions" / FOLDERS.get(name, name),
        closure=closure,
        modules=modules,
        left_out=left_out,
        data=tuple(folder for module, folder in DATA.items() if module in reached),
        unseen=frozenset(distribution for module, (distribution, _) in UNSEEN.items() if module in reached),
    )
