"""What a look at a deployment found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `name` never changes: programs branch on it. `way_out` says the next move."""

    name: str
    state: State
    found: str
    way_out: str = ""


def ok(name: str, found: str) -> Finding:
    """Say that a thing is as it should be."""
    return Finding(name, "ok", found)


def warn(name: str, found: str, way_out: str) -> Finding:
    """Say what works but not as well as it could, or what could not be looked at."""
    return Finding(name, "warn", found, way_out)


def fail(name: str, found: str, way_out: str) -> Finding:
    """Say what would break the deployment."""
    return Finding(name, "fail", found, way_out)
