"""What can go wrong when a plane is called: it answered with a problem, or it could not be reached."""

from __future__ import annotations

from typing import Any


class AgentPlaneError(Exception):
    """Everything that this client raises."""


class PlaneUnreachable(AgentPlaneError):
    """No answer: check the address, then that the plane runs (`agentplane dev`)."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        super().__init__(f"cannot reach the plane at {url}: {reason}")


class ApiError(AgentPlaneError):
    """The plane answered with an RFC 9457 problem. Branch on `code`; `next` says what to do."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.problem = problem
        self.code: str = problem.get("code", "unknown")
        self.detail: str = problem.get("detail") or problem.get("title") or f"HTTP {status}"
        self.errors: list[dict[str, Any]] = problem.get("errors") or []
        self.next: list[dict[str, Any]] = problem.get("next") or []
        self.hint: str | None = problem.get("hint")
        self.retryable: bool = bool(problem.get("retryable"))
        super().__init__(f"{self.code}: {self.detail}")
