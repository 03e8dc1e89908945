"""Who may use a route: every route names a scope, or says that it is public."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Depends, Security
from fastapi import params as fastapi_params
from fastapi.security import HTTPBearer

from functions.shared.auth.keys import hash_key, is_key
from functions.shared.errors import NextStep, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from functions.shared.db.port import ApiKey

_BEARER = HTTPBearer(
    scheme_name="ApiKey",
    bearerFormat="ap_live_…",
    description="An API key: `Authorization: Bearer ap_live_…`. Each operation names the scope that the key needs.",
    auto_error=False,
)


@dataclass(frozen=True, slots=True)
class Access:
    """What a route asks of its caller. `scope` empty: any valid key. `is_public`: nothing at all."""

    scope: str
    is_public: bool = False


async def _nothing() -> None:
    pass


_PUBLIC = Depends(_nothing)


def requires(scope: str) -> fastapi_params.Security:
    """Let in only keys that hold the scope; an empty scope lets in any valid key."""
    return Security(_BEARER, scopes=[scope] if scope else [])


def public() -> fastapi_params.Depends:
    """Let in everybody."""
    return _PUBLIC


def is_access(dependency: object) -> bool:
    """Tell whether a dependency says who may use a route: the route sees to it, so it need not be called."""
    return dependency is _BEARER or dependency is _nothing


def access_of(path: str, dependencies: Iterable[fastapi_params.Depends]) -> Access:
    """Give what a route declared. Raises TypeError when it declared nothing, or both: nobody may forget it."""
    declared = [
        Access(scope=next(iter(each.scopes or []), "")) if each.dependency is _BEARER else Access("", is_public=True)  # type: ignore[attr-defined]
        for each in dependencies
        if is_access(each.dependency)
    ]
    if len(declared) != 1:
        raise TypeError(f"{path} must name exactly one of requires(<scope>) and public()")
    return declared[0]


def authenticate(authorization: str | None) -> ApiKey:
    """Read the key from the Authorization header. What is not even a key never reaches the database."""
    from functions.shared.db.port import ApiKey  # noqa: PLC0415

    scheme, _, key = (authorization or "").strip().partition(" ")
    if not authorization:
        raise _unauthenticated("missing_key", "This route needs an API key.")
    if scheme.lower() != "bearer" or not is_key(key.strip()):
        raise _unauthenticated("malformed_key", "What was sent is not an API key: its form or its checksum is wrong.")
    return ApiKey(hash_key(key.strip()))


def _unauthenticated(code: str, message: str) -> Unauthenticated:
    return Unauthenticated(
        message,
        code=code,
        hint="Send `Authorization: Bearer ap_live_…`.",
        next=[NextStep("see how to get and send a key", "GET", "/llms.txt")],
    )
