"""The people of an organisation: members, invitations, and the organisations of whoever has signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentplane.client import AgentPlane


class Members:
    """The organisation's members."""

    def __init__(self, plane: AgentPlane) -> None:
        self._plane = plane

    def list(self, **filters: Any) -> list[dict[str, Any]]:
        """List them, the newest first; `role=` and `email=` choose."""
        return list(self._plane.pages("/api/members", filters))

    def update(self, user_id: str, **changes: Any) -> dict[str, Any]:
        """Give a member another `role`, or let them decide by mail (`may_decide_by_mail`)."""
        return self._plane.call("PATCH", f"/api/members/{user_id}", body=changes)

    def remove(self, user_id: str) -> None:
        """Take a member out at once."""
        self._plane.call("DELETE", f"/api/members/{user_id}")


class Invitations:
    """Offers to join the organisation."""

    def __init__(self, plane: AgentPlane) -> None:
        self._plane = plane

    def create(self, email: str, role: str = "viewer", **fields: Any) -> dict[str, Any]:
        """Invite an address. `token` and `link` are in this answer and never shown again."""
        return self._plane.call("POST", "/api/invitations", body={"email": email, "role": role, **fields})

    def list(self) -> list[dict[str, Any]]:
        """List them, the newest first, also those that have ended."""
        return list(self._plane.pages("/api/invitations"))

    def revoke(self, invitation_id: str) -> None:
        """Take an invitation back."""
        self._plane.call("DELETE", f"/api/invitations/{invitation_id}")

    def accept(self, token: str) -> dict[str, Any]:
        """Join the organisation that has invited the address that the person has signed in with."""
        return self._plane.call("POST", "/api/invitations/accept", body={"token": token})


class Organisations:
    """The organisations of the person who has signed in."""

    def __init__(self, plane: AgentPlane) -> None:
        self._plane = plane

    def list(self) -> list[dict[str, Any]]:
        """List them with the person's role."""
        return self._plane.call("GET", "/api/organisations")["data"]

    def create(self, name: str) -> dict[str, Any]:
        """Create one and become its owner; the same name again gives the same one."""
        return self._plane.call("POST", "/api/organisations", body={"name": name})

    def rename(self, name: str) -> dict[str, Any]:
        """Rename the caller's organisation."""
        return self._plane.call("PATCH", "/api/organisation", body={"name": name})
