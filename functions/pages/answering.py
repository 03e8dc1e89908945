"""/inbox, /inbox/{id}, /links/{token}: what waits for people, and their answers."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode
from uuid import UUID

from functions.pages.pages import EscalationPage, InboxPage, LinkPage, NoticePage, TabLink, Viewer
from functions.pages.questions import (
    Sent,
    answer_of,
    answering_of,
    decision_of,
    history_of,
    question_of,
    refused_fields,
    row_of,
    votes_of,
)
from functions.pages.session import (
    HOME,
    SignedIn,
    cookies_of,
    database_as,
    guard,
    posted,
    redirect,
    signed_in,
    viewer_of,
)
from functions.pages.words import REFUSALS, moment
from functions.shared.db import escalations
from functions.shared.errors import Conflict, Gone, InvalidInput, NotFound, PlaneError
from functions.shared.web.connection import database_of
from functions.shared.web.dependencies import doorbell
from functions.shared.web.html import render
from functions.shared.web.plain_route import PlainRouter

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from functions.pages.questions import Escalation
    from functions.shared.db.caller_db import CallerDb
    from functions.shared.jsonvalue import Json, JsonObject

router = PlainRouter(guard)

PAGE_SIZE = 25
UNFIT, CONFLICT = 422, 409
_TABS = {"answerable": "For you", "mine": "Assigned", "all": "All open"}
_FILTERS: dict[str, JsonObject] = {"answerable": {"is_answerable": True}, "mine": {"is_mine": True}, "all": {}}
_EMPTY = {
    "answerable": ("Nothing waits for you", "When an agent needs your answer, it stands here, the urgent first."),
    "mine": (
        "Nothing is assigned to you",
        "What was assigned to you by name or by role, or what you took, stands here.",
    ),
    "all": ("Nothing is open", "No agent of this organisation waits for a person."),
}
_FLASHES = {
    "answered": "Your answer is recorded.",
    "voted": "Your vote is recorded. Others must say the same before it counts.",
    "commented": "Your comment is added.",
    "claimed": "It is marked as yours, so that others see who looks at it.",
    "released": "It is free again.",
}


@dataclass(frozen=True, slots=True)
class _Visit:
    """Who looks at which escalation, through which database, and when."""

    who: SignedIn
    db: CallerDb
    viewer: Viewer
    id: str
    now: datetime

    @property
    def me(self) -> str:
        return str(self.who.person.claims["sub"])


@router.get("/inbox")
async def show_inbox(request: Request) -> Response:
    """Show what waits for people."""
    who = await signed_in(request)
    db = await database_as(request, who)
    viewer = await viewer_of(request, who, db)
    show = request.query_params.get("show", "")
    tab = show if show in _TABS else "answerable"
    cursor = _cursor_of(request.query_params.get("after", ""))
    filters: JsonObject = {"limit": PAGE_SIZE, "cursor": cursor, "is_open": True, **_FILTERS[tab]}
    found = cast("dict[str, Any]", await escalations.list_escalations(db, filters))
    now = datetime.now(UTC)
    title, text = _EMPTY[tab]
    if tab == "answerable" and viewer.role == "viewer":
        text = "Your role, viewer, reads everything and answers nothing. See what is open under “All open”."
    page = InboxPage(
        viewer=viewer,
        tabs=[
            TabLink(label, HOME if name == "answerable" else f"{HOME}?show={name}", name == tab)
            for name, label in _TABS.items()
        ],
        rows=[row_of(each, now) for each in found["data"]],
        more=f"{HOME}?{urlencode({'show': tab, 'after': _text_of(found['next'])})}" if found["next"] else "",
        is_first=cursor is None,
        empty_title=title,
        empty_text=text,
    )
    return render(page)


@router.get("/inbox/{escalation_id}")
async def show_escalation(request: Request) -> Response:
    """Show one escalation, with the form of its answer where the viewer may answer it."""
    visit = await _visit(request)
    return _page(visit, await _read(visit), flash=request.query_params.get("said", ""))


@router.post("/inbox/{escalation_id}")
async def answer(request: Request) -> Response:
    """Answer an escalation. The first answer counts; who comes later sees whose that was."""
    visit = await _visit(request)
    form = await posted(request)
    escalation = await _read(visit)
    if not escalation["may_answer"]:
        return _too_late(visit, escalation)
    said, filled, problems = answer_of(escalation, form)
    if filled.errors or problems:
        return _page(visit, escalation, sent=Sent(form, filled, problems), status=UNFIT)
    try:
        answered = cast("dict[str, Any]", await escalations.resolve_escalation(visit.db, visit.id, said))
    except InvalidInput as error:
        wrong = refused_fields(escalation, error.errors, error.detail)
        return _page(visit, escalation, sent=Sent(form, filled, wrong), status=UNFIT)
    except (Conflict, Gone):
        return _too_late(visit, await _read(visit))
    await (await doorbell(request)).ring(answered["due"])
    return redirect(f"{HOME}/{visit.id}", said=answered["status"])


@router.post("/inbox/{escalation_id}/comment")
async def comment(request: Request) -> Response:
    """Say something about an escalation."""
    visit = await _visit(request)
    text = (await posted(request)).get("text", "").replace("\r\n", "\n").strip()
    if not text:
        return redirect(f"{HOME}/{visit.id}")
    await escalations.comment_on_escalation(visit.db, UUID(visit.id), text[:10_000])
    return redirect(f"{HOME}/{visit.id}", said="commented")


@router.post("/inbox/{escalation_id}/claim")
async def claim(request: Request) -> Response:
    """Take an escalation, so that others see who looks at it."""
    visit = await _visit(request)
    try:
        await escalations.claim_escalation(visit.db, UUID(visit.id))
    except Conflict as error:
        return _page(visit, await _read(visit), warning=error.detail, status=CONFLICT)
    return redirect(f"{HOME}/{visit.id}", said="claimed")


@router.post("/inbox/{escalation_id}/release")
async def release(request: Request) -> Response:
    """Give an escalation back."""
    visit = await _visit(request)
    await escalations.release_escalation(visit.db, UUID(visit.id))
    return redirect(f"{HOME}/{visit.id}", said="released")


@router.get("/links/{token}")
async def show_link(request: Request) -> Response:
    """Show what a one-time link is about. Opening it uses nothing up."""
    try:
        opened = await _open_link(request)
    except PlaneError as error:
        return _ended_link(error)
    return _link_page(request, opened)


@router.post("/links/{token}")
async def answer_link(request: Request) -> Response:
    """Answer by a one-time link."""
    form = await posted(request)
    try:
        opened = await _open_link(request)
        escalation = opened["escalation"]
        said, filled, problems = answer_of(escalation, form)
        if filled.errors or problems:
            return _link_page(request, opened, Sent(form, filled, problems))
        try:
            answered = cast(
                "dict[str, Any]",
                await escalations.answer_link(await database_of(request.app), _hash_of(request), said),
            )
        except InvalidInput as error:
            wrong = refused_fields(escalation, error.errors, error.detail)
            return _link_page(request, opened, Sent(form, filled, wrong))
    except PlaneError as error:
        return _ended_link(error)
    await (await doorbell(request)).ring(answered["due"])
    is_vote = answered["status"] == "voted"
    page = NoticePage(
        viewer=None,
        heading="Your vote is recorded" if is_vote else "Your answer is recorded",
        text="Others must say the same before it counts."
        if is_vote
        else "You can close this page. The link is used up.",
        mood="good",
        href=f"{HOME}/{escalation['id']}",
        action="Sign in to follow it",
    )
    return render(page)


async def _visit(request: Request) -> _Visit:
    try:
        escalation_id = str(UUID(request.path_params["escalation_id"]))
    except ValueError:
        raise NotFound("There is no such question.", hint="Look in the inbox.") from None
    who = await signed_in(request)
    db = await database_as(request, who)
    return _Visit(who, db, await viewer_of(request, who, db), escalation_id, datetime.now(UTC))


async def _read(visit: _Visit) -> Escalation:
    return cast("Escalation", await escalations.get_escalation(visit.db, visit.id))


def _page(
    visit: _Visit,
    escalation: Escalation,
    *,
    sent: Sent | None = None,
    flash: str = "",
    warning: str = "",
    status: int = 200,
) -> Response:
    path = f"{HOME}/{visit.id}"
    form_token = visit.viewer.form_token
    is_open = escalation["decided_at"] is None
    answering = None
    if escalation["may_answer"]:
        voted = any(each["by"].get("id") == visit.me for each in escalation["votes"])
        note = "You have voted. Answer again to change your vote." if voted else ""
        answering = answering_of(escalation, path, form_token, sent, note=note)
    refusal = "" if answering or not is_open else REFUSALS.get(escalation["refusal"], "You may not answer this.")
    claimed_by = _id_of(escalation["claimed_by"])
    may_claim = answering is not None and claimed_by in (None, visit.me)
    page = EscalationPage(
        viewer=visit.viewer,
        id=visit.id,
        question=question_of(escalation, visit.now),
        answering=answering,
        refusal=refusal,
        needs_second_factor=is_open and escalation["refusal"] == "aal2_required",
        decision=decision_of(escalation, visit.now, visit.me),
        votes=votes_of(escalation, visit.me),
        history=history_of(escalation, visit.now, visit.me),
        claim=("Give it back" if claimed_by else "Take it") if may_claim else "",
        claim_action=f"{path}/{'release' if claimed_by else 'claim'}",
        may_comment=visit.viewer.role != "viewer",
        form_token=form_token,
        flash=_flash_of(flash, is_open=is_open),
        warning=warning,
    )
    return render(page, status)


def _flash_of(said: str, *, is_open: bool) -> str:
    """Give the words for what was just done; an address alone cannot claim that something was answered."""
    return "" if (said == "answered") == is_open else _FLASHES.get(said, "")


def _too_late(visit: _Visit, escalation: Escalation) -> Response:
    """Say that an answer was not taken, and why."""
    if escalation["decided_at"] is None:
        warning = "Your answer was not taken. " + REFUSALS.get(escalation["refusal"], "")
        return _page(visit, escalation, warning=warning, status=403)
    if _id_of(escalation["decided_by"]) == visit.me:
        warning = "You had answered this already. That answer counts."
    else:
        warning = "Somebody was faster: your answer was not taken. What counts stands below."
    return _page(visit, escalation, warning=warning, status=CONFLICT)


async def _open_link(request: Request) -> dict[str, Any]:
    opened = await escalations.open_link(await database_of(request.app), _hash_of(request))
    return cast("dict[str, Any]", opened)


def _link_page(request: Request, opened: dict[str, Any], sent: Sent | None = None) -> Response:
    escalation, now = opened["escalation"], datetime.now(UTC)
    path, form_token = request.url.path, cookies_of(request).form_token()
    page = LinkPage(
        viewer=None,
        question=question_of(escalation, now),
        answering=answering_of(escalation, path, form_token, sent),
        member=opened["email"],
        expires=moment(opened["expires_at"], now),
    )
    return render(page, UNFIT if sent else 200)


def _ended_link(error: PlaneError) -> Response:
    if error.status not in (NotFound.status, Gone.status, Conflict.status, 403):
        raise error
    page = NoticePage(
        viewer=None,
        heading="This link does not answer anything",
        text=error.detail,
        mood="warn",
        hint=error.hint or "",
        href=HOME,
        action="Sign in",
    )
    return render(page, error.status)


def _id_of(actor: JsonObject | None) -> Json:
    return actor.get("id") if actor else None


def _hash_of(request: Request) -> str:
    return sha256(request.path_params["token"].encode()).hexdigest()


def _text_of(cursor: JsonObject) -> str:
    return urlsafe_b64encode(json.dumps(cursor).encode()).decode()


def _cursor_of(text: str) -> JsonObject | None:
    """Read a cursor of ours; anything else begins at the beginning."""
    try:
        cursor = json.loads(urlsafe_b64decode(text.encode()))
        return {
            "rank": int(cursor["rank"]),
            "at": datetime.fromisoformat(cursor["at"]).isoformat(),
            "id": str(UUID(cursor["id"])),
        }
    except (ValueError, KeyError, TypeError):
        return None
