"""Cards of A2A agents, served by a real server, and signed by real keys."""

from __future__ import annotations

import base64
import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt import PyJWS
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

CARD: Json = {
    "name": "Route Planner",
    "description": "Plans routes.",
    "version": "1.2.0",
    "supportedInterfaces": [
        {"url": "https://routes.example.com/a2a", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
    ],
    "capabilities": {"streaming": False, "extensions": []},
    "defaultInputModes": ["text/plain"],
    "defaultOutputModes": ["text/plain"],
    "skills": [
        {"id": "plan-route", "name": "Plan a route", "description": "By traffic.", "tags": ["maps"], "examples": []}
    ],
    "iconUrl": "",
}


class Site:
    """What an address of an agent serves: paths with a status, a body and headers. `asked`: what was asked for."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.pages: dict[str, tuple[int, bytes, Json]] = {}
        self.asked: list[str] = []

    def put(self, path: str, body: object, status: int = 200, **headers: str) -> None:
        self.pages[path] = (status, body if isinstance(body, bytes) else json.dumps(body).encode(), headers)

    def card(self, card: Json) -> None:
        self.put("/.well-known/agent-card.json", card)


@contextmanager
def serving() -> Iterator[Site]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    site = Site(f"http://127.0.0.1:{port}")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            status, body, headers = site.pages.get(self.path, (404, b"not here", {}))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Signer:
    """A key pair with a name."""

    def __init__(self, algorithm: str = "ES256", key_id: str = "key-1") -> None:
        self.algorithm, self.key_id = algorithm, key_id
        self._key: Any = (
            rsa.generate_private_key(65537, 2048) if algorithm == "RS256" else ec.generate_private_key(ec.SECP256R1())
        )

    def jwk(self, **more: Any) -> Json:
        kind: Any = RSAAlgorithm if self.algorithm == "RS256" else ECAlgorithm
        return {**json.loads(kind.to_jwk(self._key.public_key())), "kid": self.key_id, **more}

    def sign(self, card: Json, *, payload: Json | None = None, **header: Any) -> Json:
        """Give the card with one more signature, over the card as the protocol asks for it."""
        headers = {"typ": "JOSE", "kid": self.key_id, **header}
        compact = PyJWS().encode(rfc8785.dumps(payload or without_defaults(card)), self._key, self.algorithm, headers)
        protected, _, signature = compact.split(".")
        kept = card.get("signatures", [])
        return {**card, "signatures": [*kept, {"protected": protected, "signature": signature}]}


def without_defaults(card: Json) -> Json:
    """The fields of CARD that a signer of A2A 1.0 signs, written out by hand."""
    skill = {name: card["skills"][0][name] for name in ("id", "name", "description", "tags")}
    bare = {name: value for name, value in card.items() if name not in ("signatures", "iconUrl")}
    return {**bare, "capabilities": {"streaming": False}, "skills": [skill]}


def unsigned_token(card: Json) -> Json:
    """Give the card with a signature of algorithm none."""
    header = base64.urlsafe_b64encode(b'{"alg":"none","kid":"key-1"}').rstrip(b"=").decode()
    return {**card, "signatures": [{"protected": header, "signature": ""}]}
