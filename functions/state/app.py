"""State: JSON values by component and key, with a time to live, compare-and-set, history, watching and locks."""

from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from fastapi import Query, Response
from pydantic import AwareDatetime, Field, FiniteFloat, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from functions.shared.db import state
from functions.shared.errors import Conflict, FieldProblem, NotFound
from functions.shared.jsonvalue import JsonObject
from functions.shared.web import (
    Answer,
    Body,
    Db,
    IfMatch,
    ListOf,
    Page,
    PlaneRouter,
    PreferWait,
    Timestamp,
    create_app,
    etag_of,
    example,
    invalid_input,
    lambda_handler,
    requires,
)
from functions.shared.web.dependencies import MAX_WAIT_SECONDS
from functions.shared.web.pace import Pace

router = PlaneRouter(prefix="/api/state", tags=["state"])

Component: TypeAlias = Annotated[str, Field(min_length=1, max_length=200, description="Whose state: any name.")]
Key: TypeAlias = Annotated[str, Field(min_length=1, max_length=500)]
Version: TypeAlias = Annotated[
    int | None,
    Field(ge=0, lt=2**63, description="Write only when this is the current version; 0: only when there is none."),
]
FencingToken: TypeAlias = Annotated[
    int | None,
    Field(ge=1, lt=2**63, description="Write only while nobody else has taken the lock of this component and key."),
]
ComponentQuery: TypeAlias = Annotated[str, Query(min_length=1, max_length=200, description="Whose state.")]


class Written(Body):
    """What every write names."""

    component: Component
    key: Key
    agent_id: Annotated[UUID | None, Field(description="The agent that writes; counts as its sign of life.")] = None
    expires_in_seconds: Annotated[FiniteFloat | None, Field(gt=0, le=315_360_000)] = None
    expires_at: AwareDatetime | None = None
    if_version: Version = None
    fencing_token: FencingToken = None

    @model_validator(mode="after")
    def expires_once(self) -> "Written":
        if self.expires_in_seconds is not None and self.expires_at is not None:
            raise PydanticCustomError("not_both", "give expires_in_seconds or expires_at, not both")
        return self

    def payload(self, if_match: str | None) -> dict[str, Any]:
        """Give the verb's payload: what was sent, and what If-Match asked for. A null value is a value."""
        given = self.model_dump(mode="json", exclude_unset=True)
        empty = [name for name in Written.model_fields if given.get(name, 0) is None]
        return {name: value for name, value in given.items() if name not in empty} | (
            {} if if_match is None else {"if_match": if_match}
        )


class PutState(Written):
    """A value to store: any JSON, also null, 0, "" and false."""

    value: JsonValue


class ChangeState(Written):
    """A change to apply to what is there: exactly one of increment, append and merge."""

    increment: Annotated[
        int | FiniteFloat | None, Field(description="Add this to the number; nothing there counts as 0.")
    ] = None
    append: Annotated[
        JsonValue, Field(description="Add this to the end of the list; nothing there counts as empty.")
    ] = None
    max_length: Annotated[int | None, Field(ge=1, le=100_000, description="append: keep only the last ones.")] = None
    merge: Annotated[
        dict[str, JsonValue] | None, Field(description="JSON merge patch for an object: null removes a field.")
    ] = None

    @model_validator(mode="after")
    def changes_once(self) -> "ChangeState":
        kinds = sorted(self.model_fields_set & {"increment", "append", "merge"})
        if len(kinds) != 1:
            named = f"got {' and '.join(kinds)}" if kinds else "got none"
            raise PydanticCustomError(
                "not_one", "give exactly one of increment, append and merge; {named}", {"named": named}
            )
        if "max_length" in self.model_fields_set and kinds != ["append"]:
            raise PydanticCustomError("not_one", "max_length goes with append only")
        for kind in {"increment", "merge"} & {*kinds}:
            if getattr(self, kind) is None:
                raise PydanticCustomError("wrong_type", "{kind} must not be null", {"kind": kind})
        return self


class State(Answer):
    """A value. `version` rises with every write; send it as `if_version` to write only when nobody wrote in between."""

    component: str
    key: str
    value: JsonValue
    version: int
    agent_id: UUID | None = None
    expires_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class StateVersion(Answer):
    """A value as it was. It counted from `updated_at` to `ended_at`; null: it still does."""

    component: str
    key: str
    value: JsonValue
    version: int
    agent_id: UUID | None
    created_at: Timestamp
    updated_at: Timestamp
    ended_at: Timestamp | None
    ended_by: Literal["replaced", "deleted", "expired"] | None


class TakeLock(Body):
    """A lock to take, or with its `fencing_token` to renew. Locks need no value under their name."""

    component: Component
    key: Key
    lease_seconds: Annotated[FiniteFloat, Field(ge=1, le=86_400, description="Renew it before they are over.")] = 30
    fencing_token: Annotated[int | None, Field(ge=1, lt=2**63, description="To renew: what you got.")] = None
    holder: Annotated[str | None, Field(max_length=200, description="Your name, for others to read.")] = None
    agent_id: UUID | None = None


