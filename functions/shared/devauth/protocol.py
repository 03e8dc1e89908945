"""The routes of Supabase Auth under /auth/v1 that our pages and commands use, in its own forms of answer and error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, urlsplit

from starlette.responses import JSONResponse, Response

from functions.shared.devauth.accounts import Accounts, Refused
from functions.shared.devauth.locality import is_loopback
from functions.shared.web.plain_route import PlainRouter

if TYPE_CHECKING:
    from starlette.requests import Request

    from functions.shared.web.plain_route import Endpoint

PREFIX = "/auth/v1"
_VERSION_HEADER, _VERSION = "x-supabase-api-version", "2024-01-01"


def auth_router(accounts: Accounts) -> PlainRouter:
    """Give the routes that sign people in by these accounts."""
    router = PlainRouter(_answer_refusals)

    @router.post(f"{PREFIX}/otp")
    async def send_code(request: Request) -> Response:
        body = await _body(request)
        accounts.send_code(_text(body, "email"), link_query=_next_of(request, accounts.url))
        return JSONResponse({})

    @router.post(f"{PREFIX}/verify")
    async def verify(request: Request) -> Response:
        body = await _body(request)
        if body.get("type") not in ("email", "magiclink", "signup", "invite"):
            raise Refused(400, "validation_failed", "Verify requires a verification type")
        if body.get("token_hash"):
            return JSONResponse(accounts.verify_link(_text(body, "token_hash")))
        return JSONResponse(accounts.verify_code(_text(body, "email"), _text(body, "token")))

    @router.post(f"{PREFIX}/token")
    async def token(request: Request) -> Response:
        if request.query_params.get("grant_type") != "refresh_token":
            raise Refused(400, "validation_failed", "unsupported_grant_type")
        return JSONResponse(accounts.refresh(_text(await _body(request), "refresh_token")))

    _add_session_routes(router, accounts)
    return router


def _add_session_routes(router: PlainRouter, accounts: Accounts) -> None:
    @router.get(f"{PREFIX}/user")
    async def user(request: Request) -> Response:
        return JSONResponse(accounts.user_of(_bearer(request)))

    @router.post(f"{PREFIX}/logout")
    async def logout(request: Request) -> Response:
        accounts.sign_out(_bearer(request), request.query_params.get("scope", "global"))
        return Response(status_code=204)

    @router.post(f"{PREFIX}/factors/{{factor_id}}/challenge")
    async def challenge(request: Request) -> Response:
        return JSONResponse(accounts.challenge(_bearer(request), request.path_params["factor_id"]))

    @router.post(f"{PREFIX}/factors/{{factor_id}}/verify")
    async def verify_challenge(request: Request) -> Response:
        body = await _body(request)
        factor_id = request.path_params["factor_id"]
        given = _text(body, "challenge_id"), _text(body, "code")
        return JSONResponse(accounts.verify_challenge(_bearer(request), factor_id, *given))

    @router.get(f"{PREFIX}/.well-known/jwks.json")
    async def jwks(_request: Request) -> Response:
        return JSONResponse(accounts.key.jwks)

    @router.get(f"{PREFIX}/health")
    async def health(_request: Request) -> Response:
        return JSONResponse({"name": "AgentPlane development sign-in", "version": "development"})


async def _answer_refusals(request: Request, endpoint: Endpoint) -> Response:
    try:
        _require_loopback(request)
        response = await endpoint(request)
    except Refused as error:
        knows_codes = request.headers.get(_VERSION_HEADER, "") >= _VERSION
        shape = (
            {"code": error.code, "message": error.message}
            if knows_codes
            else {"code": error.status, "error_code": error.code, "msg": error.message}
        )
        response = JSONResponse(shape, error.status)
    response.headers["Cache-Control"] = "no-store"
    response.headers[_VERSION_HEADER] = _VERSION
    return response


def _require_loopback(request: Request) -> None:
    if not is_loopback(request.headers.get("host", "")):
        raise Refused(403, "development_only", "The development sign-in is reached by localhost only")


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise Refused(400, "bad_json", "Could not parse request body as JSON") from error
    if not isinstance(body, dict):
        raise Refused(400, "bad_json", "Could not parse request body as JSON")
    return cast("dict[str, Any]", body)


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(400, "validation_failed", f"{name} is required")
    return value


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refused(401, "no_authorization", "This endpoint requires a valid Bearer token")
    return token.strip()


def _next_of(request: Request, url: str) -> str:
    """Give what the link carries on: where to go afterwards, when that is an address of this plane."""
    target = urlsplit(request.query_params.get("redirect_to", ""))
    if not target.path or (target.netloc and f"{target.scheme}://{target.netloc}" != url):
        return ""
    return "&next=" + quote(target.path + (f"?{target.query}" if target.query else ""), safe="")
