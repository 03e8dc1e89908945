"""The http step: one request, its status checked, its answer as data."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

import httpx
from pydantic import TypeAdapter, ValidationError

from functions.shared.dsl.kinds import Auth, Http, SecretHeader
from functions.shared.jsonvalue import Json, JsonObject, parse_json
from functions.shared.steps.base import Context, Done, StepFailed
from functions.shared.steps.config import read_config
from functions.shared.steps.fetch import Fetched, Outgoing, check_headers, fetch, parse_url, retry_after, shown
from functions.shared.steps.redaction import Secrets

_SECRET_HEADER = TypeAdapter(SecretHeader)
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 520, 521, 522, 523, 524, 529})
_BAD = 400
_SHOWN_BODY = 2_000


async def run_http(config: JsonObject, context: Context) -> Done:
    """Give `{status, headers, body}`; the body is JSON when the answer says so, else text.

    Without `expect` every status below 400 is good. Any other fails with `http_status`.
    """
    spec = read_config(Http, config)
    headers = _headers(spec.headers, context)
    if spec.auth is not None:
        headers["authorization"] = authorization(spec.auth, context)
    headers.setdefault("idempotency-key", context.idempotency_key)
    content = _content(spec, config, headers)
    check_headers(headers)
    secret = frozenset(name.lower() for name, value in spec.headers.items() if isinstance(value, dict))
    request = Outgoing(spec.method, with_query(parse_url(spec.url), spec.query), headers, content, secret)
    answer = await fetch(request, context.http, timeout_s=context.timeout_s)
    body = body_of(answer)
    is_good = answer.status in spec.expect.status if spec.expect else answer.status < _BAD
    details: JsonObject = {"status": answer.status, "redirects": answer.redirects, "bytes": len(answer.body)}
    if not is_good:
        raise _refused(request, answer, body, details)
    return Done({"status": answer.status, "headers": dict(answer.headers), "body": body}, details=details)


def authorization(auth: Auth, context: Context) -> str:
    """Give the value of the Authorization header."""
    if auth.bearer is not None:
        return f"Bearer {context.secrets(auth.bearer)}"
    if auth.basic is None:
        raise StepFailed("invalid_config", "`auth` needs `bearer` or `basic`.")
    password = context.secrets(auth.basic.password)
    pair = base64.b64encode(f"{auth.basic.username}:{password}".encode()).decode()
    if isinstance(context.secrets, Secrets):
        context.secrets.remember(auth.basic.password, pair)
    return f"Basic {pair}"


def refuse_status(request: Outgoing, answer: Fetched) -> None:
    """Raise StepFailed `http_status` for a status of 400 and above."""
    if answer.status >= _BAD:
        raise _refused(request, answer, body_of(answer), {"status": answer.status, "redirects": answer.redirects})


def with_query(url: httpx.URL, query: Json) -> httpx.URL:
    """Add query parameters: a list repeats its name, null leaves it out, a boolean is true or false."""
    if not isinstance(query, dict):
        raise StepFailed("invalid_config", f"`query` is an object, not {type(query).__name__}.")
    pairs: list[tuple[str, str]] = []
    for name, value in query.items():
        pairs += [
            (name, _parameter(name, item))
            for item in (value if isinstance(value, list) else [value])
            if item is not None
        ]
    if not pairs:
        return url
    params = url.params
    for name, value in pairs:
        params = params.add(name, value)
    return url.copy_with(params=params)


def body_of(answer: Fetched) -> Json:
    """Give parsed JSON when the answer says that it is JSON and it is; else the text."""
    is_json = answer.media_type == "application/json" or answer.media_type.endswith("+json")
    if is_json and answer.body:
        try:
            return parse_json(answer.body.decode("utf-8"))
        except ValueError:
            return answer.text
    return None if is_json else answer.text


def _parameter(name: str, value: Json) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return json.dumps(value)
        case _:
            raise StepFailed("invalid_config", f"`query.{name}` is text, a number, a boolean or a list of those.")


def _headers(given: Mapping[str, Json], context: Context) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in given.items():
        match value:
            case str():
                headers[name.lower()] = value
            case dict():
                headers[name.lower()] = _secret_header(name, value, context)
            case None | list():
                raise StepFailed("invalid_config", f"`headers.{name}` is text or {{secret: NAME}}.")
            case _:
                headers[name.lower()] = json.dumps(value)
    return headers


def _secret_header(name: str, value: JsonObject, context: Context) -> str:
    try:
        header = _SECRET_HEADER.validate_python(value)
    except ValidationError:
        raise StepFailed("invalid_config", f"`headers.{name}` is text or {{secret: NAME, prefix?: text}}.") from None
    return f"{header.prefix}{context.secrets(header.secret)}"


def _content(spec: Http, config: JsonObject, headers: dict[str, str]) -> bytes | None:
    if "json" in config and spec.body is not None:
        raise StepFailed("invalid_config", "`json` and `body` exclude each other.")
    if "json" in config:
        headers.setdefault("content-type", "application/json")
        return json.dumps(config["json"], ensure_ascii=False, separators=(",", ":")).encode()
    if spec.body is not None:
        headers.setdefault("content-type", "text/plain; charset=utf-8")
        return spec.body.encode()
    return None


def _refused(request: Outgoing, answer: Fetched, body: Json, details: JsonObject) -> StepFailed:
    phrase = httpx.codes.get_reason_phrase(answer.status)
    said = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return StepFailed(
        "http_status",
        f"{request.method} {shown(request.url)} answered {answer.status} {phrase}".rstrip() + ".",
        retryable=answer.status in _TRANSIENT,
        retry_after=retry_after(answer.headers),
        details={**details, "body": said[:_SHOWN_BODY]},
    )
