"""Takes a message from outside: raw bytes, verified, kept, then 202. Nothing of it is believed before that."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

from functions.shared.db import triggers
from functions.shared.errors import InvalidInput, NotFound, Unauthenticated
from functions.shared.sealing import Sealer
from functions.shared.triggers.verification import NotVerified, Scheme, verify
from functions.shared.web.connection import database_of, settings_of, wake_chore
from functions.shared.web.json_body import parse_json
from functions.shared.web.route import PlaneRoute

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from functions.shared.jsonvalue import Json, JsonObject

TOKEN = re.compile(r"hk_[0-9A-Za-z]{40,60}")
MAX_HEADERS, MAX_HEADER_VALUE = 40, 1_000
_NEVER_KEPT = re.compile(r"authorization|cookie|signature|token|secret|api-?key|forwarded-client-cert", re.IGNORECASE)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class RawRoute(PlaneRoute):
    """A public route that reads its body itself, whatever it is, and lets any query parameter pass."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return super(PlaneRoute, self).get_route_handler()  # what FastAPI itself does with a route


def secret_name(hook_id: object) -> str:
    """Name a hook's secret, for sealing."""
    return f"hook:{hook_id}"


async def receive(token: str, request: Request) -> JsonObject:
    """Verify and keep a message: `{id, is_duplicate}`. Raises NotFound, Unauthenticated, InvalidInput."""
    db = await database_of(request.app)
    hook = await triggers.find_hook(db, token) if TOKEN.fullmatch(token) else None
    if hook is None:
        raise _nothing_here()
    sealer = Sealer.from_settings(settings_of(request.app))
    secrets = [sealer.open(hook.org_id, secret_name(hook.hook_id), sealed) for sealed in hook.secrets]
    body = await request.body()
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        verified = verify(cast("Scheme", hook.scheme), hook.verification, secrets, headers, body)
    except NotVerified as refused:
        raise Unauthenticated(
            str(refused), code=refused.code, hint="Sign the raw body with the hook's secret, at the time of sending."
        ) from None
    received = await triggers.receive_message(
        db,
        hook_id=hook.hook_id,
        message_id=verified.message_id,
        headers=kept_headers(headers, {str(hook.verification.get("header", "")).lower()}),
        body=read_body(headers.get("content-type", ""), body),
    )
    if received is None:
        raise _nothing_here()
    await wake_chore(request.app, "triggers")
    return {"id": received["id"], "is_duplicate": not received["is_new"]}


def kept_headers(headers: Mapping[str, str], signatures: Collection[str] = ()) -> JsonObject:
    """Give the headers that may be kept and shown: no credentials, no signatures, whatever their header is called."""
    kept = [(name, value) for name, value in headers.items() if name not in signatures and not _NEVER_KEPT.search(name)]
    return {name[:200]: _UNSTORABLE.sub("\ufffd", value[:MAX_HEADER_VALUE]) for name, value in kept[:MAX_HEADERS]}


def read_body(content_type: str, body: bytes) -> Json:
    """Read JSON, form fields (each as text; `payload` as JSON when it is), or text.

    What is called a form and begins like JSON is JSON when it can be read as that: senders like `curl -d` say nothing.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "application/x-www-form-urlencoded" and not _is_json(body):
        text = body.decode("utf-8", "replace")
        return {_UNSTORABLE.sub("\ufffd", name): _form_value(value) for name, value in parse_qsl(text, True)}
    if media_type.endswith("json") or body[:1] in (b"{", b"["):
        try:
            return parse_json(body)
        except InvalidInput:
            if media_type.endswith("json"):
                raise
    return _UNSTORABLE.sub("\ufffd", body.decode("utf-8", "replace"))


def _is_json(body: bytes) -> bool:
    if body[:1] not in (b"{", b"["):
        return False
    try:
        parse_json(body)
    except InvalidInput:
        return False
    return True


def _form_value(value: str) -> Json:
    if value[:1] == "{":
        try:
            return parse_json(value.encode())
        except InvalidInput:
            pass
    return _UNSTORABLE.sub("\ufffd", value)


def _nothing_here() -> NotFound:
    return NotFound("There is no hook at this address.", code="hook_not_found", hint="Check the address.")
