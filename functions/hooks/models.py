"""What is said and answered about hooks and their messages, with an example of each."""

from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, JsonValue, model_validator

from functions.shared.jsonvalue import JsonObject
from functions.shared.web import Answer, Body, Timestamp
from functions.shared.web.targets import Name, Target

Scheme: TypeAlias = Literal["standard", "github", "stripe", "hmac"]
HeaderName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")]
Secret: TypeAlias = Annotated[
    str | None,
    Field(
        min_length=16,
        max_length=200,
        description="What the sender signs with, when the sender makes it (Stripe's `whsec_…`). Left out: one is made.",
    ),
]


class Verification(Body):
    """Of scheme `hmac`: the header with the HMAC-SHA256 of the body, what stands before it, and how it is written."""

    header: HeaderName
    prefix: Annotated[str, Field(max_length=50)] = ""
    encoding: Literal["hex", "base64"] = "hex"
    id_header: Annotated[
        HeaderName | None,
        Field(description="The header with the sender's id of a message; left out: the hash of its body."),
    ] = None


class CreateHook(Body):
    """What signs its messages, and what each of them does."""

    name: Name
    scheme: Scheme = "standard"
    verification: Verification | None = None
    target: Target
    secret: Secret = None
    enabled: bool = True

    @model_validator(mode="after")
    def says_how(self) -> "CreateHook":
        if (self.scheme == "hmac") != (self.verification is not None):
            raise ValueError("the scheme hmac, and only it, takes `verification`: {header, prefix?, encoding?}")
        return self


class ChangeHook(Body):
    """The fields to change."""

    name: Name = ""
    target: Target | None = None
    enabled: bool = True

    def given(self) -> dict[str, Any]:
        """Give only what was sent."""
        fields = self.model_dump(mode="json", exclude_unset=True)
        return fields if self.target is None else {**fields, "target": self.target.as_json()}


class RotateHook(Body):
    """The new secret, and how long the former one is taken too."""

    secret: Secret = None
    overlap_seconds: Annotated[int, Field(ge=0, le=604_800)] = 86_400


class Hook(Answer):
    """An address for signed messages."""

    id: UUID
    name: str
    url: str
    scheme: Scheme
    verification: dict[str, JsonValue]
    target: dict[str, JsonValue]
    enabled: bool
    former_secret_until: Timestamp | None
    created_by: dict[str, JsonValue]
    created_at: Timestamp
    updated_at: Timestamp


class HookWithSecret(Hook):
    """A hook with its new secret, shown this once; null when a repeated Idempotency-Key got the answer of before."""

    secret: str | None


class MessageError(Answer):
    """Why a message could not be handled."""

    code: str
    message: str


class Message(Answer):
    """Something that came to a hook. failed: it can be redelivered."""

    id: UUID
    hook_id: UUID | None
    message_id: Annotated[str, Field(description="The sender's id, or the hash of the body.")]
    status: Literal["pending", "handled", "failed"]
    attempts: int
    execution_id: UUID | None
    event_id: str | None
    error: MessageError | None
    received_at: Timestamp
    handled_at: Timestamp | None


class WholeMessage(Message):
    """A message with what it brought."""

    headers: dict[str, JsonValue]
    body: JsonValue


class Received(Answer):
    """It is in the inbox for good. `is_duplicate`: it was there before, and is handled once."""

    id: UUID
    is_duplicate: bool


TOKEN = "hk_4fzzzxjylrxw3qk2T8mPZpYbQd1VnR6uS0aLcE9gHiJkM"  # noqa: S105  an example
HOOK: JsonObject = {
    "id": "b1f5b7d8-6d3b-4c47-8b0f-9d5d8a3c7e12",
    "name": "tickets",
    "url": f"/api/hooks/{TOKEN}",
    "scheme": "standard",
    "verification": {},
    "target": {"workflow": "ticket-refund", "input": {"text": "${{ body.ticket.text }}"}},
    "enabled": True,
    "former_secret_until": None,
    "created_by": {"kind": "operator_key", "id": "5f3f1f64-1c7e-4c8e-8a43-3a4d7b1c9f10", "label": "first operator"},
    "created_at": "2026-11-21T10:00:00Z",
    "updated_at": "2026-11-21T10:00:00Z",
}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw5QyB9iHk6mM="  # noqa: S105  an example
MESSAGE: JsonObject = {
    "id": "c0a1e3d5-2b4f-4f8f-8f3a-6a5b4c3d2e1f",
    "hook_id": HOOK["id"],
    "message_id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "status": "handled",
    "attempts": 1,
    "execution_id": "7d5c2a5e-8e0f-4b5e-9a4f-0e6b2d5b9c11",
    "event_id": None,
    "error": None,
    "received_at": "2026-11-21T10:00:00Z",
    "handled_at": "2026-11-21T10:00:01Z",
}
FAILED: JsonObject = {
    **MESSAGE,
    "status": "failed",
    "execution_id": None,
    "error": {"code": "bad_expression", "message": "body.ticket has no field 'text'"},
}
