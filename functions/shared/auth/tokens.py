"""People's access tokens, as Supabase Auth issues them: verified against its published keys.

Only ES256 and RS256 with a key of the key set that is meant for that algorithm; so neither `none` nor a public key
taken for an HMAC secret gets through. https://supabase.com/docs/guides/auth/signing-keys
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, cast

from functions.shared.errors import NextStep, Unauthenticated, Unavailable
from functions.shared.log import logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from functions.shared.config import Settings
    from functions.shared.jsonvalue import JsonObject

ALGORITHMS = ("ES256", "RS256")
AUDIENCE = "authenticated"
MAX_TOKEN_LENGTH = 8192
FRESH_SECONDS = 600.0
STALE_SECONDS = 3600.0
REFETCH_SECONDS = 10.0
RETRY_SECONDS = 1.0
FETCH_TIMEOUT_S = 5.0
_PARTS = 3
_log = logger("tokens")


def looks_like_token(text: str) -> bool:
    """Tell whether the text has the form of a signed JWT; nothing about it is verified."""
    return text.count(".") == _PARTS - 1 and text.startswith("eyJ")


class KeySet:
    """The keys that an issuer publishes: fetched when first needed, after ten minutes, and for a key id not known.

    An unknown key id makes it ask at most once in ten seconds, so that made-up ones cost nobody anything. When the
    issuer does not answer, what it published within the last hour still counts.
    """

    def __init__(
        self, fetch: Callable[[], Awaitable[JsonObject]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, Any] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._gate = asyncio.Lock()

    async def key(self, key_id: str) -> Any | None:  # noqa: ANN401  PyJWT's key
        """Give the key of that id, or None. Raises Unavailable when the issuer's keys are not to be had."""
        is_being_read = self._gate.locked() and key_id not in self._keys
        if is_being_read or self._is_due(key_id):
            async with self._gate:
                if self._is_due(key_id):
                    await self._refresh()
        if self._age > STALE_SECONDS:
            raise Unavailable(
                "Access tokens cannot be verified now: the issuer's keys could not be read.",
                code="keys_unavailable",
                hint="Retry after the given seconds.",
                retry_after=2.0,
            )
        return self._keys.get(key_id)

    @property
    def _age(self) -> float:
        return self._clock() - self._fetched_at

    def _is_due(self, key_id: str) -> bool:
        pause = RETRY_SECONDS if self._age > STALE_SECONDS else REFETCH_SECONDS
        if self._clock() - self._tried_at < pause:
            return False
        return key_id not in self._keys or self._age > FRESH_SECONDS

    async def _refresh(self) -> None:
        self._tried_at = self._clock()
        try:
            self._keys = _usable(await self._fetch())
        except Exception as error:  # noqa: BLE001  whatever it was: what is known already counts for a while
            _log.warning("the keys of access tokens could not be read", extra={"text": repr(error)})
        else:
            self._fetched_at = self._clock()


class TokenVerifier:
    """Verifies access tokens of one issuer."""

    def __init__(self, issuer: str, keys: KeySet) -> None:
        self._issuer = issuer
        self._keys = keys

    @classmethod
    def from_settings(cls, settings: Settings) -> TokenVerifier | None:
        """Give the verifier of the plane's Supabase Auth, or None where there is no sign-in."""
        address = settings.jwks_url or (
            f"{settings.auth_address}/.well-known/jwks.json" if settings.auth_address else ""
        )
        issuer = settings.token_issuer or settings.auth_address
        return cls(issuer, KeySet(fetch_from(address))) if address and issuer else None

    async def verify(self, token: str) -> JsonObject:
        """Give the claims of a good token.

        Raises Unauthenticated (token_expired, token_invalid) and Unavailable (keys_unavailable).
        """
        import jwt  # noqa: PLC0415  cryptography is heavy: only who gets tokens loads it

        if len(token) > MAX_TOKEN_LENGTH:
            raise _invalid(f"it is longer than {MAX_TOKEN_LENGTH} characters")
        try:
            header = jwt.get_unverified_header(token)
            algorithm, key_id = header.get("alg"), header.get("kid")
            if algorithm not in ALGORITHMS:
                raise _invalid(f"it is signed by {algorithm}, not by {' or '.join(ALGORITHMS)}")
            if not isinstance(key_id, str):
                raise _invalid("its header names no key (kid)")
            key = await self._keys.key(key_id)
            if key is None or key.algorithm_name != algorithm:
                raise _invalid("its issuer does not publish the key that it names")
            claims = jwt.decode(
                token,
                key,
                algorithms=[str(algorithm)],
                audience=AUDIENCE,
                issuer=self._issuer,
                options={"require": ["exp", "sub", "aud", "iss"], "verify_iat": False},
            )
        except jwt.ExpiredSignatureError:
            raise _refused(
                "token_expired", "The access token has expired.", "Refresh the session, or sign in again."
            ) from None
        except jwt.InvalidTokenError as error:
            raise _invalid(str(error)) from None
        return cast("JsonObject", claims)


def no_sign_in() -> Unauthenticated:
    """Give the error for a token that came to a plane which trusts no issuer."""
    return _refused(
        "sign_in_not_configured",
        "This plane knows no issuer of access tokens, so it cannot tell who sent this one.",
        "Set AGENTPLANE_SUPABASE_URL, or AGENTPLANE_JWKS_URL and AGENTPLANE_TOKEN_ISSUER.",
    )


def _usable(published: JsonObject) -> dict[str, Any]:
    """Give the signing keys by their ids; what is unknown, symmetric or malformed is left out."""
    import jwt  # noqa: PLC0415

    usable: dict[str, Any] = {}
    keys = published.get("keys")
    for each in keys if isinstance(keys, list) else []:
        if not isinstance(each, dict) or not isinstance(each.get("kid"), str) or each.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK.from_dict(cast("dict[str, Any]", each))
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        if key.algorithm_name in ALGORITHMS:
            usable[str(each["kid"])] = key
    return usable


def fetch_from(address: str) -> Callable[[], Awaitable[JsonObject]]:
    """Give what reads a key set by HTTP."""

    async def fetch() -> JsonObject:
        import httpx  # noqa: PLC0415

        async with httpx.AsyncClient(timeout=FETCH_TIMEOUT_S) as http:
            response = await http.get(address)
            response.raise_for_status()
            return cast("JsonObject", response.json())

    return fetch


def _invalid(why: str) -> Unauthenticated:
    return _refused("token_invalid", f"This access token is not valid: {why}.", "Sign in again.")


def _refused(code: str, message: str, hint: str) -> Unauthenticated:
    return Unauthenticated(
        message, code=code, hint=hint, next=[NextStep("see how to sign in or send a key", "GET", "/llms.txt")]
    )
