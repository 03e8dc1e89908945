"""/sign-in, /auth/confirm, /sign-out, /second-factor, /organisations: who somebody is, and for whom they act."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from functions.pages.auth_client import AuthClient, AuthRefused, Tokens
from functions.pages.cookies import ACCESS, EMAIL, EMAIL_SECONDS, ORGANISATION, REFRESH
from functions.pages.pages import (
    CodePage,
    ConfirmPage,
    JoinPage,
    Membership,
    NoticePage,
    OrganisationsPage,
    Problem,
    SecondFactorPage,
    SignInPage,
    SignOutPage,
    Viewer,
)
from functions.pages.session import (
    HOME,
    SignInNeeded,
    cookies_of,
    guard,
    posted,
    redirect,
    safe_next,
    signed_in,
)
from functions.pages.words import moment
from functions.shared.db import members
from functions.shared.db.caller_db import CallerDb
from functions.shared.db.port import Person
from functions.shared.errors import PlaneError, RateLimited
from functions.shared.web.connection import database_of, settings_of
from functions.shared.web.html import render
from functions.shared.web.plain_route import PlainRouter

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from functions.shared.jsonvalue import JsonObject

router = PlainRouter(guard)

UNFIT, TOO_MANY = 422, 429
_LINK_KINDS = ("email", "magiclink", "signup", "invite", "recovery")
_CODE_ENDED = "That code is wrong, or it has expired. Check it, or have a new one sent."
_AUTH_SAYS = {
    "otp_disabled": "This address cannot sign in here. Ask for an invitation.",
    "signup_disabled": "This address cannot sign in here. Ask for an invitation.",
    "email_address_invalid": "That is not an e-mail address that mail can be sent to.",
    "email_address_not_authorized": "Mail cannot be sent to that address from here.",
    "validation_failed": "That is not an e-mail address. It should look like name@example.com.",
}


@router.get("/sign-in")
async def show_sign_in(request: Request) -> Response:
    """Ask for an e-mail address."""
    return _sign_in_page(request, request.query_params.get("next", ""))


@router.post("/sign-in")
async def send_code(request: Request) -> Response:
    """Have a code and a link mailed, then ask for the code."""
    form = await posted(request)
    email, following = form.get("email", "").strip(), safe_next(form.get("next", ""))
    if "@" not in email:
        return _sign_in_page(request, following, email, _AUTH_SAYS["validation_failed"])
    known = settings_of(request.app)
    try:
        await AuthClient(known).send_code(email, redirect_to=known.public_url.rstrip("/") + following)
    except AuthRefused as error:
        return _sign_in_page(request, following, email, _AUTH_SAYS.get(error.code) or error.message)
    except RateLimited as error:
        return _sign_in_page(request, following, email, f"{error.detail} {error.hint}", TOO_MANY)
    cookies_of(request).set(EMAIL, email, EMAIL_SECONDS)
    return redirect("/sign-in/code", next=following if following != HOME else "")


@router.get("/sign-in/code")
async def show_code(request: Request) -> Response:
    """Ask for the code."""
    return _code_page(request, request.query_params.get("next", ""))


@router.post("/sign-in/code")
async def verify_code(request: Request) -> Response:
    """Sign in by a code."""
    form = await posted(request)
    email, following = cookies_of(request).get(EMAIL), safe_next(form.get("next", ""))
    code = "".join(form.get("code", "").split())
    if not email:
        return redirect("/sign-in", next=following)
    if not code:
        return _code_page(request, following, "Write the code that is in the mail.")
    try:
        tokens = await AuthClient(settings_of(request.app)).verify_code(email, code)
    except AuthRefused:
        return _code_page(request, following, _CODE_ENDED)
    except RateLimited as error:
        return _code_page(request, following, f"{error.detail} {error.hint}", TOO_MANY)
    return _signed_in(request, tokens, following)


@router.get("/auth/confirm")
async def show_confirm(request: Request) -> Response:
    """Show a button: whoever opens a link, such as a scanner of mails, uses nothing up."""
    query = request.query_params
    kind = query.get("type", "email")
    page = ConfirmPage(
        viewer=None,
        form_token=cookies_of(request).form_token(),
        token_hash=query.get("token_hash", ""),
        kind=kind if kind in _LINK_KINDS else "email",
        # Supabase's mails carry the whole address that was asked for.
        next=safe_next(query.get("next", "").removeprefix(settings_of(request.app).public_url.rstrip("/"))),
    )
    return render(page) if page.token_hash else _ended_link()


@router.post("/auth/confirm")
async def verify_link(request: Request) -> Response:
    """Sign in by the token of a link."""
    form = await posted(request)
    kind = form.get("kind", "")
    try:
        tokens = await AuthClient(settings_of(request.app)).verify_link(
            form.get("token_hash", ""), kind if kind in _LINK_KINDS else "email"
        )
    except AuthRefused:
        return _ended_link()
    return _signed_in(request, tokens, form.get("next", ""))


@router.get("/sign-out")
async def show_sign_out(request: Request) -> Response:
    """Ask whether to sign out."""
    return render(SignOutPage(viewer=None, form_token=cookies_of(request).form_token()))


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session, here and at Supabase Auth."""
    cookies = cookies_of(request)
    if access := cookies.get(ACCESS):
        # it has ended already, or nobody can tell: this browser forgets it all the same
        with suppress(AuthRefused, PlaneError):
            await AuthClient(settings_of(request.app)).sign_out(access)
    cookies.drop(ACCESS, REFRESH, ORGANISATION, EMAIL)
    cookies.renew_form()
    return redirect("/sign-in", said="signed-out")


