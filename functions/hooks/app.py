"""Hooks: addresses that others send signed messages to, and what became of each message."""

import base64
import binascii
import secrets
from string import ascii_letters, digits
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import Query, Request

from functions.hooks import models
from functions.hooks.models import (
    ChangeHook,
    CreateHook,
    Hook,
    HookWithSecret,
    Message,
    Received,
    RotateHook,
    WholeMessage,
)
from functions.hooks.receiving import RawRoute, receive, secret_name
from functions.shared.db import triggers
from functions.shared.db.caller_db import CallerDb
from functions.shared.db.organisations import organisation_id
from functions.shared.errors import FieldProblem
from functions.shared.jsonvalue import JsonObject
from functions.shared.sealing import Sealer
from functions.shared.triggers.mapping import HOOK_NAMES
from functions.shared.web import (
    Db,
    ListOf,
    Page,
    PlaneRouter,
    create_app,
    example,
    invalid_input,
    lambda_handler,
    public,
    requires,
)
from functions.shared.web.connection import settings_of, wake_chore
from functions.shared.webhooks.message import new_secret

router = PlaneRouter(prefix="/api/hooks", tags=["hooks"])

_PATH = f"/api/hooks/{models.HOOK['id']}"
_MESSAGE_PATH = f"/api/hooks/messages/{models.MESSAGE['id']}"
_TOKEN_LENGTH = 43
_ALPHABET = digits + ascii_letters
_SECRET_BYTES = range(24, 65)


@router.post(
    "",
    status_code=201,
    response_model=HookWithSecret,
    dependencies=[requires("triggers:write")],
    **example(
        "/api/hooks",
        body={
            "name": "tickets",
            "scheme": "standard",
            "target": {"workflow": "ticket-refund", "input": {"text": "${{ body.ticket.text }}"}},
        },
        answer={**models.HOOK, "secret": models.SECRET},
        status=201,
    ),
)
async def create_hook(body: CreateHook, db: Db, request: Request) -> object:
    """Make an address for signed messages; each starts a workflow or publishes an event. The secret is shown once.

    Schemes: `standard` (Standard Webhooks), `github` (X-Hub-Signature-256), `stripe` (Stripe-Signature), or `hmac` with
    `verification`. The input may look at `body`, `headers`, `hook` and `message`, in `${{ }}`.
    """
    problems = body.target.problems(HOOK_NAMES)
    if body.scheme == "standard" and not _is_standard(body.secret):
        message = "Must be whsec_ and base64 of 24 to 64 bytes."
        problems.append(FieldProblem("/secret", "wrong_form", message, "Leave it out: one is made."))
    if problems:
        raise invalid_input(problems)
    await db.admit("triggers:write")
    hook_id, secret = uuid4(), body.secret or new_secret()
    token = "hk_" + "".join(secrets.choice(_ALPHABET) for _ in range(_TOKEN_LENGTH))
    fields: JsonObject = {
        "id": str(hook_id),
        "name": body.name,
        "token": token,
        "scheme": body.scheme,
        "verification": body.verification.model_dump(mode="json") if body.verification else {},
        "target": body.target.as_json(),
        "enabled": body.enabled,
        "secret": await _sealed(db, request, hook_id, secret),
    }
    answer: Any = await triggers.create_hook(db, fields)
    return {**_shown(answer, request), "secret": None if db.is_replayed else secret}


@router.get(
    "",
    response_model=ListOf[Hook],
    dependencies=[requires("triggers:read")],
    **example("/api/hooks", answer={"data": [models.HOOK], "next_cursor": None}),
)
async def list_hooks(db: Db, page: Page, request: Request) -> object:
    """List the hooks, the newest first."""
    found: Any = await triggers.list_hooks(db, page.payload())
    return page.of({**found, "data": [_shown(hook, request) for hook in found["data"]]}, Hook)


@router.get(
    "/messages",
    response_model=ListOf[Message],
    dependencies=[requires("triggers:read")],
    **example("/api/hooks/messages?status=failed", answer={"data": [models.FAILED], "next_cursor": None}),
)
async def list_hook_messages(
    db: Db,
    page: Page,
    hook_id: UUID | None = None,
    status: Annotated[
        Literal["pending", "handled", "failed"] | None, Query(description="failed: they can be redelivered.")
    ] = None,
) -> object:
    """List what came to hooks, the newest first. What was handled 30 days ago is deleted."""
    filters = page.payload(hook_id=str(hook_id) if hook_id else None, status=status, is_hook=True)
    return page.of(await triggers.list_messages(db, filters), Message)


