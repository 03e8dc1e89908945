"""Agents ask people here; people take, answer and dismiss what was asked."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import Path, Query, Request, Response

from functions.escalations import examples
from functions.escalations.models import (
    FORMER_PRIORITY,
    FORMER_STATUS,
    AskPeople,
    Assign,
    ChangeEscalation,
    Decide,
    Escalation,
    Kind,
    MailTo,
    OpenLink,
    Remark,
    SaidPriority,
    SaidStatus,
    Say,
)
from functions.shared.db import escalations
from functions.shared.jsonvalue import JsonObject
from functions.shared.web import (
    Bell,
    Db,
    ListOf,
    Page,
    PlaneRouter,
    PreferWait,
    create_app,
    example,
    lambda_handler,
    public,
    requires,
)
from functions.shared.web.connection import database_of
from functions.shared.web.decisions import checked_decision
from functions.shared.web.dependencies import MAX_WAIT_SECONDS
from functions.shared.web.pace import Pace

router = PlaneRouter(prefix="/api/escalations", tags=["escalations"])
links = PlaneRouter(prefix="/api/links", tags=["escalations"])

_ONE = "/{escalation_id}"
_PATH = f"/api/escalations/{examples.OPEN['id']}"
_LINK = f"/api/links/{examples.TOKEN}"
Token = Annotated[str, Path(min_length=20, max_length=200, description="The secret of the link.")]


@router.post(
    "",
    status_code=201,
    response_model=Escalation,
    dependencies=[requires("escalations:write")],
    **example("/api/escalations", body=examples.ASK, answer=examples.OPEN, status=201),
)
async def create_escalation(body: AskPeople, db: Db) -> object:
    """Ask people. Follow the answer with `GET /{id}?wait=20`; a workflow waits for the event `escalation.resolved`.

    With `timeout_seconds` it closes as timed_out, with `on_timeout` as its outcome if there is one.
    """
    return await escalations.create_escalation(db, body.question)


@router.get(
    "",
    response_model=ListOf[Escalation],
    dependencies=[requires("escalations:read")],
    **example("/api/escalations?is_open=true", answer={"data": [examples.LISTED], "next_cursor": None}),
)
async def list_escalations(  # noqa: PLR0913, PLR0917  each filter is a parameter
    db: Db,
    page: Page,
    status: Annotated[SaidStatus | None, Query(description="`pending` is open, `in_progress` claimed.")] = None,
    is_open: Annotated[bool | None, Query(description="Open and claimed ones, or only those that are closed.")] = None,
    priority: Annotated[SaidPriority | None, Query(description="`medium` is normal.")] = None,
    kind: Kind | None = None,
    execution_id: UUID | None = None,
    agent_id: UUID | None = None,
    mine: Annotated[bool | None, Query(description="Assigned to you, or taken by you.")] = None,
    answerable: Annotated[bool | None, Query(description="Open, and you may answer them.")] = None,
) -> object:
    """List escalations: the urgent first, and of the same priority the oldest first."""
    filters = page.payload(
        status=FORMER_STATUS.get(status, status) if status else None,
        is_open=is_open,
        priority=FORMER_PRIORITY.get(priority, priority) if priority else None,
        kind=kind,
        execution_id=str(execution_id) if execution_id else None,
        agent_id=str(agent_id) if agent_id else None,
        is_mine=mine,
        is_answerable=answerable,
    )
    return page.of(await escalations.list_escalations(db, filters), Escalation)


@router.get(
    _ONE,
    response_model=Escalation,
    dependencies=[requires("escalations:read")],
    **example(f"{_PATH}?wait=20", answer=examples.RESOLVED),
)
async def get_escalation(
    escalation_id: UUID,
    db: Db,
    prefer: PreferWait,
    wait: Annotated[int, Query(ge=0, description=f"Seconds to wait for the answer, at most {MAX_WAIT_SECONDS}.")] = 0,
) -> object:
    """Read an escalation.

    `?wait=20` (or `Prefer: wait=20`) answers as soon as it is closed, or after 20 seconds as it is then.
    """
    pace = Pace(max(prefer, float(min(wait, MAX_WAIT_SECONDS))))
    while True:
        escalation = cast("dict[str, Any]", await escalations.get_escalation(db, escalation_id))
        if escalation["decided_at"] is not None or not await pace.has_more():
            return escalation


@router.patch(
    _ONE,
    response_model=Escalation,
    dependencies=[requires("")],
    **example(_PATH, body={"status": "in_progress", "priority": "urgent"}, answer=examples.CLAIMED),
)
async def update_escalation(escalation_id: UUID, body: ChangeEscalation, db: Db, bell: Bell) -> object:
    """Assign an escalation, change its priority, or move it: claimed (in_progress), open again, resolved, dismissed.

    One call, all or nothing. What `/claim`, `/release`, `/assign`, `/resolve` and `/dismiss` do one at a time.
    """
    changes: dict[str, Any] = {}
    if body.priority is not None:
        changes["priority"] = FORMER_PRIORITY.get(body.priority, body.priority)
    if "assign_to" in body.model_fields_set:
        changes["assign_to"] = body.model_dump(mode="json", include={"assign_to"}, exclude_none=True).get("assign_to")
    if body.status is not None:
        changes["status"] = FORMER_STATUS.get(body.status, body.status)
    if body.status == "resolved":
        changes |= await _checked(db, escalation_id, _said(body))
    elif body.comment or body.resolution:
        changes["comment"] = body.comment or body.resolution
    changed: Any = await escalations.update_escalation(db, escalation_id, changes)
    await bell.ring(changed["due"])
    return changed["escalation"]


@router.post(
    f"{_ONE}/claim",
    response_model=Escalation,
    dependencies=[requires("escalations:write")],
    **example(f"{_PATH}/claim", answer=examples.CLAIMED),
)
async def claim_escalation(escalation_id: UUID, db: Db) -> object:
    """Take an escalation, so that others see who looks at it: one of many who try has it, the others get 409.

    It keeps nobody who may answer from doing so.
    """
    return await escalations.claim_escalation(db, escalation_id)


@router.post(
    f"{_ONE}/release",
    response_model=Escalation,
    dependencies=[requires("escalations:write")],
    **example(f"{_PATH}/release", answer=examples.OPEN),
)
async def release_escalation(escalation_id: UUID, db: Db) -> object:
    """Give back an escalation that you have taken; owners and admins may give back anybody's."""
    return await escalations.release_escalation(db, escalation_id)


