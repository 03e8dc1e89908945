"""Keyset pages. A cursor is opaque and belongs to one caller, one route and one set of filters."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel
from starlette.requests import Request

from functions.shared.errors import FieldProblem, InvalidInput
from functions.shared.jsonvalue import JsonObject
from functions.shared.web.values import ListOf

if TYPE_CHECKING:
    from functions.shared.jsonvalue import Json

MAX_LIMIT, DEFAULT_LIMIT = 500, 50
_MAC_BYTES = 12
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class PageOf:
    """Which page is asked for. `cursor` is what the verb answered as `next` on the page before."""

    limit: int
    cursor: JsonObject | None
    request: Request

    def payload(self, **filters: Json) -> JsonObject:
        """Give the verb's payload: limit, cursor and the filters that were given."""
        given = {name: value for name, value in filters.items() if value is not None}
        return {"limit": self.limit, "cursor": self.cursor, **given}

    def of(self, answer: Json, model: type[M]) -> ListOf[M]:
        """Give the page of what a list verb answered: `{data, next}`."""
        assert isinstance(answer, dict)  # noqa: S101  every list verb answers an object
        following = answer.get("next")
        cursor = None if following is None else _seal(_key_of(self.request), following)
        page_model = ListOf[model]  # type: ignore[valid-type]  a model made at run time
        return page_model.model_validate({"data": answer["data"], "next_cursor": cursor})


async def page(
    request: Request,
    limit: Annotated[
        int, Query(ge=1, description=f"How many at most; more than {MAX_LIMIT} gives {MAX_LIMIT}.")
    ] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(max_length=4000, description="`next_cursor` of the page before, with the same filters.")
    ] = None,
) -> PageOf:
    """Read `limit` and `cursor`. Raises InvalidInput with code `invalid_cursor`."""
    return PageOf(min(limit, MAX_LIMIT), None if cursor is None else _open(_key_of(request), cursor), request)


Page = Annotated[PageOf, Depends(page)]


def _key_of(request: Request) -> bytes:
    """Bind to the caller, the route and the filters. The caller's key hash is known to every function."""
    filters = sorted(
        (name, value) for name, value in request.query_params.multi_items() if name not in ("limit", "cursor")
    )
    caller = getattr(request.state, "caller", None)
    # A person's token changes every hour, they do not.
    identity = getattr(caller, "key_hash", None) or [caller.claims.get("sub"), caller.organisation] if caller else ""
    text = json.dumps([identity, request.url.path, filters])
    return hmac.digest(b"cursor", text.encode(), "sha256")


def _seal(key: bytes, value: Json) -> str:
    text = json.dumps(value, separators=(",", ":")).encode()
    return urlsafe_b64encode(hmac.digest(key, text, "sha256")[:_MAC_BYTES] + text).rstrip(b"=").decode()


def _open(key: bytes, cursor: str) -> JsonObject:
    try:
        sealed = b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        sealed = b""
    mac, text = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
    if not text or not hmac.compare_digest(mac, hmac.digest(key, text, "sha256")[:_MAC_BYTES]):
        message = "This cursor was not given by this route with these filters and this key."
        hint = "Send next_cursor as it was, with the same filters, or leave cursor out to start again."
        problem = FieldProblem("/query/cursor", "invalid_cursor", message, hint)
        raise InvalidInput(message, code="invalid_cursor", hint=hint, errors=[problem])
    value: JsonObject = json.loads(text)
    return value
