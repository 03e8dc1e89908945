"""The cookies of the pages. `__Host-`: only this host over a trustworthy connection sets them; no script reads them."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING, Final

from functions.shared.errors import Forbidden

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

ACCESS: Final = "__Host-agentplane-access"
REFRESH: Final = "__Host-agentplane-refresh"
ORGANISATION: Final = "__Host-agentplane-organisation"
EMAIL: Final = "__Host-agentplane-email"
_FORM: Final = "__Host-agentplane-form"

SESSION_SECONDS = 14 * 86400
EMAIL_SECONDS = 900
MAX_COOKIE_BYTES = 3800


class Cookies:
    """The cookies of a request, and what its answer changes about them."""

    def __init__(self, request: Request) -> None:
        self._sent = request.cookies
        self._changed: dict[str, tuple[str, int]] = {}

    def get(self, name: str) -> str:
        """Give a cookie as the answer leaves it; empty when there is none."""
        changed = self._changed.get(name)
        return self._sent.get(name, "") if changed is None else changed[0]

    def set(self, name: str, value: str, seconds: int = SESSION_SECONDS) -> None:
        """Set a cookie. Raises Forbidden when browsers would drop it."""
        if len(value) > MAX_COOKIE_BYTES:
            raise Forbidden(
                "Your access token is too large for a cookie.",
                code="token_too_large",
                hint="Keep less in the user's metadata in Supabase Auth.",
            )
        self._changed[name] = (value, seconds)

    def drop(self, *names: str) -> None:
        """Delete cookies."""
        for name in names:
            self._changed[name] = ("", 0)

    def sign_in(self, access: str, refresh: str) -> None:
        """Keep a session."""
        self.set(ACCESS, access)
        self.set(REFRESH, refresh)

    def renew_form(self) -> None:
        """Let no form of before be sent any more: whoever signs in or out begins anew."""
        self.set(_FORM, secrets.token_urlsafe(32))

    def form_token(self) -> str:
        """Give what the forms of this browser's session carry; a secret cookie makes it, so no other site knows it."""
        if not self.get(_FORM):
            self.renew_form()
        return _token_of(self.get(_FORM))

    def require_form_token(self, given: str) -> None:
        """Let in a form that carries it. Raises Forbidden `stale_form`."""
        secret = self._sent.get(_FORM, "")
        if not secret or not hmac.compare_digest(_token_of(secret).encode(), given.encode()):
            raise Forbidden(
                "This form is out of date: you have signed in or out since it was opened.",
                code="stale_form",
                hint="Open the page again and send it once more. Nothing was changed.",
            )

    def write(self, response: Response) -> None:
        """Put the changes into the answer."""
        for name, (value, seconds) in self._changed.items():
            response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax")


def _token_of(secret: str) -> str:
    return hmac.digest(secret.encode(), b"form", "sha256").hex()
