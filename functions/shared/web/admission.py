"""Lets a request in: who calls, and whether they may still send one; and tells at the end what they have left."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from functions.shared.db.port import ApiKey
from functions.shared.errors import PlaneError, Unauthenticated
from functions.shared.web.access import authenticate
from functions.shared.web.connection import settings_of
from functions.shared.web.exchange import exchange_of
from functions.shared.web.rates import Rate, Rates, Ticket
from functions.shared.web.sign_of_life import named_agent
from functions.shared.web.strangers import Strangers

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from fastapi import FastAPI
    from starlette.requests import Request

    from functions.shared.db.caller_db import CallerDb
    from functions.shared.db.port import Caller, Lease
    from functions.shared.web.access import Access


@asynccontextmanager
async def admitted(request: Request, access: Access) -> AsyncGenerator[None]:
    """Authenticate, take a request from what the caller has left, and say in the answer what there is still.

    A person without an organisation has no limit but the one on strangers. Raises Unauthenticated, RateLimited.
    """
    ticket = await _enter(request, access)
    failure: PlaneError | None = None
    try:
        yield
    except PlaneError as error:
        failure = error
        raise
    finally:
        _leave(request, ticket, failure)


def lease_of(request: Request) -> Lease | None:
    """Give what the request's first call of the database takes along."""
    ticket: Ticket | None = request.scope["state"].get("ticket")
    return ticket.lease if ticket is not None else None


async def _enter(request: Request, access: Access) -> Ticket | None:
    app = request.app
    strangers, credentials, address = _strangers_of(app), request.headers.get("authorization"), _address(request)
    strangers.check(address, credentials)
    try:
        caller = await authenticate(request)
    except Unauthenticated:
        if credentials:
            strangers.note_failure(address)
        raise
    request.state.caller = caller
    if access.is_for_users:
        return None
    name, kind = _name(caller)
    ticket = _rates_of(app).admit(name, kind, named_agent(request))
    if ticket.refusal is not None:
        exchange_of(request).headers.update(ticket.headers())
        raise ticket.refusal
    request.state.ticket = ticket
    return ticket


def _leave(request: Request, ticket: Ticket | None, error: PlaneError | None) -> None:
    if ticket is not None:
        ticket.settle(error)
    strangers, credentials = _strangers_of(request.app), request.headers.get("authorization") or ""
    if isinstance(error, Unauthenticated):
        strangers.note_failure(_address(request))
        if ticket is not None:
            _rates_of(request.app).forget(_name(request.state.caller)[0])
        return
    db: CallerDb | None = request.scope["state"].get("db")
    if db is not None and db.is_asked:
        strangers.note_known(credentials)
    if ticket is not None:
        exchange_of(request).headers.update(ticket.headers())


def _name(caller: Caller) -> tuple[str, str]:
    if isinstance(caller, ApiKey):
        return caller.key_hash, "key"
    return f"{caller.claims.get('sub')}\n{caller.organisation}", "person"


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _rates_of(app: FastAPI) -> Rates:
    if app.state.rates is None:
        known = settings_of(app)
        app.state.rates = Rates(caller=Rate.of(known.rate_limit), agent=Rate.of(known.agent_rate_limit))
    rates: Rates = app.state.rates
    return rates


def _strangers_of(app: FastAPI) -> Strangers:
    if app.state.strangers is None:
        app.state.strangers = Strangers(Rate.of(settings_of(app).stranger_rate_limit))
    strangers: Strangers = app.state.strangers
    return strangers
