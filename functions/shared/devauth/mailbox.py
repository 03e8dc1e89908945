"""/dev/mail: what the development sign-in would have mailed, and its switch for two-factor sign-ins."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar

from starlette.responses import JSONResponse, RedirectResponse, Response

from functions.shared.devauth.locality import is_loopback
from functions.shared.errors import Forbidden, PlaneError
from functions.shared.web.html import HEADERS, Page, render, require_own_form
from functions.shared.web.plain_route import PlainRouter

if TYPE_CHECKING:
    from starlette.requests import Request

    from functions.shared.devauth.accounts import Accounts
    from functions.shared.web.plain_route import Endpoint

PATH = "/dev/mail"


@dataclass(frozen=True, slots=True)
class ShownMail:
    """A mail as the page shows it."""

    to: str
    code: str
    link: str
    at: str


@dataclass(frozen=True, slots=True)
class MailboxPage(Page):
    """The newest mail first. `is_two_factor`: whether new sign-ins count as two-factor."""

    template: ClassVar[str] = "development_mail.html"
    mails: list[ShownMail]
    is_two_factor: bool
    viewer: None = None


def mailbox_router(accounts: Accounts) -> PlainRouter:
    """Give the page of the mails that these accounts were not sent."""
    router = PlainRouter(_guard)

    @router.get(PATH)
    async def show(request: Request) -> Response:
        if "application/json" in request.headers.get("accept", ""):  # for commands
            return JSONResponse({"mails": [asdict(each) for each in accounts.mails]}, headers=HEADERS)
        mails = [ShownMail(each.to, each.code, each.link, _clock_time(each.sent_at)) for each in accounts.mails]
        return render(MailboxPage(mails, accounts.is_two_factor))

    @router.post(PATH)
    async def switch(_request: Request) -> Response:
        accounts.is_two_factor = not accounts.is_two_factor
        return RedirectResponse(PATH, 303)

    return router


async def _guard(request: Request, endpoint: Endpoint) -> Response:
    try:
        if not is_loopback(request.headers.get("host", "")):
            raise Forbidden("The development mailbox is reached by localhost only.", code="development_only")
        if request.method == "POST":
            require_own_form(request)
        return await endpoint(request)
    except PlaneError as error:
        return Response(error.detail, error.status, HEADERS, "text/plain")


def _clock_time(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))
