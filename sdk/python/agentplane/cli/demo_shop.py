"""The shop that the demo's workflow talks to: a real HTTP server on loopback that counts what it was asked to do."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LOOKUP_SECONDS = 1.5
ORDERS: dict[str, dict[str, Any]] = {
    "A-1001": {"id": "A-1001", "charge": "ch_77", "amount": 120, "item": "espresso machine"},
    "A-1002": {"id": "A-1002", "charge": "ch_77", "amount": 120, "item": "espresso machine"},
}


class Shop:
    """Serves `/policy`, `/orders/{id}` and `POST /refunds` until it is closed."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.refunds: dict[str, dict[str, Any]] = {}  # by Idempotency-Key: a repeated call is the same refund
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, key: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Do what was asked; gives status and body."""
        self.calls[f"{method} {path}"] += 1
        if path == "/policy":
            return 200, {"free_limit": 20, "currency": "USD"}
        if path.startswith("/orders/"):
            time.sleep(LOOKUP_SECONDS)
            order = ORDERS.get(path.removeprefix("/orders/"))
            return (200, order) if order else (404, {"error": "no such order"})
        if (method, path) == ("POST", "/refunds"):
            refund = self.refunds.setdefault(key, {"id": f"r{len(self.refunds) + 1}", "amount": body.get("amount")})
            return 201, refund
        return 404, {"error": "no such thing"}


def _handler_for(shop: Shop) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply("GET")

        def do_POST(self) -> None:
            self._reply("POST")

        def _reply(self, method: str) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            sent = json.loads(self.rfile.read(length)) if length else {}
            status, body = shop.answer(method, self.path, self.headers.get("Idempotency-Key", ""), sent)
            content = json.dumps(body).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except ConnectionError:
                self.close_connection = True  # the plane that asked was killed, as planned

        def log_message(self, format: str, *args: object) -> None:
            """Keep the demo's output clean."""

    return Handler
