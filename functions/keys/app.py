"""API keys of an organisation."""

from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import Field
from starlette.requests import Request

from functions.shared.auth.keys import AGENT_SCOPES, OPERATOR_ONLY, SCOPES, new_key
from functions.shared.auth.signatures import read_signing_key
from functions.shared.db import keys
from functions.shared.errors import Conflict, FieldProblem
from functions.shared.jsonvalue import Json, JsonObject
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
from functions.shared.web.connection import peppers_of
from functions.shared.web.suggestions import closest

router = PlaneRouter(tags=["keys"])

MAX_LIFE = 315_360_000
Kind: TypeAlias = Literal["agent", "operator"]


SigningKey: TypeAlias = Annotated[
    str | None,
    Field(
        max_length=64,
        description="Base64 of a public Ed25519 key. Requests with this API key must then be signed (RFC 9421), "
        "so that the API key alone is worth nothing.",
    ),
]


class CreateKey(Body):
    """What the new key is for and what it may do."""

    name: Annotated[str, Field(min_length=1, max_length=100, description="What it is for, for people.")]
    kind: Annotated[
        Kind, Field(description="agent: an agent or an integration. operator: may manage keys and decide budgets too.")
    ] = "agent"
    scopes: Annotated[
        list[str] | None,
        Field(max_length=len(SCOPES), description="What it may do; left out: all that its kind may."),
    ] = None
    expires_in_seconds: Annotated[int | None, Field(ge=1, le=MAX_LIFE)] = None
    signing_key: SigningKey = None

    def wanted_scopes(self) -> list[str]:
        """Give the scopes, each once. Raises InvalidInput for those that do not exist or that its kind may not have."""
        if self.scopes is None:
            return list(AGENT_SCOPES if self.kind == "agent" else SCOPES)
        problems = [problem for place, scope in enumerate(self.scopes) if (problem := self._problem(place, scope))]
        if problems:
            raise invalid_input(problems)
        return list(dict.fromkeys(self.scopes))

    def _problem(self, place: int, scope: str) -> FieldProblem | None:
        allowed: list[Json] = [*(AGENT_SCOPES if self.kind == "agent" else SCOPES)]
        if scope in allowed:
            return None
        pointer = f"/scopes/{place}"
        if self.kind == "agent" and scope in OPERATOR_ONLY:
            message, hint = f"Agents cannot have {scope}.", "Make a key of kind operator."
            return FieldProblem(pointer, "operator_scope", message, hint, allowed)
        meant = closest(scope, SCOPES)
        hint = f"Did you mean {meant}?" if meant else None
        return FieldProblem(pointer, "unknown_scope", f"There is no scope {scope!r}.", hint, allowed, meant)


class ChangeKey(Body):
    """What to change of a key; what is left out stays."""

    name: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    expires_in_seconds: Annotated[
        int | None, Field(ge=1, le=MAX_LIFE, description="From now on; null: it lasts until it is revoked.")
    ] = None

    def changes(self) -> JsonObject:
        """Give what was sent. Raises InvalidInput for nothing, and for a name of null."""
        sent: JsonObject = self.model_dump(exclude_unset=True)
        if sent.get("name", "") is None:
            raise invalid_input([FieldProblem("/name", "null", "A key has a name.", "Leave it out to keep it.")])
        if not sent:
            raise invalid_input([FieldProblem("", "empty", "There is nothing to change.", "Send name or expiry.")])
        return sent


class RotateKey(Body):
    """How long the old secret still works, and how long the new one."""

    overlap_seconds: Annotated[
        int, Field(ge=0, le=30 * 86_400, description="The old secret works so much longer; 0: it ends at once.")
    ] = 86_400
    expires_in_seconds: Annotated[
        int | None, Field(ge=1, le=MAX_LIFE, description="Of the new key; left out: as the old one was made.")
    ] = None
    signing_key: Annotated[SigningKey, Field(description="Of the new key; left out: the old one's, if it has one.")] = (
        None
    )


class Key(Answer):
    """A key: what it may do and how it is, never the secret."""

    id: UUID
    name: str
    kind: Kind
    prefix: str
    scopes: list[str]
    status: Literal["active", "expired", "revoked"]
    created_at: Timestamp
    created_by: UUID | None
    expires_at: Timestamp | None
    revoked_at: Timestamp | None
    last_used_at: Annotated[Timestamp | None, Field(description="To the minute.")]
    rotated_from: Annotated[UUID | None, Field(description="The key that this one took over from.")]
    rotated_to: Annotated[UUID | None, Field(description="The key that took over; this one ends at expires_at.")]
    signed: Annotated[bool, Field(description="Whether requests with it must be signed.")]


class CreatedKey(Key):
    """A new key. `secret` is shown this once; null when a repeated Idempotency-Key got the answer of before."""

    secret: str | None


class RotatedKey(CreatedKey):
    """The new key with its secret, and the one that it replaces."""

    replaces: Key


