"""API Gateway's HTTP API, payload format 2.0: a request as an event, and a handler's answer as a response."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.local_lambda.route_table import Found
    from functions.shared.jsonvalue import Json, JsonObject

STAGE = "$default"
API_ID = "local"
ACCOUNT = "123456789012"
_TEXTS = ("application/json", "application/xml", "application/javascript")
_GATEWAYS_OWN = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "content-length"}
)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it came in. `path` and `query` as they were sent."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    address: str
    protocol: str = "HTTP/1.1"


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What the caller gets."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class NotAnAnswer(Exception):
    """The handler gave what API Gateway cannot send; it says 500."""


def plain_path(path: str) -> str:
    """Give the path as events carry it: decoded, and ended where a decoded `?` stands, as the real gateway does."""
    return unquote(path).partition("?")[0] or "/"


def event_of(request: HttpRequest, found: Found, trace: str) -> JsonObject:
    """Give the event."""
    now = time.time()
    path = plain_path(request.path)
    headers = _joined(request.headers)
    cookies = headers.pop("cookie", None)
    headers["x-amzn-trace-id"] = trace
    headers.setdefault("content-length", str(len(request.body)))
    headers.setdefault("x-forwarded-for", request.address)
    headers.setdefault("x-forwarded-proto", "http")
    event: JsonObject = {
        "version": "2.0",
        "routeKey": found.route.key,
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": cast("JsonObject", headers),
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": API_ID,
            "domainName": headers.get("host", "localhost"),
            "domainPrefix": API_ID,
            "http": {
                "method": request.method,
                "path": path,
                "protocol": request.protocol,
                "sourceIp": request.address,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": str(uuid4()),
            "routeKey": found.route.key,
            "stage": STAGE,
            "time": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = [part.strip() for part in cookies.split(";")]
    if request.query:
        event["queryStringParameters"] = _query(request.query)
    if found.parameters:
        event["pathParameters"] = cast("JsonObject", found.parameters)
    if request.body:
        event |= _body(request.body, headers.get("content-type", ""))
    return event


def response_of(answer: bytes) -> HttpResponse:
    """Give the response that a handler's answer means. Raises NotAnAnswer."""
    try:
        known: Json = json.loads(answer)
    except ValueError as error:
        raise NotAnAnswer("it is not JSON") from error
    if not isinstance(known, dict) or "statusCode" not in known:  # format 2.0: anything else is the body of a 200
        return HttpResponse(200, [("content-type", "application/json")], answer)
    try:
        status = int(cast("Any", known["statusCode"]))
        text = str(known.get("body") or "")
        body = base64.b64decode(text, validate=True) if known.get("isBase64Encoded") else text.encode()
        given = cast("dict[str, Any]", known.get("headers") or {})
        headers = [(name.lower(), str(value)) for name, value in given.items()]
        headers += [("set-cookie", str(cookie)) for cookie in cast("list[Any]", known.get("cookies") or [])]
    except (TypeError, ValueError, AttributeError) as error:
        raise NotAnAnswer(str(error)) from error
    return HttpResponse(status, [pair for pair in headers if pair[0] not in _GATEWAYS_OWN], body)


def said(status: int, message: str) -> HttpResponse:
    """Give an answer of the gateway itself."""
    return HttpResponse(status, [("content-type", "application/json")], json.dumps({"message": message}).encode())


def _joined(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        separator = "; " if key == "cookie" else ","
        joined[key] = f"{joined[key]}{separator}{value}" if key in joined else value
    return joined


def _query(query: str) -> JsonObject:
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    return {name: ",".join(several) for name, several in values.items()}


def _body(body: bytes, content_type: str) -> JsonObject:
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("text/") or kind in _TEXTS:
        try:
            return {"body": body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