@router.get("/second-factor")
async def show_second_factor(request: Request) -> Response:
    """Ask for the code of the second factor."""
    return await _second_factor_page(request, request.query_params.get("next", ""))


@router.post("/second-factor")
async def verify_second_factor(request: Request) -> Response:
    """Go on with two factors."""
    form = await posted(request)
    who = await signed_in(request)
    code = "".join(form.get("code", "").split())
    try:
        tokens = await AuthClient(settings_of(request.app)).verify_challenge(
            who.person.token, form.get("factor_id", ""), form.get("challenge_id", ""), code
        )
    except AuthRefused:
        return await _second_factor_page(request, form.get("next", ""), "That code is wrong, or it has expired.")
    cookies_of(request).sign_in(tokens.access, tokens.refresh)
    return redirect(safe_next(form.get("next", "")))


@router.get("/join")
async def show_invitation(request: Request) -> Response:
    """Show what an invitation offers. Opening it accepts nothing."""
    token = request.query_params.get("token", "")
    offer = cast("dict[str, Any]", await members.show_invitation(await database_of(request.app), _hash_of(token)))
    try:
        email = (await signed_in(request)).email
    except SignInNeeded:
        email = ""
    form_token = cookies_of(request).form_token()
    page = JoinPage(
        viewer=Viewer(email, form_token) if email else None,
        form_token=form_token,
        token=token,
        organisation=offer["organisation"],
        email=offer["email"],
        role=offer["role"],
        invited_by=offer["invited_by"] or "",
        expires=moment(offer["expires_at"], datetime.now(UTC)),
        sign_in=f"/sign-in?{urlencode({'next': f'/join?token={token}'})}",
    )
    return render(page)


@router.post("/join")
async def accept_invitation(request: Request) -> Response:
    """Become a member."""
    form = await posted(request)
    who = await signed_in(request)
    db = CallerDb(await database_of(request.app), Person(who.person.token, who.person.claims))
    joined = cast("dict[str, Any]", await members.accept_invitation(db, _hash_of(form.get("token", ""))))
    cookies_of(request).set(ORGANISATION, joined["organisation"]["id"])
    return redirect(HOME)