_KEY: JsonObject = {
    "id": "5f3f1f64-1c7e-4c8e-8a43-3a4d7b1c9f10",
    "name": "mail agent",
    "kind": "agent",
    "prefix": "ap_live_8Fz3Qk",
    "scopes": ["state:read", "state:write"],
    "status": "active",
    "created_at": "2026-11-21T10:00:00Z",
    "created_by": "e0c6f1d4-91f4-4e9b-8a53-5d9c1f6f2b77",
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": None,
    "rotated_from": None,
    "rotated_to": None,
    "signed": False,
}
_PATH = f"/api/keys/{_KEY['id']}"


@router.post(
    "/api/keys",
    status_code=201,
    response_model=CreatedKey,
    dependencies=[requires("keys:manage")],
    **example(
        "/api/keys",
        body={"name": "mail agent", "kind": "agent", "scopes": ["state:read", "state:write"]},
        answer={**_KEY, "secret": "ap_live_8Fz3Qk…"},
        status=201,
    ),
)
async def create_key(body: CreateKey, db: Db, request: Request) -> object:
    """Make a key. Its secret is in this answer and nowhere else. It can have only scopes that your key has."""
    scopes, signing_key = body.wanted_scopes(), _signing_key(body.signing_key, request)
    key = new_key(body.kind, peppers_of(request.app))
    fields: JsonObject = {"name": body.name, "kind": body.kind, "scopes": [*scopes], "signing_key": signing_key}
    answer: Any = await keys.create_key(db, key, {**fields, "expires_in_seconds": body.expires_in_seconds})
    return {**answer, "secret": None if db.is_replayed else key.secret}


@router.get(
    "/api/keys",
    response_model=ListOf[Key],
    dependencies=[requires("keys:manage")],
    **example("/api/keys", answer={"data": [_KEY], "next_cursor": None}),
)
async def list_keys(db: Db, page: Page) -> object:
    """List the organisation's keys, the newest first, also those that are revoked or expired."""
    return page.of(await keys.list_keys(db, page.payload()), Key)


@router.delete("/api/keys/{key_id}", status_code=204, dependencies=[requires("keys:manage")], **example(_PATH))
async def delete_key(key_id: UUID, db: Db) -> None:
    """Revoke a key: the next request with it is refused. It stays in the list. Revoking it again is fine."""
    await keys.revoke_key(db, key_id)


@router.post(
    "/api/keys/{key_id}/revoke",
    response_model=Key,
    dependencies=[requires("keys:manage")],
    **example(f"{_PATH}/revoke", answer={**_KEY, "status": "revoked", "revoked_at": "2026-11-21T11:00:00Z"}),
)
async def revoke_key(key_id: UUID, db: Db) -> object:
    """Revoke a key, as DELETE does, and see it."""
    return await keys.revoke_key(db, key_id)


@router.patch(
    "/api/keys/{key_id}",
    response_model=Key,
    dependencies=[requires("keys:manage")],
    **example(_PATH, body={"name": "mail agent 2"}, answer={**_KEY, "name": "mail agent 2"}),
)
async def update_key(key_id: UUID, body: ChangeKey, db: Db) -> object:
    """Rename a key, or change when it ends. Only who has its scopes may give it a longer life."""
    return await keys.update_key(db, key_id, body.changes())


@router.post(
    "/api/keys/{key_id}/rotate",
    status_code=201,
    response_model=RotatedKey,
    dependencies=[requires("")],
    **example(
        f"{_PATH}/rotate",
        body={"overlap_seconds": 3600},
        answer={
            **_KEY,
            "id": "b0a1c6a8-2f0c-4b7e-8f4e-5a4f7f1a9c11",
            "prefix": "ap_live_k2Vw9x",
            "rotated_from": _KEY["id"],
            "secret": "ap_live_k2Vw9x…",
            "replaces": {
                **_KEY,
                "expires_at": "2026-11-21T12:00:00Z",
                "rotated_to": "b0a1c6a8-2f0c-4b7e-8f4e-5a4f7f1a9c11",
            },
        },
        status=201,
    ),
)
async def rotate_key(key_id: UUID, body: RotateKey, db: Db, request: Request) -> object:
    """Take a new secret for a key; the old one works until the overlap is over.

    Needs `keys:manage`, or the key rotates itself: then the new one ends when the old one would have ended.
    """
    signing_key = _signing_key(body.signing_key, request)
    key = new_key(peppers=peppers_of(request.app))
    answer: Any = await keys.rotate_key(db, key_id, key, {**body.model_dump(), "signing_key": signing_key})
    return {**answer, "secret": None if db.is_replayed else key.secret}


def _signing_key(sent: str | None, request: Request) -> str | None:
    """Read a public key. Without a pepper the database could be asked past the functions, which verify signatures."""
    if sent is None:
        return None
    try:
        known = read_signing_key(sent)
    except ValueError as error:
        hint = "Send base64 of the raw public key: `agentplane keys create --signed` makes a pair."
        raise invalid_input([FieldProblem("/signing_key", "wrong_form", f"This is {error}.", hint)]) from None
    if not peppers_of(request.app)[0]:
        raise Conflict(
            "Signed keys need a plane whose keys are kept with a pepper.",
            code="pepper_required",
            hint="Set AGENTPLANE_KEY_PEPPER, as docs/keys.md says, then make the key again.",
        )
    return known


app = create_app("keys", router)
handler = lambda_handler(app)
