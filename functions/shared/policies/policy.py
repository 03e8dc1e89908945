"""One policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Effect: TypeAlias = Literal["deny", "ask", "allow"]
SubjectKind: TypeAlias = Literal["tool", "host", "model"]


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may use what. `workflows` and `agents` are patterns of names; none: whichever."""

    id: str
    name: str
    effect: Effect
    kind: SubjectKind
    pattern: str
    workflows: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    priority: int = 0
    reason: str | None = None


def policy_of(row: Mapping[str, Any]) -> Policy:
    """Read a policy as the database tells it."""
    return Policy(
        id=str(row["id"]),
        name=row["name"],
        effect=row["effect"],
        kind=row["kind"],
        pattern=row["pattern"],
        workflows=tuple(row.get("workflows") or ()),
        agents=tuple(row.get("agents") or ()),
        priority=int(row.get("priority") or 0),
        reason=row.get("reason"),
    )
