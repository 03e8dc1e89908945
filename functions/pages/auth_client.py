"""Supabase Auth as the pages use it; the development sign-in speaks the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from functions.shared.errors import RateLimited, Unavailable

if TYPE_CHECKING:
    from functions.shared.config import Settings

TIMEOUT_S = 10.0
_API_VERSION = {"X-Supabase-Api-Version": "2024-01-01"}
_TOO_MANY, _SERVER_ERROR, _CLIENT_ERROR = 429, 500, 400


class AuthRefused(Exception):
    """What Supabase Auth refuses: its error code, and its words for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class Tokens:
    """A session as Supabase Auth gives it."""

    access: str
    refresh: str


@dataclass(frozen=True, slots=True)
class Factor:
    """A verified second factor."""

    id: str
    name: str


class AuthClient:
    """Calls Supabase Auth. Raises AuthRefused, RateLimited, and Unavailable when none is there or none answers."""

    def __init__(self, settings: Settings) -> None:
        self._address = settings.auth_address
        self._headers = {**_API_VERSION, "apikey": settings.supabase_publishable_key or ""}

    async def send_code(self, email: str, *, redirect_to: str) -> None:
        """Have a code and a link mailed."""
        body = {"email": email, "create_user": True}
        await self._call("POST", "/otp", body, query={"redirect_to": redirect_to})

    async def verify_code(self, email: str, code: str) -> Tokens:
        """Sign in by a code."""
        return _tokens(await self._call("POST", "/verify", {"type": "email", "email": email, "token": code}))

    async def verify_link(self, token_hash: str, kind: str) -> Tokens:
        """Sign in by the token of a mailed link."""
        return _tokens(await self._call("POST", "/verify", {"type": kind, "token_hash": token_hash}))

    async def refresh(self, refresh_token: str) -> Tokens:
        """Go on with a session; the refresh token is replaced."""
        body = {"refresh_token": refresh_token}
        return _tokens(await self._call("POST", "/token", body, query={"grant_type": "refresh_token"}))

    async def sign_out(self, access_token: str) -> None:
        """End this session."""
        await self._call("POST", "/logout", {}, token=access_token, query={"scope": "local"})

    async def factor(self, access_token: str) -> Factor | None:
        """Give the person's second factor, if they have one."""
        user = await self._call("GET", "/user", None, token=access_token)
        for each in cast("list[dict[str, Any]]", user.get("factors") or []):
            if each.get("status") == "verified" and each.get("factor_type") == "totp":
                return Factor(str(each["id"]), str(each.get("friendly_name") or "Authenticator"))
        return None

    async def challenge(self, access_token: str, factor_id: str) -> str:
        """Begin to prove a second factor. Gives the id of the challenge."""
        answer = await self._call("POST", f"/factors/{factor_id}/challenge", {}, token=access_token)
        return str(answer["id"])

    async def verify_challenge(self, access_token: str, factor_id: str, challenge_id: str, code: str) -> Tokens:
        """Prove a second factor: the session goes on with aal2."""
        body = {"challenge_id": challenge_id, "code": code}
        return _tokens(await self._call("POST", f"/factors/{factor_id}/verify", body, token=access_token))

    async def _call(
        self, method: str, path: str, body: object, *, token: str = "", query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        import httpx  # noqa: PLC0415  only signing in and refreshing need it

        if not self._address:
            raise Unavailable(
                "No sign-in is configured for this plane.",
                code="sign_in_not_configured",
                hint="Set AGENTPLANE_SUPABASE_URL and AGENTPLANE_SUPABASE_PUBLISHABLE_KEY.",
            )
        headers = self._headers | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S) as http:
                answer = await http.request(
                    method, self._address + path, json=body, params=query, headers=headers, follow_redirects=False
                )
                said: Any = answer.json() if answer.content else {}
        except (httpx.HTTPError, ValueError) as error:
            raise _unavailable() from error
        if answer.status_code == _TOO_MANY:
            message = "Too many codes were asked for, or too many wrong ones tried."
            raise RateLimited(message, hint="Wait a minute, then try again.", retry_after=60)
        if answer.status_code >= _SERVER_ERROR or not isinstance(said, dict):
            raise _unavailable()
        known = cast("dict[str, Any]", said)
        if answer.status_code >= _CLIENT_ERROR:
            code = known.get("code") if isinstance(known.get("code"), str) else known.get("error_code")
            raise AuthRefused(str(code or answer.status_code), str(known.get("message") or known.get("msg") or ""))
        return known


def _tokens(session: dict[str, Any]) -> Tokens:
    try:
        return Tokens(str(session["access_token"]), str(session["refresh_token"]))
    except KeyError:
        raise AuthRefused("no_session", "This did not sign you in.") from None


def _unavailable() -> Unavailable:
    return Unavailable("The sign-in does not answer now.", code="sign_in_unavailable", hint="Try again in a moment.")
