"""Secrets: names that workflows declare, with values that only steps get to see."""

import re
from dataclasses import replace
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from fastapi import Path, Response
from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from functions.shared.db import secrets
from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.sealing import Sealer
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
    lambda_handler,
    requires,
)
from functions.shared.web.connection import settings_of

router = PlaneRouter(prefix="/api/secrets", tags=["secrets"])

RESEALED = 100
_NAME = r"^[A-Z][A-Z0-9_]{0,99}$"


def _name(text: str) -> str:
    if re.fullmatch(_NAME, text) is None:
        raise PydanticCustomError("wrong_form", "A secret's name is capitals, digits and underscores, as STRIPE_KEY.")
    return text


Name: TypeAlias = Annotated[
    str,
    AfterValidator(_name),
    Path(description="As workflows declare it: STRIPE_KEY; or OPENAI_API_KEY.", json_schema_extra={"pattern": _NAME}),
]


class PutSecret(Body):
    """A value. It is sealed before it is stored, and no answer ever holds it."""

    value: Annotated[SecretStr, Field(min_length=1, max_length=65_536)]


class Actor(Answer):
    """Who set it."""

    kind: str
    id: UUID | None
    label: str | None


class Secret(Answer):
    """A secret without its value. `version` rises with every value; `last_used_at` is within a minute."""

    name: str
    version: int
    created_at: Timestamp
    updated_at: Timestamp
    last_used_at: Timestamp | None
    updated_by: Actor
    master_key: str = Field(description="The id of the master key that has sealed it.")


class Resealed(Answer):
    """What was sealed again. Call again while `has_more`; then the former master key may go."""

    resealed: int
    has_more: bool
    master_key: str


_SECRET: JsonObject = {
    "name": "STRIPE_KEY",
    "version": 2,
    "created_at": "2026-11-20T10:00:00Z",
    "updated_at": "2026-11-21T10:00:00Z",
    "last_used_at": "2026-11-21T10:04:00Z",
    "updated_by": {"kind": "operator_key", "id": "e0c6f1d4-91f4-4e9b-8a53-5d9c1f6f2b77", "label": "ops"},
    "master_key": "1f0c2b7a9d3e",
}


@router.put(
    "/{name}",
    response_model=Secret,
    responses={201: {"model": Secret, "description": "There was none; it was created."}},
    dependencies=[requires("secrets:manage")],
    **example(
        "/api/secrets/STRIPE_KEY",
        body={"value": "sk_live_…"},
        answer=_SECRET,
        also={201: {**_SECRET, "version": 1, "last_used_at": None}},
    ),
)
async def put_secret(name: Name, body: PutSecret, db: Db, request: Request, response: Response) -> object:
    """Set a secret's value. Steps use it from their next frame on. It is never shown again."""
    sealer = Sealer.from_settings(settings_of(request.app))
    # Not under an Idempotency-Key: what is kept with it is a hash of the body, and the body is the secret.
    plain = replace(db, idempotency=None)
    following: Any = await secrets.get_secret_version(plain, name)
    version = int(following["version"])
    sealed = sealer.seal(following["org_id"], name, body.value.get_secret_value(), version)
    stored: Any = await secrets.put_secret(plain, name, version, sealed)
    response.status_code = 201 if stored["is_created"] else 200
    return stored


@router.get(
    "",
    response_model=ListOf[Secret],
    dependencies=[requires("secrets:manage")],
    **example("/api/secrets", answer={"data": [_SECRET], "next_cursor": None}),
)
async def list_secrets(db: Db, page: Page) -> object:
    """List secrets by name: versions and when they were last used, never values."""
    return page.of(await secrets.list_secrets(db, page.payload()), Secret)


@router.delete(
    "/{name}",
    status_code=204,
    dependencies=[requires("secrets:manage")],
    **example("/api/secrets/STRIPE_KEY"),
)
async def delete_secret(name: Name, db: Db) -> None:
    """Delete a secret. Frames that run now may still have its value; the next ones do not."""
    await secrets.delete_secret(db, name)


@router.post(
    "/reseal",
    response_model=Resealed,
    dependencies=[requires("secrets:manage")],
    **example("/api/secrets/reseal", answer={"resealed": 3, "has_more": False, "master_key": "1f0c2b7a9d3e"}),
)
async def reseal_secrets(db: Db, request: Request) -> object:
    """Seal again with the present master key what a former one has sealed: after a rotation. At most 100 a call."""
    sealer = Sealer.from_settings(settings_of(request.app))
    found: Any = await secrets.list_sealed_secrets(db, master_key=sealer.current, limit=RESEALED)
    renewed: list[Json] = [
        {**row, "sealed": sealer.reseal(found["org_id"], row["name"], row["sealed"], row["version"])}
        for row in found["data"]
    ]
    done: Any = await secrets.reseal_secrets(db, renewed) if renewed else {"resealed": 0}
    return {**done, "has_more": found["has_more"], "master_key": sealer.current}


app = create_app("secrets", router)
handler = lambda_handler(app)
