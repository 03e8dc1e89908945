"""Finds the name that was probably meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Names that the first AgentPlane, its client and its documents used, and that resemble nothing here.
_FORMER_NAMES = {
    "input_data": "input",
    "executed_by_agent_id": "agent_id",
    "last_seen": "last_seen_at",
    "page": "cursor",
    "offset": "cursor",
    "per_page": "limit",
    "page_size": "limit",
    "ttl": "expires_in_seconds",
    "timeout": "timeout_seconds",
    "ttl_seconds": "expires_in_seconds",
}


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """Give the candidate that `name` was probably meant to be, or None. `state_key` means `key`."""
    known = list(candidates)
    wanted = name.lower().replace("-", "_")
    by_form = {candidate.lower(): candidate for candidate in known}
    if wanted in by_form:
        return by_form[wanted]
    if _FORMER_NAMES.get(wanted) in known:
        return _FORMER_NAMES[wanted]
    if near := get_close_matches(wanted, by_form, n=1, cutoff=0.75):
        return by_form[near[0]]
    parts = [known for form, known in by_form.items() if _is_part(form, wanted)]
    if parts:
        return max(parts, key=len)
    near = get_close_matches(wanted, by_form, n=1, cutoff=0.6)
    return by_form[near[0]] if near else None


def _is_part(candidate: str, name: str) -> bool:
    return name.endswith("_" + candidate) or name.startswith(candidate + "_") or candidate.startswith(name + "_")