@router.get("/organisations")
async def show_organisations(request: Request) -> Response:
    """Ask which organisation somebody acts for."""
    who = await signed_in(request)
    following = safe_next(request.query_params.get("next", ""))
    memberships = await _memberships(request, who.person)
    if len(memberships) == 1:
        cookies_of(request).drop(ORGANISATION)
        return redirect(following)
    form_token = cookies_of(request).form_token()
    return render(OrganisationsPage(Viewer(who.email, form_token), form_token, memberships, following))


@router.post("/organisations")
async def choose_organisation(request: Request) -> Response:
    """Act for an organisation from now on. Whether they may is asked with every call."""
    form = await posted(request)
    cookies_of(request).set(ORGANISATION, form.get("organisation", "")[:100])
    return redirect(safe_next(form.get("next", "")))


def _sign_in_page(
    request: Request, following: str, email: str = "", problem: str = "", status: int = UNFIT
) -> Response:
    page = SignInPage(
        viewer=None,
        form_token=cookies_of(request).form_token(),
        next=safe_next(following),
        email=email,
        mailbox=_mailbox(request),
        is_signed_out=request.query_params.get("said") == "signed-out",
        problems=[Problem(problem, "email")] if problem else [],
    )
    return render(page, status if problem else 200)


def _code_page(request: Request, following: str, problem: str = "", status: int = UNFIT) -> Response:
    email = cookies_of(request).get(EMAIL)
    if not email:
        return redirect("/sign-in", next=safe_next(following))
    page = CodePage(
        viewer=None,
        form_token=cookies_of(request).form_token(),
        next=safe_next(following),
        email=email,
        mailbox=_mailbox(request),
        problems=[Problem(problem, "code")] if problem else [],
    )
    return render(page, status if problem else 200)


async def _second_factor_page(request: Request, following: str, problem: str = "") -> Response:
    who = await signed_in(request)
    auth = AuthClient(settings_of(request.app))
    try:
        factor = await auth.factor(who.person.token)
        challenge = await auth.challenge(who.person.token, factor.id) if factor else ""
    except AuthRefused as error:
        return render(
            NoticePage(None, "This did not work", error.message, "warn", href=HOME, action="To the inbox"), 403
        )
    form_token = cookies_of(request).form_token()
    page = SecondFactorPage(
        viewer=Viewer(who.email, form_token),
        form_token=form_token,
        factor=factor.name if factor else "",
        factor_id=factor.id if factor else "",
        challenge_id=challenge,
        next=safe_next(following),
        mailbox=_mailbox(request),
        problems=[Problem(problem, "code")] if problem else [],
    )
    return render(page, UNFIT if problem else 200)


def _signed_in(request: Request, tokens: Tokens, following: str) -> Response:
    cookies = cookies_of(request)
    cookies.sign_in(tokens.access, tokens.refresh)
    cookies.drop(EMAIL, ORGANISATION)
    cookies.renew_form()
    return redirect(safe_next(following))


def _ended_link() -> Response:
    page = NoticePage(
        viewer=None,
        heading="This link does not work any more",
        text="It was used already, it has expired, or a newer one was sent.",
        mood="warn",
        href="/sign-in",
        action="Sign in",
    )
    return render(page, 403)


async def _memberships(request: Request, person: Person) -> list[Membership]:
    current = cookies_of(request).get(ORGANISATION)
    db = CallerDb(await database_of(request.app), Person(person.token, person.claims))
    found = cast("dict[str, list[JsonObject]]", await members.list_organisations(db))
    return [
        Membership(str(each["id"]), str(each["name"]), str(each["role"]), is_current=each["id"] == current)
        for each in found["data"]
    ]


def _hash_of(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _mailbox(request: Request) -> str:
    known = settings_of(request.app)
    return "/dev/mail" if known.local_data and not known.supabase_url else ""