class GiveLock(Body):
    """A lock to give back."""

    component: Component
    key: Key
    fencing_token: Annotated[int, Field(ge=1, lt=2**63)]


class Lock(Answer):
    """A lock. Send `fencing_token` with writes to this component and key: a later holder's is always higher."""

    component: str
    key: str
    fencing_token: int
    holder: str | None
    agent_id: UUID | None
    acquired_at: Timestamp
    lease_until: Timestamp


_STATE: JsonObject = {
    "component": "my-component",
    "key": "data",
    "value": {"cursor": 17},
    "version": 3,
    "agent_id": None,
    "expires_at": None,
    "created_at": "2026-11-21T10:00:00Z",
    "updated_at": "2026-11-21T10:05:00Z",
}
_PATH = "/api/state?component=my-component&key=data"
_VERSION: JsonObject = {
    **{name: _STATE[name] for name in ("component", "key", "value", "agent_id", "created_at")},
    "version": 2,
    "updated_at": "2026-11-21T10:01:00Z",
    "ended_at": "2026-11-21T10:05:00Z",
    "ended_by": "replaced",
}
_LOCK: JsonObject = {
    "component": "my-component",
    "key": "data",
    "fencing_token": 41,
    "holder": "my-agent",
    "agent_id": None,
    "acquired_at": "2026-11-21T10:00:00Z",
    "lease_until": "2026-11-21T10:00:30Z",
}


@router.post(
    "",
    status_code=201,
    response_model=State,
    responses={200: {"model": State, "description": "There was a value; it was replaced."}},
    dependencies=[requires("state:write")],
    **example(
        "/api/state",
        body={"component": "my-component", "key": "data", "value": {"cursor": 17}, "expires_in_seconds": 3600},
        answer={**_STATE, "version": 1},
        status=201,
        also={200: _STATE},
    ),
)
async def put_state(body: PutState, db: Db, response: Response, if_match: IfMatch = None) -> object:
    """Store a value, replacing what is there and its expiry. At most 256 kB as JSON.

    201 when there was none, 200 when one was replaced. With `if_version` (or If-Match) it is refused when somebody
    wrote in between: 409 `state_version_conflict` (or 412).
    """
    return _written(await state.put_state(db, body.payload(if_match)), response)


@router.get(
    "",
    response_model=State | StateVersion | ListOf[State],
    dependencies=[requires("state:read")],
    **example(_PATH, answer=_STATE),
)
async def get_state(  # noqa: PLR0913, PLR0917  each is a query parameter
    db: Db,
    page: Page,
    response: Response,
    component: ComponentQuery,
    key: Annotated[str | None, Query(min_length=1, max_length=500, description="Exactly this key: one value.")] = None,
    prefix: Annotated[str | None, Query(max_length=500, description="Keys that start so: a page.")] = None,
    version: Annotated[int | None, Query(ge=1, lt=2**63, description="The value of that version, if kept.")] = None,
    as_of: Annotated[AwareDatetime | None, Query(description="The value that counted at that time, if kept.")] = None,
    since_version: Annotated[
        int | None, Query(ge=0, lt=2**63, description="Watch: with `wait`, answer when the version is higher.")
    ] = None,
    wait: Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for a change.")] = 0,
) -> object:
    """Read one value by `key`, or a page of a component's values, by `prefix` or all. Expired ones are not there.

    `since_version=3&wait=20` answers as soon as there is a later version than 3, or what there is after 20 seconds;
    with `since_version=0` it waits for a value to be there. `version=` and `as_of=` read what was there before.
    """
    _only_with_key(key, prefix=prefix, version=version, as_of=as_of, since_version=since_version)
    if key is None:
        return page.of(await state.list_state(db, page.payload(component=component, prefix=prefix)), State)
    if version is not None or as_of is not None:
        moment: JsonObject = {"version": version} if as_of is None else {"as_of": as_of.isoformat()}
        return StateVersion.model_validate(await state.get_state_version(db, component, key, moment))
    answer = await _watched(db, component, key, since_version, wait)
    response.headers["ETag"] = etag_of(answer["etag"])
    return State.model_validate(answer)


async def _watched(db: Db, component: str, key: str, since: int | None, seconds: float) -> Any:  # noqa: ANN401  a verb's
    pace = Pace(0 if since is None else seconds)
    while True:
        try:
            answer: Any = await state.get_state(db, component, key)
        except NotFound:
            if since != 0 or not await pace.has_more():  # there was one: its end is the change
                raise
            continue
        if since is None or answer["version"] > since or not await pace.has_more():
            return answer


