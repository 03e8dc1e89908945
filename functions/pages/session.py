"""Who has signed in at this browser, and the guard around every page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl, quote

from starlette.responses import RedirectResponse, Response

from functions.pages.auth_client import AuthClient, AuthRefused
from functions.pages.cookies import ACCESS, ORGANISATION, REFRESH, Cookies
from functions.pages.pages import NoticePage, Viewer
from functions.shared.db.caller_db import CallerDb
from functions.shared.db.port import Person
from functions.shared.errors import InvalidInput, PlaneError, Unauthenticated, Unavailable
from functions.shared.web.connection import database_of, settings_of, tokens_of
from functions.shared.web.exchange import exchange_of
from functions.shared.web.html import HEADERS, render, require_own_form
from functions.shared.web.problems import unexpected

if TYPE_CHECKING:
    from starlette.requests import Request

    from functions.shared.jsonvalue import JsonObject
    from functions.shared.web.plain_route import Endpoint

HOME = "/inbox"
MAX_FIELDS = 500
_SAFE_NEXT = re.compile(r"/(?![/\\])[!-\[\]-~]{0,1000}")  # printable ASCII without a backslash
_SIGN_IN_PAGES = ("/sign-in", "/sign-out", "/auth/")


class SignInNeeded(Exception):
    """Nobody has signed in at this browser, or their session has ended."""


class Elsewhere(Exception):
    """Go to another page."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person with a session."""

    person: Person
    email: str
    aal: str


def safe_next(path: str) -> str:
    """Give where to go afterwards: a path of this host, or the inbox. Not back to signing in or out."""
    if _SAFE_NEXT.fullmatch(path) and not path.startswith(_SIGN_IN_PAGES):
        return path
    return HOME


def redirect(path: str, **query: str) -> Response:
    """Go to a page by GET."""
    pairs = "&".join(f"{name}={quote(value, safe='/')}" for name, value in query.items() if value)
    return RedirectResponse(f"{path}?{pairs}" if pairs else path, 303)


def cookies_of(request: Request) -> Cookies:
    """Give the cookies of this request."""
    cookies: Cookies = request.state.cookies
    return cookies


async def posted(request: Request) -> dict[str, str]:
    """Give the fields of the form that was sent. Raises InvalidInput."""
    try:
        pairs = parse_qsl(
            (await request.body()).decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, strict_parsing=False
        )
    except ValueError as error:
        raise InvalidInput("What was sent is not a form.", hint="Open the page again.") from error
    return {name: value.replace("\0", "") for name, value in pairs}


async def signed_in(request: Request) -> SignedIn:
    """Give who has signed in; a session whose access token has expired is refreshed.

    Raises SignInNeeded, and Unavailable while nobody can tell.
    """
    cookies = cookies_of(request)
    access = cookies.get(ACCESS)
    claims = await _claims_of(request, access)
    if claims is None:
        access = await _refresh(request, cookies)
        claims = await _claims_of(request, access)
    if claims is None:
        raise SignInNeeded
    person = Person(access, claims, cookies.get(ORGANISATION) or None)
    return SignedIn(person, str(claims.get("email") or claims["sub"]), str(claims.get("aal") or "aal1"))


async def database_as(request: Request, who: SignedIn) -> CallerDb:
    """Give the database as this person sees it."""
    return CallerDb(await database_of(request.app), who.person)


async def viewer_of(request: Request, who: SignedIn, db: CallerDb) -> Viewer:
    """Give what the head of the page says. Raises Elsewhere where an organisation has to be chosen first."""
    try:
        caller = cast("JsonObject", await db.read("get_caller", {}))
    except PlaneError as error:
        if error.code == "organisation_required":
            raise Elsewhere(f"/organisations?next={quote(page_of(request), safe='/')}") from error
        if error.code != "not_a_member":
            raise
        cookies_of(request).drop(ORGANISATION)
        raise Elsewhere("/organisations") from error
    organisation = cast("JsonObject", caller.get("organisation") or {})
    member = cast("JsonObject", caller.get("person") or {})
    return Viewer(
        email=who.email,
        form_token=cookies_of(request).form_token(),
        organisation=str(organisation.get("name") or ""),
        role=str(member.get("role") or ""),
        has_others=bool(cookies_of(request).get(ORGANISATION)),
    )


def page_of(request: Request) -> str:
    """Give the page that a request belongs to: the one whose forms it sends, with its query when it is read."""
    if request.method == "GET":
        query = request.url.query
        return safe_next(request.url.path + (f"?{query}" if query else ""))
    parts = request.url.path.split("/")
    return safe_next("/".join(parts[:3]))


async def guard(request: Request, endpoint: Endpoint) -> Response:
    """Call a page: forms must be ours, whoever must sign in is led there, and what goes wrong is said on a page."""
    cookies = request.state.cookies = Cookies(request)
    try:
        if request.method == "POST":
            require_own_form(request)
            cookies.require_form_token((await posted(request)).get("form_token", ""))
        response = await endpoint(request)
    except SignInNeeded:
        response = redirect("/sign-in", next=page_of(request))
    except Elsewhere as error:
        response = redirect(error.path)
    except PlaneError as error:
        response = error_page(request, error)
    except Exception as error:  # noqa: BLE001  whatever it is, a person gets a page
        response = error_page(request, unexpected(error))
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    cookies.write(response)
    return response


def error_page(request: Request, error: PlaneError) -> Response:
    """Say what went wrong, and the way on."""
    headings = {403: "You may not do this", 404: "There is no such page", 503: "Not available now"}
    is_ours = error.status >= 500  # noqa: PLR2004
    page = NoticePage(
        viewer=None,
        heading=headings.get(error.status, "Something failed on our side" if is_ours else "This did not work"),
        text=error.detail,
        mood="danger" if is_ours else "warn",
        hint=error.hint or "",
        href=page_of(request) if request.method == "POST" or error.retryable else HOME,
        action="Back to the page" if request.method == "POST" else "Try again" if error.retryable else "To the inbox",
        trace_id=exchange_of(request).trace_id if is_ours else "",
    )
    response = render(page, error.status)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return response


async def _claims_of(request: Request, access: str) -> JsonObject | None:
    if not access:
        return None
    verifier = tokens_of(request.app)
    if verifier is None:
        raise Unavailable("No sign-in is configured for this plane.", code="sign_in_not_configured")
    try:
        return await verifier.verify(access)
    except Unauthenticated:
        return None


async def _refresh(request: Request, cookies: Cookies) -> str:
    if not cookies.get(REFRESH):
        raise SignInNeeded
    try:
        tokens = await AuthClient(settings_of(request.app)).refresh(cookies.get(REFRESH))
    except AuthRefused:
        cookies.drop(ACCESS, REFRESH)
        raise SignInNeeded from None
    cookies.sign_in(tokens.access, tokens.refresh)
    return tokens.access
