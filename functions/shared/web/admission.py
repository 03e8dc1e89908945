"""Lets a request in: who calls, and whether they may still send one; and tells at the end what they have left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.db.port import ApiKey
from functions.shared.errors import RateLimited, Unauthenticated
from functions.shared.web.access import authenticate
from functions.shared.web.connection import settings_of
from functions.shared.web.exchange import exchange_of
from functions.shared.web.rates import Rate, Rates, Ticket
from functions.shared.web.seals import RequestSeal, check_seal, signing_keys_of
from functions.shared.web.sign_of_life import named_agent
from functions.shared.web.strangers import Strangers

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

    from functions.shared.db.caller_db import CallerDb
    from functions.shared.db.port import Caller, Lease
    from functions.shared.web.access import Access

_UNKNOWN = "unauthenticated"  # the database's own word


class Admitted:
    """Authenticates, takes a request from what the caller has left, and says in the answer what there is still.

    A person without an organisation has no limit but the one on strangers. Raises Unauthenticated, RateLimited.
    """

    __slots__ = ("_access", "_address", "_credentials", "_request", "_strangers", "_ticket")

    def __init__(self, request: Request, access: Access) -> None:
        self._request = request
        self._access = access
        self._credentials = request.headers.get("authorization") or ""
        client = request.scope.get("client")
        self._address: str = client[0] if client else ""
        self._strangers = _strangers_of(request.app)
        self._ticket: Ticket | None = None

    async def __aenter__(self) -> None:
        try:
            self._strangers.check(self._address, self._credentials)
        except RateLimited:
            if not await self._has_proof():
                raise
        try:
            caller = await authenticate(self._request)
            if isinstance(caller, ApiKey):
                check_seal(self._request.app, caller)
        except Unauthenticated:
            if self._credentials:
                self._strangers.note_failure(self._address)
            raise
        state = self._request.scope["state"]
        state["caller"] = caller
        if self._access.is_for_users:
            return
        name, kind = _name(caller)
        ticket = _rates_of(self._request.app).admit(name, kind, named_agent(self._request))
        if ticket.refusal is not None:
            exchange_of(self._request).headers.update(ticket.headers())
            raise ticket.refusal
        state["ticket"] = self._ticket = ticket

    async def _has_proof(self) -> bool:
        """Whether a key's own signature is there: who can sign is no stranger, whatever came from the same address.

        The key alone tells nothing, because such keys may be known to others.
        """
        if "signature-input" not in self._request.headers:
            return False
        try:
            caller = await authenticate(self._request)
            return isinstance(caller, ApiKey) and check_seal(self._request.app, caller)
        except Unauthenticated:
            return False

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        ticket = self._ticket
        caller: Caller | None = self._request.scope["state"].get("caller")
        if isinstance(caller, ApiKey) and isinstance(caller.seal, RequestSeal):
            caller.seal.forget()
        if ticket is not None:
            ticket.settle(error)
        if isinstance(error, Unauthenticated):
            self._strangers.note_failure(self._address)
            if error.code == _UNKNOWN:
                self._forget(caller)
            if ticket is not None:
                _rates_of(self._request.app).forget(_name(self._request.scope["state"]["caller"])[0])
            return
        db: CallerDb | None = self._request.scope["state"].get("db")
        if db is not None and db.is_asked and not _is_signed(db.caller):
            self._strangers.note_known(self._credentials)
        if ticket is not None:
            exchange_of(self._request).headers.update(ticket.headers())

    def _forget(self, caller: Caller | None) -> None:
        """Take a key that the database knows no more, because it was revoked or has expired, for a stranger again."""
        self._strangers.forget(self._credentials)
        if isinstance(caller, ApiKey):
            signing_keys_of(self._request.app).forget(caller.key_hash)


def lease_of(request: Request) -> Lease | None:
    """Give what the request's first call of the database takes along."""
    ticket: Ticket | None = request.scope["state"].get("ticket")
    return ticket.lease if ticket is not None else None


def _is_signed(caller: Caller) -> bool:
    return isinstance(caller, ApiKey) and caller.seal is not None and caller.seal.signed_by is not None


def _name(caller: Caller) -> tuple[str, str]:
    if isinstance(caller, ApiKey):
        return caller.key_hash, "key"
    return f"{caller.claims.get('sub')}\n{caller.organisation}", "person"


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