@router.post(
    f"{_ONE}/assign",
    response_model=Escalation,
    dependencies=[requires("escalations:write")],
    **example(f"{_PATH}/assign", body={"assign_to": "anna@example.com"}, answer=examples.OPEN),
)
async def assign_escalation(escalation_id: UUID, body: Assign, db: Db, bell: Bell) -> object:
    """Assign an escalation: from then on only they may answer. Owners and admins may, and who may answer it now."""
    given = body.model_dump(mode="json", exclude_none=True).get("assign_to")
    changed: Any = await escalations.update_escalation(db, escalation_id, {"assign_to": given})
    await bell.ring(changed["due"])
    return changed["escalation"]


@router.post(
    f"{_ONE}/resolve",
    response_model=Escalation,
    responses={202: {"model": Escalation, "description": "A vote: others must say the same."}},
    dependencies=[requires("")],
    **example(f"{_PATH}/resolve", body=examples.ANSWER, answer=examples.RESOLVED, also={202: examples.VOTED}),
)
async def resolve_escalation(escalation_id: UUID, body: Decide, db: Db, bell: Bell, response: Response) -> object:
    """Answer an escalation. What waits for it goes on with what you filled in, which may differ from what was shown.

    Only people answer approvals; keys of kind operator may decide budgets and lost steps too. The first answer counts,
    later ones get 409. 403 says why not: `people_only`, `assigned_to_another`, `requester_may_not_decide` or
    `aal2_required`.
    """
    answered: Any = await escalations.resolve_escalation(
        db, escalation_id, await _checked(db, escalation_id, body.answer)
    )
    return await _told(answered, bell, response)


