"""A PostgREST of our own, for functions only: what its documentation says about roles, errors and transactions.

Sources: PostgREST's reference, pages "Functions as RPC", "Errors", "Transactions", "Database authorization".
A token in Authorization is verified by the configured key set, and its role is taken (page "Authentication").
In front stands the check of the `apikey` header that Supabase's gateway makes.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import jwt
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

    from starlette.requests import Request

SCHEMA = "api"
ANONYMOUS = "anon"
HOISTED = ("statement_timeout", "lock_timeout")
STATUS_BY_CODE = {
    "23503": 409,
    "23505": 409,
    "25006": 405,
    "42501": 401,
    "42883": 404,
    "42P01": 404,
    "42P17": 500,
    "53400": 500,
    "57P01": 503,
    "P0001": 400,
}
STATUS_BY_CLASS = {
    "08": 503,
    "09": 500,
    "0L": 403,
    "0P": 403,
    "25": 500,
    "28": 403,
    "2D": 500,
    "38": 500,
    "39": 500,
    "3B": 500,
    "40": 500,
    "53": 503,
    "54": 500,
    "55": 500,
    "57": 500,
    "58": 500,
    "F0": 500,
    "HV": 500,
    "P0": 500,
    "XX": 500,
}


class RpcServer:
    """Answers POST /rest/v1/rpc/<function>."""

    def __init__(self, login_url: str, publishable_key: str, jwks: dict[str, Any] | None = None) -> None:
        self._login_url = login_url
        self._key = publishable_key
        self._jwks = jwt.PyJWKSet.from_dict(jwks) if jwks else None
        self._pool: Any = None

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/rest/v1/rpc/{name}", self.call, methods=["POST"])], lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        self._pool = await asyncpg.create_pool(self._login_url, min_size=0, max_size=10, timeout=3)
        yield
        self._pool.terminate()

    async def call(self, request: Request) -> Response:
        if request.headers.get("apikey") != self._key:
            return JSONResponse({"message": "Invalid API key", "hint": "Double check your API key."}, 401)
        claims: dict[str, Any] = {"role": ANONYMOUS}
        if "authorization" in request.headers:
            try:
                claims = self._verified(request.headers["authorization"])
            except jwt.ExpiredSignatureError:
                return _problem(401, "PGRST303", "JWT expired")
            except (jwt.InvalidTokenError, KeyError) as error:
                return _problem(401, "PGRST301", "No suitable key or wrong key type", details=str(error))
        profile = request.headers.get("content-profile", SCHEMA)
        if profile != SCHEMA:
            return _problem(
                406, "PGRST106", f"Invalid schema: {profile}", hint=f"Only the following schemas are exposed: {SCHEMA}"
            )
        body = await request.body()
        try:
            arguments = json.loads(body)
        except ValueError:
            return _problem(400, "PGRST102", "Empty or invalid json")
        return await self._in_transaction(request.path_params["name"], arguments, body.decode(), claims)

    def _verified(self, authorization: str) -> dict[str, Any]:
        """Give the claims of a token that one of the keys has signed; `jwt-aud` is not set, as on Supabase."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or self._jwks is None:
            raise jwt.InvalidTokenError("no key")
        key = self._jwks[str(jwt.get_unverified_header(token).get("kid"))]
        claims = jwt.decode(token, key, algorithms=[key.algorithm_name], options={"verify_aud": False})
        return {"role": ANONYMOUS, **claims}

    async def _in_transaction(
        self, name: str, arguments: dict[str, Any], body: str, claims: dict[str, Any]
    ) -> Response:
        try:
            connection = await self._pool.acquire(timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            return _problem(503, "PGRST000", "Could not connect with the database", details=str(error))
        try:
            function = await self._find(connection, name, set(arguments))
            if function is None:
                shown = f"{SCHEMA}.{name}({', '.join(sorted(arguments))})"
                return _problem(404, "PGRST202", f"Could not find the function {shown} in the schema cache")
            async with connection.transaction():
                answer = await self._run(connection, function, arguments, body, claims)
                return Response(answer, media_type="application/json")
        except asyncpg.PostgresError as error:
            return _refusal(error)
        except (OSError, asyncpg.InterfaceError) as error:
            return _problem(503, "PGRST001", "Database client error", details=str(error))
        finally:
            await self._pool.release(connection)

    async def _find(self, connection: Any, name: str, given: set[str]) -> Any:
        candidates = await connection.fetch(
            """
            select p.proname as name, p.proargnames as names, p.pronargdefaults as defaults, p.proconfig as settings,
              array(select t::regtype::text from unnest(p.proargtypes) as t) as types
            from pg_catalog.pg_proc as p
            where p.pronamespace = to_regnamespace($1) and p.proname = $2
            """,
            *(SCHEMA, name),
        )
        for function in candidates:
            names = function["names"] or []
            required = names[: len(names) - function["defaults"]]
            if given <= set(names) and set(required) <= given:
                return function
        return None

    async def _run(
        self, connection: Any, function: Any, arguments: dict[str, Any], body: str, claims: dict[str, Any]
    ) -> str:
        settings = dict(each.split("=", 1) for each in function["settings"] or [])
        wanted = {"role": claims["role"], "request.jwt.claims": json.dumps(claims), "search_path": f'"{SCHEMA}"'}
        wanted |= {name: settings[name] for name in HOISTED if name in settings}
        for name, value in wanted.items():
            await connection.execute("select set_config($1, $2, true)", name, value)
        types = dict(zip(function["names"] or [], function["types"], strict=True))
        named = ", ".join(f'"{name}" := given."{name}"' for name in arguments)
        if not named:
            return str(await connection.fetchval(f'select to_jsonb({SCHEMA}."{function["name"]}"())'))
        record = ", ".join(f'"{name}" {types[name]}' for name in arguments)
        answer = await connection.fetchval(
            f'select to_jsonb({SCHEMA}."{function["name"]}"({named})) from json_to_record($1) as given({record})', body
        )
        return "null" if answer is None else str(answer)


def _refusal(error: Any) -> JSONResponse:
    code, message = str(error.sqlstate), str(error.message)
    if code.startswith("PT") and code[2:].isdecimal():
        return _problem(int(code[2:]), code, message, details=error.detail, hint=error.hint)
    if code == "PGRST":
        told, how = json.loads(message), json.loads(error.detail)
        return JSONResponse(
            {name: told.get(name) for name in ("code", "message", "details", "hint")}, how["status"], how.get("headers")
        )
    status = STATUS_BY_CODE.get(code) or STATUS_BY_CLASS.get(code[:2], 400)
    return _problem(status, code, message, details=error.detail, hint=error.hint)


def _problem(
    status: int, code: str, message: str, *, details: str | None = None, hint: str | None = None
) -> JSONResponse:
    return JSONResponse(
        {"code": code, "message": message, "details": details, "hint": hint},
        status,
        {"Proxy-Status": f"PostgREST; error={code}"},
    )


@contextmanager
def serve_rpc(login_url: str, publishable_key: str, jwks: dict[str, Any] | None = None) -> Generator[str]:
    """Give the REST address of a server that runs in a thread of its own and trusts these keys."""
    app = RpcServer(login_url, publishable_key, jwks).app()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="on"))
    # Only where TCP is named does asyncio turn Nagle's algorithm off; else each answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/rest/v1"
    server.should_exit = True
    thread.join(10)
