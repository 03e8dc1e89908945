"""Who can be asked: an e-mail address, a member's id, or a role."""

from __future__ import annotations

import re

ROLES = ("viewer", "approver", "operator", "admin", "owner")
_MEMBER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


def assignee_problem(text: str) -> str | None:
    """Say why a text names nobody: `anna@example.com`, a member's id and `role:approver` do."""
    if text.startswith("role:"):
        return None if text[5:] in ROLES else f"{text[5:][:60]!r} is no role; they are {', '.join(ROLES)}"
    if _MEMBER.fullmatch(text) or _ADDRESS.fullmatch(text):
        return None
    return f"{text[:60]!r} is not an e-mail address, a member's id or a role such as role:approver"
