"""What belongs to one request and its answer, from the first byte to the last."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

from starlette.requests import Request

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


@dataclass(slots=True)
class Exchange:
    """The trace id of a request, and headers that its answer gets whatever it will be."""

    trace_id: str
    headers: dict[str, str] = field(default_factory=dict[str, str])


def trace_id_of(traceparent: str | None) -> str:
    """Take over the caller's W3C trace id, or start a new one."""
    match = _TRACEPARENT.fullmatch((traceparent or "").strip().lower())
    return match[1] if match else secrets.token_hex(16)


def exchange_of(request: Request) -> Exchange:
    """Give the exchange that the edge opened for this request."""
    exchange: Exchange = request.scope["state"]["exchange"]
    return exchange
