"""What a deployment talks to, by its wire protocols: a Supabase project, Lambda's control plane, a mail server."""

from __future__ import annotations

import asyncio
import json
import re
import socketserver
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.contract.rpc_server import RpcServer
from tests.people import SigningKey

if TYPE_CHECKING:
    from collections.abc import Generator

    from starlette.requests import Request

PUBLISHABLE_KEY = "sb_publishable_0123456789_deploy"


@dataclass
class Project:
    """A Supabase project: the doors over a real database, and what Auth tells of itself. `asked`: what it was."""

    url: str = ""
    status: int = 200
    exposed: tuple[str, ...] = ("api",)
    auth: dict[str, Any] = field(default_factory=lambda: {"external": {"email": True}, "mailer_autoconfirm": False})
    keys: list[dict[str, Any]] = field(default_factory=lambda: [SigningKey("one").public])
    asked: list[str] = field(default_factory=list)


@contextmanager
def serve_project(login_url: str) -> Generator[Project]:
    """Serve a project in a thread of its own."""
    project = Project()
    rpc = RpcServer(login_url, PUBLISHABLE_KEY)

    async def call(request: Request) -> Any:
        project.asked.append(f"{request.method} {request.url.path}")
        profile = request.headers.get("content-profile", "")
        if profile not in project.exposed:
            hint = f"Only the following schemas are exposed: {', '.join(project.exposed)}"
            told = {"code": "PGRST106", "message": f"Invalid schema: {profile}", "details": None, "hint": hint}
            return JSONResponse(told, 406)
        return await rpc.call(request)

    async def tell(request: Request) -> Any:
        project.asked.append(f"{request.method} {request.url.path}")
        match request.path_params["what"]:
            case "health":
                return JSONResponse({"name": "GoTrue"}, project.status)
            case "settings":
                return JSONResponse(project.auth)
            case _:
                return JSONResponse({"keys": project.keys})

    routes = [
        Route("/rest/v1/rpc/{name}", call, methods=["POST"]),
        Route("/auth/v1/{what:path}", tell),
    ]
    app = Starlette(routes=routes, lifespan=rpc._lifespan)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="on"))
    thread = threading.Thread(target=asyncio.run, args=(server.serve(),), daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    project.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield project
    server.should_exit = True
    thread.join(10)


@dataclass
class LambdaAccount:
    """Lambda's control plane, for what moto does not answer. `changed`: whose description was, in order."""

    url: str = ""
    concurrency: int = 1000
    unreserved: int = 1000
    deployed: set[str] = field(default_factory=set)
    changed: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        self.asked.append(f"{method} {path}")
        if path.startswith("/2016-08-19/account-settings"):
            limits = {"ConcurrentExecutions": self.concurrency, "UnreservedConcurrentExecutions": self.unreserved}
            return 200, {"AccountLimit": limits, "AccountUsage": {}}
        match = re.search(r"/functions/([^/]+)/(\w+)", path)
        assert match, path
        name, what = match[1], match[2]
        if name not in self.deployed:
            return 404, {"Type": "User", "Message": f"Function not found: {name}"}
        if method == "PUT" and what == "configuration":
            self.changed.append(name)
        return 200, {"FunctionName": name, "LastUpdateStatus": "Successful", "ReservedConcurrentExecutions": 10}


@contextmanager
def serve_lambda() -> Generator[LambdaAccount]:
    """Serve the account on a loopback address."""
    account = LambdaAccount()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, told = account.answer(self.command, self.path)
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if status == 404:
                self.send_header("x-amzn-ErrorType", "ResourceNotFoundException")
            self.end_headers()
            self.wfile.write(body)

        do_PUT = do_GET  # noqa: N815  http.server's names

        def log_message(self, *_args: object) -> None: ...

    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Answer)) as port:
        account.url = f"http://127.0.0.1:{port}"
        yield account


@dataclass
class MailServer:
    """A mail server that lets `post` in with the password `right`. `mails`: how many it was given."""

    port: int = 0
    mails: int = 0


@contextmanager
def serve_mail() -> Generator[MailServer]:
    """Serve SMTP on a loopback address."""
    mail = MailServer()

    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 here")
            for line in self.rfile:
                word = line.decode().strip().upper()
                if word.startswith("EHLO"):
                    self.say("250-here\r\n250 AUTH PLAIN")
                elif word.startswith("AUTH PLAIN"):
                    is_right = line.decode().strip().split()[2] == "AHBvc3QAcmlnaHQ="  # \0post\0right
                    self.say("235 welcome" if is_right else "535 no")
                elif word.startswith("QUIT"):
                    self.say("221 bye")
                    return
                else:
                    mail.mails += word.startswith("DATA")
                    self.say("502 no")

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with _serving(Server(("127.0.0.1", 0), Answer)) as port:
        mail.port = port
        yield mail


@contextmanager
def _serving(server: socketserver.BaseServer) -> Generator[int]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
