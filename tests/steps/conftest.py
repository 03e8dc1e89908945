"""A simulator of model providers, a web server to call, and contexts for steps. All on loopback, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from functions.shared import aws
from functions.shared.errors import NotFound
from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.sandbox import close_sandbox
from functions.shared.simulator import Simulator
from functions.shared.steps.base import Context, HttpPolicy, StepFailed
from functions.shared.steps.llm import close_models


@dataclass
class RecordedEffects:
    """State and events in memory, each act once by its key, as the database does it."""

    values: dict[str, Json] = field(default_factory=dict)
    acts: list[tuple[str, JsonObject, str]] = field(default_factory=list)
    answers: dict[str, Json] = field(default_factory=dict)

    async def act(self, verb: str, payload: JsonObject, *, idempotency_key: str) -> Json:
        self.acts.append((verb, payload, idempotency_key))
        if idempotency_key not in self.answers:
            self.answers[idempotency_key] = self._do(verb, payload)
        return self.answers[idempotency_key]

    def _do(self, verb: str, payload: JsonObject) -> Json:
        key = f"{payload.get('component')}/{payload.get('key')}"
        value = self.values.get(key)
        match verb:
            case "publish_event":
                return {"id": f"e{len(self.acts)}", "due": []}
            case "get_state":
                if key not in self.values:
                    raise NotFound("no such state")
            case "put_state":
                value = payload["value"]
            case "increment_state":
                value = (value or 0) + payload["by"]
            case "append_state":
                value = [*(value or []), payload["value"]][-int(payload.get("max_length", 1000)) :]
        self.values[key] = value
        return {"component": payload["component"], "key": payload["key"], "value": value, "version": 1}


@dataclass
class Target:
    """A web server of the world outside, and what it was asked."""

    port: int
    requests: list[dict[str, Any]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh_script(request: pytest.FixtureRequest) -> None:
    if "simulator" in request.fixturenames:
        request.getfixturevalue("simulator").script.load([])


@pytest.fixture(scope="session")
def target_server() -> Iterator[Target]:
    seen: list[dict[str, Any]] = []
    server = uvicorn.Server(
        uvicorn.Config(_target_app(seen), port=0, log_level="critical", lifespan="off", access_log=False, ws="none")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    yield Target(server.servers[0].sockets[0].getsockname()[1], seen)
    server.should_exit = server.force_exit = True
    thread.join(timeout=5)


@pytest.fixture
def target(target_server: Target) -> Target:
    target_server.requests.clear()
    return target_server


@pytest.fixture
def effects() -> RecordedEffects:
    return RecordedEffects()


@pytest.fixture
def context(request: pytest.FixtureRequest, effects: RecordedEffects) -> Callable[..., Context]:
    """Give contexts. Everything on loopback is allowed unless `http` says otherwise."""

    def make(**changes: Any) -> Context:
        environment: dict[str, str] = {}
        if "simulator" in request.fixturenames:
            environment = request.getfixturevalue("simulator").environment
        given = {
            "execution_id": "0195d6f0-0000-7000-8000-000000000001",
            "path": "step",
            "attempt": 1,
            "idempotency_key": "key-1",
            "models": {"default": "openai/gpt-4o-mini"},
            "secrets": _secret,
            "timeout_s": 10.0,
            "budget_usd": None,
            "effects": effects,
            "http": HttpPolicy(allow_private=frozenset({"127.0.0.1", "localhost"})),
            "environment": environment,
        }
        return Context(**{**given, **changes})

    return make


@dataclass(frozen=True)
class LambdaService:
    """Answers Invoke in a process of its own: see lambda_service.py."""

    address: str

    def invoked(self, function: str) -> int:
        return httpx.get(f"{self.address}/counts").json().get(function, 0)


@pytest.fixture(scope="session")
def _lambda_process() -> Iterator[LambdaService]:
    folder = Path(__file__).parent
    command = [sys.executable, str(folder / "lambda_service.py")]
    environment = {"PYTHONPATH": str(folder.parents[1]), "PATH": os.environ["PATH"]}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield LambdaService(f"http://127.0.0.1:{int(process.stdout.readline())}")
        process.kill()


@pytest.fixture(scope="module")
def lambda_service(_lambda_process: LambdaService) -> Iterator[LambdaService]:
    """Have AWS answered by it, as AWS's own variables say."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_LAMBDA", _lambda_process.address)
        patch.setenv("AWS_REGION", "eu-central-1")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        aws.forget_clients()
        yield _lambda_process
    aws.forget_clients()


