"""Which pages of other origins may call the API from a browser: none, unless the settings name them.

Only with a key or a token in the Authorization header: cookies are not sent along, so no page acts as who is signed in.
https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.datastructures import Headers

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
SENT = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, Traceparent, "
    "AgentPlane-Agent, AgentPlane-Organisation, Content-Digest, Signature, Signature-Input"
)
SHOWN = (
    "AgentPlane-Agent, ETag, Idempotency-Replayed, Link, Location, Preference-Applied, RateLimit, RateLimit-Policy, "
    "Retry-After, WWW-Authenticate, X-Trace-Id"
)
REMEMBERED_S = 600


def cors_headers(headers: Headers, origins: Sequence[str]) -> dict[str, str]:
    """Give what lets the page that asks read the answer; nothing for pages that may not."""
    if not origins:
        return {}
    origin = headers.get("origin")
    if origin is None or not ("*" in origins or origin in origins):
        return {"Vary": "Origin"}
    allowed = "*" if "*" in origins else origin
    return {"Access-Control-Allow-Origin": allowed, "Access-Control-Expose-Headers": SHOWN, "Vary": "Origin"}


def is_preflight(method: str, headers: Headers) -> bool:
    """Tell whether a browser asks beforehand what a page may send."""
    return method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def preflight_headers(headers: Headers, origins: Sequence[str]) -> dict[str, str]:
    """Give what a page may send: answered before any key is asked for, because browsers send none here."""
    allowed = cors_headers(headers, origins)
    if "Access-Control-Allow-Origin" not in allowed:
        return allowed
    del allowed["Access-Control-Expose-Headers"]
    return {
        **allowed,
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": SENT,
        "Access-Control-Max-Age": str(REMEMBERED_S),
    }
