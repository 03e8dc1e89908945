"""Agents hand work to each other: offered, claimed under a lease, and done, given back or dead."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from functions.handoffs import examples
from functions.handoffs.models import (
    CancelHandoff,
    Chain,
    ChangeHandoff,
    Claimed,
    ClaimHandoff,
    ClaimNext,
    CreateHandoff,
    ExtendHandoff,
    Handoff,
    ReleaseHandoff,
    Status,
)
from functions.shared.db import handoffs
from functions.shared.dsl.schema import accept
from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.web import (
    Bell,
    Db,
    ListOf,
    Page,
    PlaneRouter,
    create_app,
    example,
    invalid_input,
    lambda_handler,
    requires,
)

router = PlaneRouter(prefix="/api/handoffs", tags=["hand-offs"])

_PATH = f"/api/handoffs/{examples.PENDING['id']}"
_ONE = "/{handoff_id}"
_VERBS = {"accepted": "accept", "rejected": "reject", "completed": "complete"}


@router.post(
    "",
    status_code=201,
    response_model=Handoff,
    dependencies=[requires("handoffs:write")],
    **example("/api/handoffs", body=examples.CREATE, answer=examples.PENDING, status=201),
)
async def create_handoff(body: CreateHandoff, db: Db) -> object:
    """Hand work to an agent (`to_agent_id`), to whoever fits (`match`), or to anybody.

    `packet` says what the next agent must know; its `acceptance.schema` is checked when the work is completed.
    `context` is any object. Name the hand-off that this one passes on as `parent_id`: circles are refused.
    """
    return await handoffs.create_handoff(db, body.fields())


@router.get(
    "",
    response_model=ListOf[Handoff],
    dependencies=[requires("handoffs:read")],
    **example(
        f"/api/handoffs?to_agent={examples.REVIEWER}&status=pending",
        answer={"data": [examples.PENDING], "next_cursor": None},
    ),
)
async def list_handoffs(  # noqa: PLR0913, PLR0917  a filter each
    db: Db,
    page: Page,
    to_agent: Annotated[UUID | None, Query(description="Handed to this agent by its id.")] = None,
    from_agent: Annotated[UUID | None, Query(description="Handed over by this agent.")] = None,
    agent_id: Annotated[UUID | None, Query(description="Taken by this agent.")] = None,
    status: Status | None = None,
    workflow_id: UUID | None = None,
    execution_id: UUID | None = None,
    parent_id: Annotated[UUID | None, Query(description="What this hand-off was passed on by.")] = None,
    offered_to: Annotated[
        UUID | None,
        Query(description="What this agent may take now, what fits it included, the oldest first; one page."),
    ] = None,
) -> object:
    """List hand-offs, the newest first."""
    given = {
        "to_agent": to_agent,
        "from_agent": from_agent,
        "agent_id": agent_id,
        "workflow_id": workflow_id,
        "execution_id": execution_id,
        "parent_id": parent_id,
        "offered_to": offered_to,
    }
    filters = page.payload(status=status, **{name: str(value) for name, value in given.items() if value is not None})
    return page.of(await handoffs.list_handoffs(db, filters), Handoff)


@router.post(
    "/claim",
    response_model=Claimed,
    responses={204: {"description": "There is nothing for this agent now."}},
    dependencies=[requires("handoffs:write")],
    **example("/api/handoffs/claim", body={"agent_id": examples.REVIEWER}, answer=examples.CLAIMED),
)
async def claim_next_handoff(body: ClaimNext, db: Db) -> object:
    """Take the oldest hand-off that this agent may have: one to it, or an open one that it fits.

    Many may ask at once: no two get the same one. 204 when there is none.
    """
    claimed = await handoffs.claim_next_handoff(db, body.model_dump(mode="json"))
    return Response(status_code=204) if claimed is None else claimed


@router.get(
    _ONE,
    response_model=Handoff,
    dependencies=[requires("handoffs:read")],
    **example(_PATH, answer=examples.PENDING),
)
async def get_handoff(handoff_id: UUID, db: Db) -> object:
    """Read one hand-off, with all that was handed over and what came of it."""
    return await handoffs.get_handoff(db, handoff_id)


@router.patch(
    _ONE,
    response_model=Handoff,
    dependencies=[requires("handoffs:write")],
    **example(_PATH, body={"status": "completed", "output_data": examples.OUTPUT}, answer=examples.COMPLETED),
)
async def change_handoff(handoff_id: UUID, body: ChangeHandoff, db: Db, bell: Bell) -> object:
    """Accept, reject or complete a hand-off: pending → accepted or rejected, accepted → completed.

    Accepting one that is not pending is 409, for the same agent too. An accepted one is completed without a token;
    one that was taken with `/claim` moves only with the claim's `token`. `output_data` must fit the packet's
    `acceptance.schema`; otherwise 422 names every field, and the hand-off stays as it is.
    """
    if body.status == "completed":
        _check_output(await handoffs.get_acceptance(db, handoff_id), body.output_data)
    changed = await handoffs.end_handoff(db, _VERBS[body.status], handoff_id, body.fields())
    await bell.ring(changed.get("due") or [])
    return changed


@router.get(
    f"{_ONE}/chain",
    response_model=Chain,
    dependencies=[requires("handoffs:read")],
    **example(f"{_PATH}/chain", answer={"data": [examples.LINK]}),
)
async def get_handoff_chain(handoff_id: UUID, db: Db) -> object:
    """Read the whole chain that a hand-off belongs to: where the work came from, and where it went."""
    return await handoffs.get_handoff_chain(db, handoff_id)


@router.post(
    f"{_ONE}/claim",
    response_model=Claimed,
    dependencies=[requires("handoffs:write")],
    **example(f"{_PATH}/claim", body={"agent_id": examples.REVIEWER, "lease_seconds": 300}, answer=examples.CLAIMED),
)
async def claim_handoff(handoff_id: UUID, db: Db, body: ClaimHandoff | None = None) -> object:
    """Take a hand-off under a lease; of many who try, one wins, the others get 409 `handoff_taken`.

    `token` is shown this once: complete, extend and release need it. Extend the claim before `lease_until`, or the work
    goes back; after `max_attempts` such claims it is dead, and a person is asked. With an Idempotency-Key a lost answer
    is given again.
    """
    wanted = body or ClaimHandoff()
    return await handoffs.claim_handoff(db, handoff_id, wanted.model_dump(mode="json", exclude_none=True))


@router.post(
    f"{_ONE}/extend",
    response_model=Handoff,
    dependencies=[requires("handoffs:write")],
    **example(f"{_PATH}/extend", body={"token": examples.TOKEN, "lease_seconds": 300}, answer=examples.EXTENDED),
)
async def extend_handoff(handoff_id: UUID, body: ExtendHandoff, db: Db) -> object:
    """Renew the lease of a claim. 409 `claim_lost` when it has run out: drop what you did."""
    return await handoffs.extend_handoff(db, handoff_id, body.model_dump(mode="json"))


@router.post(
    f"{_ONE}/release",
    response_model=Handoff,
    dependencies=[requires("handoffs:write")],
    **example(f"{_PATH}/release", body={"token": examples.TOKEN, "reason": "out of tokens"}, answer=examples.RELEASED),
)
async def release_handoff(handoff_id: UUID, body: ReleaseHandoff, db: Db, bell: Bell) -> object:
    """Give a claimed hand-off back, so that another agent may take it. The last of its attempts makes it dead."""
    released = await handoffs.end_handoff(db, "release", handoff_id, body.model_dump(mode="json", exclude_none=True))
    await bell.ring(released["due"])
    return released


@router.post(
    f"{_ONE}/cancel",
    response_model=Handoff,
    dependencies=[requires("handoffs:write")],
    **example(f"{_PATH}/cancel", body={"reason": "the draft was withdrawn"}, answer=examples.CANCELLED),
)
async def cancel_handoff(handoff_id: UUID, db: Db, body: CancelHandoff | None = None) -> object:
    """Take a hand-off back: by the key or agent that handed it over, an operator's key or a person.

    Whoever works on it learns it with the next call. One that a step waits for goes with its execution.
    """
    wanted = body or CancelHandoff()
    return await handoffs.end_handoff(db, "cancel", handoff_id, wanted.model_dump(mode="json", exclude_none=True))


def _check_output(schema: JsonObject | None, output: Json) -> None:
    """Hold an output against what the packet accepts. Raises InvalidInput, naming every field that does not fit."""
    problems = [] if schema is None else accept(schema, output).problems
    if problems:
        raise invalid_input([replace(problem, pointer=f"/output_data{problem.pointer}") for problem in problems])


app = create_app("handoffs", router)
handler = lambda_handler(app)