@pytest_asyncio.fixture(scope="session", loop_scope="session", autouse=True)
async def _closed_at_the_end() -> AsyncIterator[None]:
    yield
    await close_sandbox()
    await close_models()


def _secret(name: str) -> str:
    secrets = {"API_TOKEN": "s3cret/token+value", "PASSWORD": "hunter2-hunter2"}
    if name not in secrets:
        raise StepFailed("secret_missing", f"The secret {name} is not set.")
    return secrets[name]


def _target_app(seen: list[dict[str, Any]]) -> Starlette:  # noqa: C901  one small function a route
    async def note(request: Request) -> bytes:
        body = await request.body()
        seen.append(
            {
                "method": request.method,
                "path": request.url.path,
                "query": request.url.query,
                "headers": dict(request.headers),
                "body": body.decode(),
            }
        )
        return body

    async def echo(request: Request) -> Response:
        body = await note(request)
        return JSONResponse({"method": request.method, "headers": dict(request.headers), "body": body.decode()})

    async def status(request: Request) -> Response:
        await note(request)
        headers = {"Retry-After": request.query_params["after"]} if "after" in request.query_params else {}
        return JSONResponse({"error": "as asked"}, int(request.path_params["code"]), headers)

    async def redirect(request: Request) -> Response:
        await note(request)
        return RedirectResponse(request.query_params["to"], int(request.query_params.get("code", "302")))

    async def loop(request: Request) -> Response:
        await note(request)
        return RedirectResponse("/loop")

    async def text(request: Request) -> Response:
        await note(request)
        return Response("caf\u00e9".encode("latin-1"), media_type="text/plain; charset=latin-1")

    async def bomb(request: Request) -> Response:
        await note(request)
        return Response(gzip.compress(b"\0" * 50_000_000), headers={"Content-Encoding": "gzip"})

    async def endless(request: Request) -> Response:
        await note(request)

        async def parts() -> AsyncIterator[bytes]:
            for _ in range(2_000):
                yield b"x" * 10_000
                await asyncio.sleep(0)

        return StreamingResponse(parts())

    async def slow(request: Request) -> Response:
        await note(request)

        async def parts() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"."
                await asyncio.sleep(0.1)

        return StreamingResponse(parts())

    async def gzipped(request: Request) -> Response:
        await note(request)
        body = gzip.compress(json.dumps({"packed": True}).encode())
        return Response(body, media_type="application/json", headers={"Content-Encoding": "gzip"})

    async def bad_json(request: Request) -> Response:
        await note(request)
        return Response('{"a": NaN}', media_type="application/json")

    async def cookies(request: Request) -> Response:
        await note(request)
        return PlainTextResponse("ok", headers={"Set-Cookie": "session=abc"})

    async def page(request: Request) -> Response:
        await note(request)
        return Response(_PAGE, media_type="text/html")

    async def table(request: Request) -> Response:
        await note(request)
        return Response("id;total\n1;2.50\n2;\n", media_type="text/csv")

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
    return Starlette(
        routes=[
            Route("/echo", echo, methods=methods),
            Route("/status/{code}", status, methods=methods),
            Route("/redirect", redirect, methods=methods),
            Route("/loop", loop),
            Route("/text", text),
            Route("/bomb", bomb),
            Route("/endless", endless),
            Route("/slow", slow),
            Route("/gzipped", gzipped),
            Route("/bad_json", bad_json),
            Route("/cookies", cookies),
            Route("/page", page),
            Route("/table", table),
        ]
    )


_PAGE = """<!doctype html><html><head><title>Refunds &amp; returns</title><style>.x{}</style></head><body>
<nav><a href="/">Home</a></nav><article><h1>Refunds</h1>
<p>You may return everything within thirty days of the day on which you received it, whatever the reason is.</p>
<p>We pay back what you paid, by the way in which you paid, within five working days after the parcel has arrived.</p>
<p>Write to us first: <a href="/contact#form">contact</a>, or read the <a href="https://law.example/act">law</a>.</p>
</article><script>alert("never")</script></body></html>"""