@router.post(
    f"{_ONE}/dismiss",
    response_model=Escalation,
    dependencies=[requires("escalations:write")],
    **example(f"{_PATH}/dismiss", body={"comment": "The customer withdrew."}, answer=examples.DISMISSED),
)
async def dismiss_escalation(
    escalation_id: UUID,
    db: Db,
    bell: Bell,
    body: Remark = Remark(),  # noqa: B008  frozen
) -> object:
    """Dismiss a question that needs no answer any more. Who asked may, and who may answer.

    What an execution waits for cannot be dismissed: resolve it, or cancel the execution.
    """
    dismissed: Any = await escalations.dismiss_escalation(db, escalation_id, body.comment)
    await bell.ring(dismissed["due"])
    return dismissed["escalation"]


@router.post(
    f"{_ONE}/comment",
    response_model=Escalation,
    dependencies=[requires("escalations:write")],
    **example(
        f"{_PATH}/comment",
        body={"text": "Have you asked the customer for the invoice?"},
        answer=examples.COMMENTED,
    ),
)
async def comment_on_escalation(escalation_id: UUID, body: Say, db: Db) -> object:
    """Say something about an escalation, for those who decide and those who asked."""
    return await escalations.comment_on_escalation(db, escalation_id, body.text)


@router.post(
    f"{_ONE}/mail",
    response_model=Escalation,
    dependencies=[requires("members:manage")],
    **example(f"{_PATH}/mail", body={"user_id": examples.ANNA["id"]}, answer=examples.OPEN),
)
async def mail_escalation(escalation_id: UUID, body: MailTo, db: Db) -> object:
    """Send a member, who may decide by mail, a mail with a one-time link. The link goes to their mailbox alone."""
    return await escalations.mail_escalation(db, escalation_id, body.user_id)


@links.get("/{token}", response_model=OpenLink, dependencies=[public()], **example(_LINK, answer=examples.LINK))
async def open_link(token: Token, request: Request) -> object:
    """Show what a one-time link is about. Opening it changes nothing, however often it is done."""
    return await escalations.open_link(await database_of(request.app), _hash_of(token))


@links.post(
    "/{token}",
    response_model=Escalation,
    responses={202: {"model": Escalation, "description": "A vote: others must say the same."}},
    dependencies=[public()],
    **example(_LINK, body=examples.ANSWER, answer=examples.RESOLVED, also={202: examples.VOTED}),
)
async def answer_link(token: Token, body: Decide, request: Request, bell: Bell, response: Response) -> object:
    """Answer by a one-time link, as the member that it was sent to. It works once; a refused answer leaves it.

    410 says what became of it: `link_used`, `link_expired`, `link_revoked`, `link_closed`.
    """
    database = await database_of(request.app)
    opened: Any = await escalations.open_link(database, _hash_of(token))
    answer = checked_decision(opened["escalation"]["kind"], opened["escalation"], body.answer)
    answered: Any = await escalations.answer_link(database, _hash_of(token), answer)
    return await _told(answered, bell, response)


def _hash_of(token: str) -> str:
    return sha256(token.encode()).hexdigest()


async def _told(answered: Any, bell: Bell, response: Response) -> object:  # noqa: ANN401  what a verb answers
    await bell.ring(answered["due"])
    response.status_code = 202 if answered["status"] == "voted" else 200
    return answered["escalation"]


async def _checked(db: Db, escalation_id: UUID, answer: JsonObject) -> JsonObject:
    """Check an answer against its question, if it can still be answered by who asks; else the verb says why not."""
    escalation = cast("dict[str, Any]", await escalations.get_escalation(db, escalation_id))
    if not escalation["may_answer"]:
        return answer
    if "outcome" not in answer and not escalation["outcomes"]:
        answer = {"outcome": "answered", **answer}
    resolution = answer.pop("resolution", None)
    if resolution is not None:
        is_outcome = bool(escalation["outcomes"]) and "outcome" not in answer
        answer.setdefault("outcome" if is_outcome else "comment", resolution)
    return checked_decision(escalation["kind"], escalation, answer)


def _said(body: ChangeEscalation) -> JsonObject:
    return body.model_dump(mode="json", include={"outcome", "form", "comment", "resolution"}, exclude_none=True)


app = create_app("escalations", router, links)
handler = lambda_handler(app)