@router.get(
    "/messages/{message_id}",
    response_model=WholeMessage,
    dependencies=[requires("triggers:read")],
    **example(
        _MESSAGE_PATH,
        answer={
            **models.FAILED,
            "headers": {"content-type": "application/json", "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek"},
            "body": {"ticket": {"subject": "Where is my parcel?"}},
        },
    ),
)
async def get_hook_message(message_id: UUID, db: Db) -> object:
    """Read a message with its headers (without credentials and signatures) and its body."""
    return await triggers.get_message(db, message_id)


@router.post(
    "/messages/{message_id}/redeliver",
    status_code=202,
    response_model=Message,
    dependencies=[requires("triggers:write")],
    **example(
        f"{_MESSAGE_PATH}/redeliver",
        answer={**models.FAILED, "status": "pending", "attempts": 0, "error": None, "handled_at": None},
        status=202,
    ),
)
async def redeliver_hook_message(message_id: UUID, db: Db, request: Request) -> object:
    """Handle a message that failed once more, by the hook's target as it is now."""
    answer = await triggers.redeliver_message(db, message_id)
    await wake_chore(request.app, "triggers")
    return answer


@router.get(
    "/{hook_id}",
    response_model=Hook,
    dependencies=[requires("triggers:read")],
    **example(_PATH, answer=models.HOOK),
)
async def get_hook(hook_id: UUID, db: Db, request: Request) -> object:
    """Read one hook."""
    return _shown(await triggers.get_hook(db, hook_id), request)


@router.patch(
    "/{hook_id}",
    response_model=Hook,
    dependencies=[requires("triggers:write")],
    **example(_PATH, body={"enabled": True}, answer=models.HOOK),
)
async def update_hook(hook_id: UUID, body: ChangeHook, db: Db, request: Request) -> object:
    """Change fields of a hook; what is left out stays as it is. Switched off, its address answers 404."""
    if body.target is not None and (problems := body.target.problems(HOOK_NAMES)):
        raise invalid_input(problems)
    return _shown(await triggers.update_hook(db, hook_id, body.given()), request)


@router.delete("/{hook_id}", status_code=204, dependencies=[requires("triggers:write")], **example(_PATH))
async def delete_hook(hook_id: UUID, db: Db) -> None:
    """Delete a hook with its messages."""
    await triggers.delete_hook(db, hook_id)


@router.post(
    "/{hook_id}/rotate",
    response_model=HookWithSecret,
    dependencies=[requires("triggers:write")],
    **example(
        f"{_PATH}/rotate",
        body={"overlap_seconds": 86400},
        answer={**models.HOOK, "former_secret_until": "2026-11-22T10:00:00Z", "secret": models.SECRET},
    ),
)
async def rotate_hook(hook_id: UUID, db: Db, request: Request, body: RotateHook | None = None) -> object:
    """Give a hook a new secret. Until the overlap ends, what is signed with the former one is taken too."""
    asked = body or RotateHook()
    await db.admit("triggers:write")
    secret = asked.secret or new_secret()
    fields: JsonObject = {
        "secret": await _sealed(db, request, hook_id, secret),
        "overlap_seconds": asked.overlap_seconds,
        "is_standard": _is_standard(secret),
    }
    answer: Any = await triggers.rotate_hook(db, hook_id, fields)
    return {**_shown(answer, request), "secret": None if db.is_replayed else secret}


async def receive_message(token: str, request: Request) -> object:
    """Take a signed message: 202 when it is kept; it is handled right after. The same id again changes nothing.

    No key: the signature of the hook's scheme stands for one. At most 1 MB; JSON, form fields or text.
    """
    return await receive(token, request)


router.add_api_route(
    "/{token}",
    receive_message,
    methods=["POST"],
    status_code=202,
    response_model=Received,
    dependencies=[public()],
    route_class_override=RawRoute,
    **example(
        f"/api/hooks/{models.TOKEN}",
        answer={"id": models.MESSAGE["id"], "is_duplicate": False},
        status=202,
    ),
)


def _shown(hook: Any, request: Request) -> dict[str, Any]:  # noqa: ANN401  a verb's answer
    base = settings_of(request.app).public_url.rstrip("/")
    return {**hook, "url": f"{base}/api/hooks/{hook['token']}"}


def _is_standard(secret: str | None) -> bool:
    """Whether it can be a secret of Standard Webhooks: base64 of 24 to 64 bytes, or none yet."""
    if secret is None:
        return True
    try:
        return len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) in _SECRET_BYTES
    except (ValueError, binascii.Error):
        return False


async def _sealed(db: CallerDb, request: Request, hook_id: UUID, secret: str) -> JsonObject:
    sealer = Sealer.from_settings(settings_of(request.app))
    return sealer.seal(await organisation_id(db), secret_name(hook_id), secret)


app = create_app("hooks", router)
handler = lambda_handler(app)