def _only_with_key(key: str | None, **given: object) -> None:
    """Refuse what names one value and a page at once, or two moments of a value."""
    sent = [name for name, value in given.items() if value is not None]
    wrong = sent[1:] if key is None or "prefix" not in sent else sent[:1]
    if key is None:
        wrong = [name for name in sent if name != "prefix"]
    if wrong:
        message = "Give key for one value, or prefix for a page; of version, as_of and since_version at most one."
        raise invalid_input([FieldProblem(f"/query/{name}", "not_both", message) for name in wrong])


@router.get(
    "/history",
    response_model=ListOf[StateVersion],
    dependencies=[requires("state:read")],
    **example("/api/state/history?component=my-component&key=data", answer={"data": [_VERSION], "next_cursor": None}),
)
async def list_state_history(
    db: Db, page: Page, component: ComponentQuery, key: Annotated[str, Query(min_length=1, max_length=500)]
) -> object:
    """List the versions of a value, the newest first, also after it was deleted.

    Kept are 30 days and about a megabyte of a key: its last 100 versions, fewer of large ones.
    """
    return page.of(await state.list_state_history(db, page.payload(component=component, key=key)), StateVersion)


@router.post(
    "/lock",
    status_code=201,
    response_model=Lock,
    responses={200: {"model": Lock, "description": "It was yours, and is renewed."}},
    dependencies=[requires("state:write")],
    **example(
        "/api/state/lock",
        body={"component": "my-component", "key": "data", "lease_seconds": 30, "holder": "my-agent"},
        answer=_LOCK,
        status=201,
        also={200: _LOCK},
    ),
)
async def lock_state(body: TakeLock, db: Db, response: Response, wait: PreferWait = 0.0) -> object:
    """Take a lock: exactly one caller has it, until its lease is over or it gives it back.

    409 `lock_held` names the holder; with `Prefer: wait=20` the plane waits for it to be free. Renew it by sending its
    `fencing_token`. Writes that carry the token are refused (409 `lock_lost`) once somebody else has taken the lock,
    so a holder that was stopped for too long can do no harm.
    """
    payload = body.model_dump(mode="json", exclude_none=True)
    pace = Pace(wait)
    while True:
        try:
            answer: Any = await state.lock_state(db, payload)
            break
        except Conflict as refused:
            if refused.code != "lock_held" or not await pace.has_more():
                raise
    response.status_code = 201 if answer["is_new"] else 200
    return answer


@router.post(
    "/unlock",
    response_model=Lock,
    dependencies=[requires("state:write")],
    **example(
        "/api/state/unlock",
        body={"component": "my-component", "key": "data", "fencing_token": 41},
        answer={**_LOCK, "lease_until": "2026-11-21T10:00:12Z"},
    ),
)
async def unlock_state(body: GiveLock, db: Db) -> object:
    """Give a lock back. 409 `lock_lost` when somebody else has taken it meanwhile."""
    return await state.unlock_state(db, body.model_dump(mode="json"))


@router.patch(
    "",
    response_model=State,
    responses={201: {"model": State, "description": "There was none; it was made."}},
    dependencies=[requires("state:write")],
    **example(
        "/api/state",
        body={"component": "my-component", "key": "count", "increment": 1},
        answer={**_STATE, "key": "count", "value": 4},
        also={201: {**_STATE, "key": "count", "value": 1, "version": 1}},
    ),
)
async def change_state(body: ChangeState, db: Db, response: Response, if_match: IfMatch = None) -> object:
    """Change a value atomically: add to a number, append to a list, or merge into an object. The expiry stays.

    Many callers may do so at the same time and none is lost. Send an Idempotency-Key to repeat it safely.
    """
    payload = body.payload(if_match)
    if "increment" in payload:
        payload["by"] = payload.pop("increment")
        answer = await state.increment_state(db, payload)
    elif "append" in payload:
        payload["value"] = payload.pop("append")
        answer = await state.append_state(db, payload)
    else:
        answer = await state.merge_state(db, payload)
    return _written(answer, response)


@router.delete("", status_code=204, dependencies=[requires("state:write")], **example(_PATH))
async def delete_state(
    db: Db,
    component: ComponentQuery,
    key: Annotated[str, Query(min_length=1, max_length=500)],
    if_version: Annotated[
        int | None, Query(ge=1, lt=2**63, description="Only when this is the current version.")
    ] = None,
    fencing_token: Annotated[int | None, Query(ge=1, lt=2**63, description="Of the lock of this name.")] = None,
    if_match: IfMatch = None,
) -> None:
    """Delete a value. 404 when there is none."""
    fields: JsonObject = {"component": component, "key": key, "if_version": if_version, "if_match": if_match}
    fields["fencing_token"] = fencing_token
    await state.delete_state(db, fields)


def _written(answer: Any, response: Response) -> object:  # noqa: ANN401  a verb's answer
    response.status_code = 201 if answer["is_created"] else 200
    response.headers["ETag"] = etag_of(answer["etag"])
    return answer


app = create_app("state", router)
handler = lambda_handler(app)
