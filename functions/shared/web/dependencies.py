"""The Annotated types that routes use: Db, Bell, PreferWait, IfMatch."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Header
from starlette.requests import Request

from functions.shared.db.caller_db import CallerDb
from functions.shared.db.port import Idempotency
from functions.shared.dispatch.doorbell import Doorbell
from functions.shared.errors import FieldProblem, PreconditionFailed
from functions.shared.web.admission import lease_of
from functions.shared.web.connection import database_of, doorbell_of
from functions.shared.web.exchange import exchange_of
from functions.shared.web.route import fingerprint
from functions.shared.web.validation import invalid_input

MAX_WAIT_SECONDS = 25
MAX_IDEMPOTENCY_KEY = 255
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?(?=$|[,;\s])", re.IGNORECASE)
_ETAG = re.compile(r'\*|"([\x21\x23-\x7e]{1,200})"')


async def caller_db(request: Request) -> CallerDb:
    """Give the database as this caller sees it, bound to the request's Idempotency-Key."""
    idempotency = None
    if request.method != "GET" and (key := _idempotency_key(request)) is not None:
        idempotency = Idempotency(key, fingerprint(request, await request.body()))
    db = request.state.db = CallerDb(
        await database_of(request.app), request.state.caller, idempotency, lease=lease_of(request)
    )
    return db


Db = Annotated[CallerDb, Depends(caller_db)]


async def doorbell(request: Request) -> Doorbell:
    """Give the app's doorbell; without one, the sweeper finds what is due."""
    return doorbell_of(request.app)


Bell = Annotated[Doorbell, Depends(doorbell)]


async def prefer_wait(
    request: Request,
    prefer: Annotated[
        str | None,
        Header(
            description=f"`wait=20`: answer when it has ended, or after so many seconds, at most {MAX_WAIT_SECONDS}."
        ),
    ] = None,
) -> float:
    """Give the seconds that the caller would wait (RFC 7240); 0 when it did not say, or said something else."""
    match = _WAIT.search(prefer or "")
    if match is None:
        return 0.0
    seconds = min(int(match[1]), MAX_WAIT_SECONDS)
    exchange_of(request).headers["Preference-Applied"] = f"wait={seconds}"
    return float(seconds)


PreferWait = Annotated[float, Depends(prefer_wait)]


async def if_match(
    header: Annotated[
        str | None, Header(alias="If-Match", description="The ETag that was read: refuse when it changed since.")
    ] = None,
) -> str | None:
    """Give the ETag that must still be current, without its quotes; `*`: it must exist. None: the caller did not say.

    Raises PreconditionFailed for what cannot be an ETag of ours.
    """
    if header is None:
        return None
    match = _ETAG.fullmatch(header.strip())
    if match is None:
        raise PreconditionFailed(
            f"{header[:100]} is not an ETag of this resource.", hint="Send the ETag header of the last read as it was."
        )
    return match[1] or "*"


IfMatch = Annotated[str | None, Depends(if_match)]


def etag_of(tag: str | int) -> str:
    """Give the ETag header of a version."""
    return f'"{tag}"'


def _idempotency_key(request: Request) -> str | None:
    header = request.headers.get("idempotency-key")
    if header is None:
        return None
    key = header.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not 1 <= len(key) <= MAX_IDEMPOTENCY_KEY or not key.isprintable():
        message = f"Must have 1 to {MAX_IDEMPOTENCY_KEY} printable characters; this one has {len(key)}."
        raise invalid_input([FieldProblem("/header/idempotency-key", "wrong_form", message)])
    return key
