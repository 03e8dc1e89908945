"""Event triggers: what starts when an event happens."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Request
from pydantic import Field, JsonValue

from functions.shared.db import triggers
from functions.shared.errors import FieldProblem
from functions.shared.jsonvalue import JsonObject
from functions.shared.triggers.mapping import TRIGGER_NAMES, mapping_problems
from functions.shared.web import (
    Answer,
    Body,
    Db,
    ListOf,
    Page,
    PlaneRouter,
    Timestamp,
    create_app,
    example,
    invalid_input,
    lambda_handler,
    requires,
)
from functions.shared.web.connection import wake_chore
from functions.shared.web.targets import Name, StartTarget, Version, WorkflowName

router = PlaneRouter(prefix="/api/triggers", tags=["triggers"])

EventPattern = Annotated[
    str,
    Field(
        max_length=200,
        pattern=r"^[A-Za-z0-9_:-]+(\.[A-Za-z0-9_:-]+)*(\.\*)?$",
        description="A type (`execution.failed`) or all below a prefix (`event.order.*`). What a step or a hook emits "
        "as `order_paid` has the type `event.order_paid`.",
    ),
]
Match = Annotated[
    dict[str, JsonValue], Field(description="Fields of the event's data that must be equal, such as {region: eu}.")
]
Input = Annotated[
    dict[str, JsonValue] | str | None,
    Field(description="With `${{ }}` over `event` {id, type, time, execution_id, path, data} and `trigger`."),
]


class CreateTrigger(Body):
    """Which events start which workflow with which input."""

    name: Name
    event: EventPattern
    match: Match = Field(default_factory=dict[str, JsonValue])
    workflow: WorkflowName
    version: Version = None
    input: Input = None
    enabled: bool = True


class ChangeTrigger(Body):
    """The fields to change. `workflow`, `version` and `input` belong together: send all that count."""

    name: Name = ""
    event: EventPattern = ""
    match: Match = Field(default_factory=dict[str, JsonValue])
    workflow: WorkflowName = ""
    version: Version = None
    input: Input = None
    enabled: bool = True


class Trigger(Answer):
    """An event trigger."""

    id: UUID
    name: str
    event: str
    match: dict[str, JsonValue]
    workflow: str
    version: int | None
    input: JsonValue
    enabled: bool
    created_by: dict[str, JsonValue]
    created_at: Timestamp
    updated_at: Timestamp


class FiredError(Answer):
    """Why nothing was started."""

    code: str
    message: str


class Fired(Answer):
    """An event that a trigger took. failed: it can be redelivered."""

    id: UUID
    trigger_id: UUID | None
    message_id: Annotated[str, Field(description="The id of the event.")]
    status: Literal["pending", "handled", "failed"]
    attempts: int
    execution_id: UUID | None
    error: FiredError | None
    received_at: Timestamp
    handled_at: Timestamp | None


_TRIGGER: JsonObject = {
    "id": "2f6a8d1b-4b3d-4c0f-9d6e-7a1b2c3d4e5f",
    "name": "tell about failures",
    "event": "execution.failed",
    "match": {},
    "workflow": "tell-somebody",
    "version": None,
    "input": {"what": "${{ event.execution_id }} failed: ${{ event.data.message }}"},
    "enabled": True,
    "created_by": {"kind": "operator_key", "id": "5f3f1f64-1c7e-4c8e-8a43-3a4d7b1c9f10", "label": "first operator"},
    "created_at": "2026-11-21T10:00:00Z",
    "updated_at": "2026-11-21T10:00:00Z",
}
_FIRED: JsonObject = {
    "id": "9e8d7c6b-5a4f-4e3d-8c2b-1a0f9e8d7c6b",
    "trigger_id": _TRIGGER["id"],
    "message_id": "evt_1042",
    "status": "handled",
    "attempts": 1,
    "execution_id": "7d5c2a5e-8e0f-4b5e-9a4f-0e6b2d5b9c11",
    "error": None,
    "received_at": "2026-11-21T10:00:00Z",
    "handled_at": "2026-11-21T10:00:01Z",
}
_PATH = f"/api/triggers/{_TRIGGER['id']}"
_SAID = ("name", "event", "match", "workflow", "version", "input", "enabled")


@router.post(
    "",
    status_code=201,
    response_model=Trigger,
    dependencies=[requires("triggers:write")],
    **example("/api/triggers", body={name: _TRIGGER[name] for name in _SAID}, answer=_TRIGGER, status=201),
)
async def create_trigger(body: CreateTrigger, db: Db) -> object:
    """Start a workflow whenever an event happens: each event that matches starts it exactly once.

    Emitted events, those of hooks, and the plane's own count. More than eight triggers in a row, each started by what
    the one before did, end the chain: `trigger_loop`.
    """
    _check(body.input)
    fields = body.model_dump(mode="json", include={"name", "event", "match", "enabled"})
    answer = await triggers.create_trigger(db, {**fields, "target": _target(body)})
    return _shown(answer)


@router.get(
    "",
    response_model=ListOf[Trigger],
    dependencies=[requires("triggers:read")],
    **example("/api/triggers", answer={"data": [_TRIGGER], "next_cursor": None}),
)
async def list_triggers(db: Db, page: Page) -> object:
    """List the event triggers, the newest first."""
    found: Any = await triggers.list_triggers(db, page.payload())
    return page.of({**found, "data": [_shown(each) for each in found["data"]]}, Trigger)


@router.get(
    "/messages",
    response_model=ListOf[Fired],
    dependencies=[requires("triggers:read")],
    **example("/api/triggers/messages", answer={"data": [_FIRED], "next_cursor": None}),
)
async def list_fired(
    db: Db,
    page: Page,
    trigger_id: UUID | None = None,
    status: Annotated[
        Literal["pending", "handled", "failed"] | None, Query(description="failed: they can be redelivered.")
    ] = None,
) -> object:
    """List the events that triggers took, the newest first, and what each started."""
    filters = page.payload(trigger_id=str(trigger_id) if trigger_id else None, status=status, is_hook=False)
    return page.of(await triggers.list_messages(db, filters), Fired)


@router.post(
    "/messages/{message_id}/redeliver",
    status_code=202,
    response_model=Fired,
    dependencies=[requires("triggers:write")],
    **example(
        f"/api/triggers/messages/{_FIRED['id']}/redeliver",
        answer={**_FIRED, "status": "pending", "execution_id": None, "attempts": 0, "handled_at": None},
        status=202,
    ),
)
async def redeliver_fired(message_id: UUID, db: Db, request: Request) -> object:
    """Try an event that failed to start something once more, by the trigger as it is now."""
    answer = await triggers.redeliver_message(db, message_id)
    await wake_chore(request.app, "triggers")
    return answer


@router.get(
    "/{trigger_id}",
    response_model=Trigger,
    dependencies=[requires("triggers:read")],
    **example(_PATH, answer=_TRIGGER),
)
async def get_trigger(trigger_id: UUID, db: Db) -> object:
    """Read one event trigger."""
    return _shown(await triggers.get_trigger(db, trigger_id))


@router.patch(
    "/{trigger_id}",
    response_model=Trigger,
    dependencies=[requires("triggers:write")],
    **example(_PATH, body={"enabled": True}, answer=_TRIGGER),
)
async def update_trigger(trigger_id: UUID, body: ChangeTrigger, db: Db) -> object:
    """Change fields of an event trigger. Switched on, it takes what happens from now on."""
    _check(body.input)
    sent = body.model_fields_set
    if sent & {"version", "input"} and "workflow" not in sent:
        message = "`workflow`, `version` and `input` are changed together."
        raise invalid_input([FieldProblem("/workflow", "missing", message, "Send all that count.")])
    changes = body.model_dump(mode="json", exclude_unset=True, exclude={"workflow", "version", "input"})
    if "workflow" in sent:
        changes["target"] = _target(body)
    return _shown(await triggers.update_trigger(db, trigger_id, changes))


@router.delete("/{trigger_id}", status_code=204, dependencies=[requires("triggers:write")], **example(_PATH))
async def delete_trigger(trigger_id: UUID, db: Db) -> None:
    """Delete an event trigger with the list of what it took."""
    await triggers.delete_trigger(db, trigger_id)


def _check(mapping: JsonValue) -> None:
    if problems := mapping_problems(mapping, TRIGGER_NAMES, "/input"):
        raise invalid_input(problems)


def _target(body: CreateTrigger | ChangeTrigger) -> dict[str, Any]:
    return StartTarget(workflow=body.workflow, version=body.version, input=body.input).as_json()


def _shown(trigger: Any) -> dict[str, Any]:  # noqa: ANN401  a verb's answer
    target = trigger["target"]
    said = {"workflow": target["workflow"], "version": target.get("version"), "input": target.get("input", {})}
    return {**trigger, **said}


app = create_app("triggers", router)
handler = lambda_handler(app)
