"""State: JSON values by component and key, with a time to live and compare-and-set."""

from typing import Annotated, Any, TypeAlias
from uuid import UUID

from fastapi import Query, Response
from pydantic import AwareDatetime, Field, FiniteFloat, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from functions.shared.db import state
from functions.shared.errors import FieldProblem
from functions.shared.jsonvalue import JsonObject
from functions.shared.web import (
    Answer,
    Body,
    Db,
    IfMatch,
    ListOf,
    Page,
    PlaneRouter,
    Timestamp,
    create_app,
    etag_of,
    example,
    invalid_input,
    lambda_handler,
    requires,
)

router = PlaneRouter(prefix="/api/state", tags=["state"])

Component: TypeAlias = Annotated[str, Field(min_length=1, max_length=200, description="Whose state: any name.")]
Key: TypeAlias = Annotated[str, Field(min_length=1, max_length=500)]
Version: TypeAlias = Annotated[
    int | None,
    Field(ge=0, lt=2**63, description="Write only when this is the current version; 0: only when there is none."),
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
    response_model=State | ListOf[State],
    dependencies=[requires("state:read")],
    **example(_PATH, answer=_STATE),
)
async def get_state(
    db: Db,
    page: Page,
    response: Response,
    component: ComponentQuery,
    key: Annotated[str | None, Query(min_length=1, max_length=500, description="Exactly this key: one value.")] = None,
    prefix: Annotated[str | None, Query(max_length=500, description="Keys that start so: a page.")] = None,
) -> object:
    """Read one value by `key`, or a page of a component's values, by `prefix` or all. Expired ones are not there."""
    if key is not None and prefix is not None:
        problem = FieldProblem("/query/prefix", "not_both", "Give key for one value, or prefix for a page.")
        raise invalid_input([problem])
    if key is None:
        return page.of(await state.list_state(db, page.payload(component=component, prefix=prefix)), State)
    answer: Any = await state.get_state(db, component, key)
    response.headers["ETag"] = etag_of(answer["etag"])
    return State.model_validate(answer)


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
    if_match: IfMatch = None,
) -> None:
    """Delete a value. 404 when there is none."""
    fields: JsonObject = {"component": component, "key": key, "if_version": if_version, "if_match": if_match}
    await state.delete_state(db, fields)


def _written(answer: Any, response: Response) -> object:  # noqa: ANN401  a verb's answer
    response.status_code = 201 if answer["is_created"] else 200
    response.headers["ETag"] = etag_of(answer["etag"])
    return answer


app = create_app("state", router)
handler = lambda_handler(app)
