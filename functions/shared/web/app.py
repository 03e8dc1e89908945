"""Makes an app of routers, and a Lambda handler of an app. The only module that knows Mangum."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from mangum import Mangum

from functions.shared.config import settings
from functions.shared.errors import PlaneError
from functions.shared.log import configure_logging, logger
from functions.shared.web import discovery
from functions.shared.web.connection import close_database, open_database, open_tokens, settings_of
from functions.shared.web.edge import Edge
from functions.shared.web.openapi import openapi_of
from functions.shared.web.plain_route import PlainRoute, PlainRouter
from functions.shared.web.problem_codes import PROBLEMS
from functions.shared.web.problems import MEDIA_TYPE, add_problem_handlers
from functions.shared.web.route import PlaneRoute

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractAsyncContextManager

    from fastapi import APIRouter

    from functions.shared.auth.tokens import TokenVerifier
    from functions.shared.db.port import Database
    from functions.shared.dispatch.doorbell import Doorbell

VERSION = "0.1.0"
_log = logger("web")
_TEXT_TYPES = [
    "text/",
    "application/json",
    "application/x-ndjson",
    "application/problem+json",
    "application/schema+json",
]


def create_app(
    name: str,
    *routers: APIRouter | PlainRouter,
    doorbell: Doorbell | None = None,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    """Make the app of one function, or of all of them. Importing it needs no environment and opens nothing.

    The database opens with the first request that needs it, from the settings; `app.state.database` may be set before.
    `lifespan` runs inside the app's own, which closes the database at the end.
    Raises TypeError when a route names no scope and is not public.
    """

    @asynccontextmanager
    async def live(app: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(close_database, app)
            if lifespan is not None:
                await stack.enter_async_context(lifespan(app))
            yield

    app = FastAPI(
        title="AgentPlane" if name == "local" else f"AgentPlane {name}",
        version=VERSION,
        lifespan=live,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
    )
    app.state.name = name
    app.state.home = ""  # where browsers go from /
    app.state.database = None
    app.state.database_lock = asyncio.Lock()
    app.state.open_database = _open_from_settings
    app.state.tokens = None
    app.state.open_tokens = _tokens_from_settings
    app.state.doorbell = doorbell
    app.state.rates = None
    app.state.strangers = None
    app.state.signing_keys = None
    app.state.settings = None
    app.state.wake = None
    app.openapi = lambda: openapi_of(app)
    for router in (*routers, discovery.router):
        _check(router)
        # Not include_router: it nests, and looks at every route of a router twice to find one.
        app.router.routes.extend(router.routes)
    add_problem_handlers(app)
    app.add_middleware(Edge)
    return app


class LambdaHandler:
    """Calls an app with API Gateway events. One event loop for the life of the process, so connections stay open.

    Settings that cannot be read are a problem of each event until they can.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._adapter: Mangum | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401  the runtime's own type
        try:
            known = settings_of(self._app)
        except PlaneError as error:
            return _not_ready(error, event)
        if self._adapter is None:
            if known.stage:
                configure_logging(known.log_level)
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
            self._adapter = Mangum(self._app, lifespan="off", text_mime_types=_TEXT_TYPES)
        return self._adapter(event, context)

    def close(self) -> None:
        """Close the database and the loop."""
        if self._loop is not None:
            self._loop.run_until_complete(close_database(self._app))
            self._loop.close()
            asyncio.set_event_loop(None)
            self._adapter = self._loop = None


def _not_ready(error: PlaneError, event: dict[str, Any]) -> dict[str, Any]:
    """Answer before there is an app to answer: it could not even say where its problems are explained."""
    _log.error("the settings cannot be read: %s %s", error.detail, error.hint or "", extra={"code": error.code})
    page = PROBLEMS.get(error.code)
    document = {
        "type": f"/problems/{error.code}",
        "title": page.title if page else error.code,
        "status": error.status,
        "detail": error.detail,
        "instance": event.get("rawPath", ""),
        "code": error.code,
        "retryable": error.retryable,
        "hint": error.hint,
    }
    return {
        "statusCode": error.status,
        "headers": {"content-type": MEDIA_TYPE, "cache-control": "no-store"},
        "body": json.dumps(document),
        "isBase64Encoded": False,
    }


def lambda_handler(app: FastAPI) -> LambdaHandler:
    """Give the handler that Lambda calls."""
    return LambdaHandler(app)


async def _open_from_settings() -> Database:
    return await open_database(settings())


def _tokens_from_settings() -> TokenVerifier | None:
    return open_tokens(settings())


def _check(router: APIRouter | PlainRouter) -> None:
    for route in router.routes:
        if not isinstance(route, (PlaneRoute, PlainRoute)):
            raise TypeError(f"{getattr(route, 'path', route)} must be a route of a PlaneRouter or a PlainRouter")
