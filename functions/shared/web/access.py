"""Who may use a route: every route names a scope, or says that it is public."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Depends, Security
from fastapi import params as fastapi_params
from fastapi.security import HTTPBearer

from functions.shared.auth.keys import hash_key, is_key
from functions.shared.errors import NextStep, Unauthenticated
from functions.shared.web.connection import peppers_of, tokens_of
from functions.shared.web.seals import seal_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request

    from functions.shared.db.port import Caller

ORGANISATION_HEADER = "AgentPlane-Organisation"

_BEARER = HTTPBearer(
    scheme_name="ApiKey",
    bearerFormat="ap_live_…",
    description="An API key: `Authorization: Bearer ap_live_…`; or the access token of a person who has signed in, "
    "whose role gives the scopes. Each operation names the scope that it needs.",
    auto_error=False,
)
_TOKEN = HTTPBearer(
    scheme_name="AccessToken",
    bearerFormat="JWT",
    description="The access token of a person who has signed in, as Supabase Auth issues it; of a member or not.",
    auto_error=False,
)


@dataclass(frozen=True, slots=True)
class Access:
    """What a route asks of its caller. `scope` empty: any valid key or member. `is_public`: nothing at all.

    `is_for_users`: only that a person has signed in; they need not be a member of any organisation.
    """

    scope: str
    is_public: bool = False
    is_for_users: bool = False


async def _nothing() -> None:
    pass


_PUBLIC = Depends(_nothing)


def requires(scope: str) -> fastapi_params.Security:
    """Let in only keys that hold the scope and members whose role gives it; an empty scope lets in all of them."""
    return Security(_BEARER, scopes=[scope] if scope else [])


def signed_in() -> fastapi_params.Security:
    """Let in whoever has signed in, member of an organisation or not; no keys."""
    return Security(_TOKEN)


def public() -> fastapi_params.Depends:
    """Let in everybody."""
    return _PUBLIC


def is_access(dependency: object) -> bool:
    """Tell whether a dependency says who may use a route: the route sees to it, so it need not be called."""
    return dependency is _BEARER or dependency is _TOKEN or dependency is _nothing


def access_of(path: str, dependencies: Iterable[fastapi_params.Depends]) -> Access:
    """Give what a route declared. Raises TypeError when it declared nothing, or both: nobody may forget it."""
    declared = [_declared(each) for each in dependencies if is_access(each.dependency)]
    if len(declared) != 1:
        raise TypeError(f"{path} must name exactly one of requires(<scope>), signed_in() and public()")
    return declared[0]


def _declared(dependency: fastapi_params.Depends) -> Access:
    if dependency.dependency is _BEARER:
        return Access(scope=next(iter(dependency.scopes or []), ""))  # type: ignore[attr-defined]
    return Access("", is_public=dependency.dependency is _nothing, is_for_users=dependency.dependency is _TOKEN)


async def authenticate(request: Request) -> Caller:
    """Tell who calls from the headers: an API key's holder, or a person by their access token, which is verified here.

    What is neither never reaches the database.
    """
    from functions.shared.db.port import ApiKey, Person  # noqa: PLC0415

    authorization = (request.headers.get("authorization") or "").strip()
    scheme, _, secret = authorization.partition(" ")
    secret = secret.strip()
    if not authorization:
        raise _unauthenticated("missing_key", "This route needs an API key, or the access token of a person.")
    if scheme.lower() == "bearer" and is_key(secret):
        key_hash = hash_key(secret, peppers_of(request.app))
        return ApiKey(key_hash, await seal_of(request, secret, key_hash))
    if scheme.lower() == "bearer" and secret.startswith("eyJ"):
        from functions.shared.auth.tokens import no_sign_in  # noqa: PLC0415  only who gets tokens loads it

        verifier = tokens_of(request.app)
        if verifier is None:
            raise no_sign_in()
        return Person(secret, await verifier.verify(secret), _organisation(request))
    raise _unauthenticated("malformed_key", "What was sent is not an API key: its form or its checksum is wrong.")


def _organisation(request: Request) -> str | None:
    """Give the organisation that a person means."""
    named = (request.headers.get(ORGANISATION_HEADER) or "").strip()
    with suppress(UnicodeError):
        named = named.encode("latin-1").decode()  # names may hold any letter; headers come as latin-1
    return named or None


def _unauthenticated(code: str, message: str) -> Unauthenticated:
    return Unauthenticated(
        message,
        code=code,
        hint="Send `Authorization: Bearer ap_live_…`, or `Bearer <access token>` when you have signed in.",
        next=[NextStep("see how to get and send a key", "GET", "/llms.txt")],
    )
