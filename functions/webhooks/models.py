"""What is said and answered about webhooks and their deliveries, with an example of each."""

from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, JsonValue

from functions.shared.jsonvalue import JsonObject
from functions.shared.web import Answer, Body, Timestamp

Status: TypeAlias = Literal["pending", "sending", "delivered", "dead"]
Pattern: TypeAlias = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=r"^(\*|[A-Za-z0-9_:-]+(\.[A-Za-z0-9_:-]+)*(\.\*)?)$",
        description="A type (`execution.failed`), all below a prefix (`execution.*`), or `*`. What a step or a hook "
        "emits as `order_paid` has the type `event.order_paid`.",
    ),
]
Url: TypeAlias = Annotated[str, Field(min_length=1, max_length=2000, description="https, on the public internet.")]
Events: TypeAlias = Annotated[list[Pattern], Field(min_length=1, max_length=50)]
Description: TypeAlias = Annotated[str | None, Field(max_length=1000)]


class CreateWebhook(Body):
    """Where events are to be sent, and which."""

    url: Url
    events: Events
    description: Description = None
    enabled: bool = True


class ChangeWebhook(Body):
    """The fields to change."""

    url: Url = ""
    events: Events = Field(default_factory=list[str])
    description: Description = None
    enabled: bool = True

    def given(self) -> dict[str, Any]:
        """Give only what was sent."""
        return self.model_dump(mode="json", exclude_unset=True)


class RotateWebhook(Body):
    """How long the former secret signs beside the new one."""

    overlap_seconds: Annotated[int, Field(ge=0, le=604_800)] = 86_400


class ReplayDeliveries(Body):
    """Which dead letters to send once more."""

    since: Annotated[Timestamp, Field(description="Those that were made from then on.")]


class Webhook(Answer):
    """An address that is told of events. `failures`: attempts in a row that failed."""

    id: UUID
    url: str
    description: str | None
    events: list[str]
    enabled: bool
    disabled_reason: Annotated[
        Literal["asked", "gone", "failing"] | None, Field(description="gone: it answered 410; failing: for five days.")
    ]
    failures: int
    failing_since: Timestamp | None
    former_secret_until: Timestamp | None
    created_by: dict[str, JsonValue]
    created_at: Timestamp
    updated_at: Timestamp


class WebhookWithSecret(Webhook):
    """A webhook with its new secret, shown this once; null when a repeated Idempotency-Key got the answer of before."""

    secret: str | None


class AttemptError(Answer):
    """What went wrong with an attempt."""

    code: str | None
    message: str


class Attempt(Answer):
    """One attempt. `response` is the beginning of what the receiver answered."""

    at: Timestamp
    status_code: int | None = None
    duration_ms: int
    error: AttemptError | None = None
    response: str | None = None


class Delivery(Answer):
    """One event for one webhook. dead: it will not be sent again unless it is replayed."""

    id: UUID
    webhook_id: UUID
    event_id: str
    event_type: str
    status: Status
    attempts: Annotated[int, Field(description="Since it was made or replayed.")]
    next_attempt_at: Timestamp | None
    history: Annotated[list[Attempt], Field(description="The last 20 attempts.")]
    created_at: Timestamp
    ended_at: Timestamp | None


class DeliveryWithBody(Delivery):
    """A delivery with what is sent, and where."""

    url: str
    body: Annotated[dict[str, JsonValue] | None, Field(description="The CloudEvent; null when it was erased.")]


class Replayed(Answer):
    """How many will be sent once more; `has_more`: send it again for the rest."""

    replayed: int
    has_more: bool


WEBHOOK: JsonObject = {
    "id": "4b8a1f6e-43c5-4c3f-9a5e-3f1c6b1f0d21",
    "url": "https://example.com/agentplane",
    "description": "Our ticket system",
    "events": ["execution.*", "handoff.completed"],
    "enabled": True,
    "disabled_reason": None,
    "failures": 0,
    "failing_since": None,
    "former_secret_until": None,
    "created_by": {"kind": "operator_key", "id": "5f3f1f64-1c7e-4c8e-8a43-3a4d7b1c9f10", "label": "first operator"},
    "created_at": "2026-11-21T10:00:00Z",
    "updated_at": "2026-11-21T10:00:00Z",
}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw5QyB9iHk6mM="  # noqa: S105  an example
DELIVERY: JsonObject = {
    "id": "0d9c4a3e-5a2f-4d0b-8a34-6d6f3a1b7c55",
    "webhook_id": WEBHOOK["id"],
    "event_id": "evt_1042",
    "event_type": "execution.failed",
    "status": "pending",
    "attempts": 1,
    "next_attempt_at": "2026-11-21T10:00:06Z",
    "history": [
        {
            "at": "2026-11-21T10:00:01Z",
            "status_code": 503,
            "duration_ms": 84,
            "error": {"code": "http_status", "message": "It answered 503 Service Unavailable."},
            "response": "busy",
        }
    ],
    "created_at": "2026-11-21T10:00:01Z",
    "ended_at": None,
}
DEAD_DELIVERY: JsonObject = {
    **DELIVERY,
    "status": "dead",
    "attempts": 10,
    "next_attempt_at": None,
    "ended_at": "2026-11-24T14:00:00Z",
}
TEST_DELIVERY: JsonObject = {
    **DELIVERY,
    "event_id": "evt_1043",
    "event_type": "webhook.test",
    "attempts": 0,
    "history": [],
}
BODY: JsonObject = {
    "specversion": "1.0",
    "id": "evt_1042",
    "source": "/organisations/a3a7f0de-7f0c-4a8e-9a55-7a3f0e4a1b02/executions/7d5c2a5e-8e0f-4b5e-9a4f-0e6b2d5b9c11",
    "type": "execution.failed",
    "time": "2026-11-21T10:00:00.512000Z",
    "timestamp": "2026-11-21T10:00:00.512000Z",
    "datacontenttype": "application/json",
    "data": {
        "execution_id": "7d5c2a5e-8e0f-4b5e-9a4f-0e6b2d5b9c11",
        "path": None,
        "code": "step_failed",
        "message": "The step fetch failed.",
        "gen": 0,
    },
}
