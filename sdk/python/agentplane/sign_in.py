"""Signing in as a person: a one-time code by mail, from the Supabase Auth that the plane names."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, cast

import httpx

from agentplane.errors import AgentPlaneError, PlaneUnreachable

REFRESH_BEFORE_SECONDS = 60
TIMEOUT_SECONDS = 20


class SignInRefused(AgentPlaneError):
    """The sign-in said no: a wrong or old code, an ended session, too many mails. The message says which."""


@dataclass(frozen=True, slots=True)
class Session:
    """A person who has signed in. `expires_at` is in seconds since 1970; the refresh token gives the next session."""

    email: str
    access_token: str
    refresh_token: str
    expires_at: float

    @property
    def needs_refresh(self) -> bool:
        """Whether the access token has expired, or will within a minute."""
        return self.expires_at - time.time() < REFRESH_BEFORE_SECONDS


class SignIn:
    """Where the people of a plane sign in: `url` is Supabase Auth's, `mailbox` the one of a development plane."""

    def __init__(self, url: str, publishable_key: str = "", mailbox: str | None = None) -> None:
        self.url = url.rstrip("/")
        self.mailbox = mailbox
        self.publishable_key = publishable_key
        self._headers = {"apikey": publishable_key} if publishable_key else {}

    @classmethod
    def of_plane(cls, plane_url: str) -> SignIn:
        """Ask a plane where its people sign in. Raises SignInRefused for a plane without, PlaneUnreachable."""
        plane_url = plane_url.rstrip("/")
        found = _answer(plane_url, lambda: httpx.get(f"{plane_url}/api/sign-in", timeout=TIMEOUT_SECONDS))
        if not found.get("auth_url"):
            message = f"nobody can sign in to {plane_url}: it has no Supabase Auth"
            raise SignInRefused(message)
        return cls(found["auth_url"], found.get("publishable_key") or "", found.get("mailbox"))

    def send_code(self, email: str) -> None:
        """Send a one-time code by mail."""
        self._post("/otp", {"email": email, "create_user": True})

    def verify(self, email: str, code: str) -> Session:
        """Give a session for the code. Raises SignInRefused."""
        return _session(self._post("/verify", {"type": "email", "email": email, "token": code.strip()}))

    def refresh(self, session: Session) -> Session:
        """Give the session that follows. The former refresh token ends. Raises SignInRefused."""
        return _session(self._post("/token?grant_type=refresh_token", {"refresh_token": session.refresh_token}))

    def sign_out(self, session: Session) -> None:
        """End the session, as far as it has not ended."""
        headers = {**self._headers, "Authorization": f"Bearer {session.access_token}"}
        try:
            httpx.post(f"{self.url}/logout?scope=local", headers=headers, timeout=TIMEOUT_SECONDS)
        except httpx.TransportError as error:
            raise PlaneUnreachable(self.url, str(error)) from error

    def newest_code(self, email: str) -> str:
        """Read the newest code from the mailbox of a development plane. Raises SignInRefused."""
        if self.mailbox is None:
            message = "only a development plane shows its mails"
            raise SignInRefused(message)
        shown = httpx.get(self.mailbox, headers={"Accept": "application/json"}, timeout=TIMEOUT_SECONDS).json()
        for mail in shown["mails"]:
            if mail["to"] == email.strip().lower():
                return str(mail["code"])
        message = f"no mail was sent to {email}"
        raise SignInRefused(message)

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        def send() -> httpx.Response:
            return httpx.post(f"{self.url}{path}", json=body, headers=self._headers, timeout=TIMEOUT_SECONDS)

        return _answer(self.url, send)


def _answer(url: str, send: Any) -> dict[str, Any]:
    try:
        response: httpx.Response = send()
    except httpx.TransportError as error:
        raise PlaneUnreachable(url, str(error) or type(error).__name__) from error
    try:
        body: Any = response.json() if response.content else {}
    except ValueError:
        body = {}
    told = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    if response.is_success:
        return told
    message = str(told.get("msg") or told.get("message") or told.get("detail") or f"HTTP {response.status_code}")
    raise SignInRefused(message)


def _session(told: dict[str, Any]) -> Session:
    expires_at = told.get("expires_at") or time.time() + float(told.get("expires_in") or 0)
    email = str((told.get("user") or {}).get("email") or "")
    return Session(email, str(told["access_token"]), str(told["refresh_token"]), float(expires_at))
