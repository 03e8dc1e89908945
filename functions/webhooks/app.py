"""Webhooks: where an organisation's events are sent, and what became of each."""

from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Query, Request

from functions.shared.db import webhooks
from functions.shared.db.caller_db import CallerDb
from functions.shared.db.organisations import organisation_id
from functions.shared.jsonvalue import JsonObject
from functions.shared.sealing import Sealer
from functions.shared.web import (
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
from functions.shared.web.connection import settings_of, wake_chore
from functions.shared.webhooks.message import cloud_event, new_secret, secret_name
from functions.webhooks import models
from functions.webhooks.models import (
    ChangeWebhook,
    CreateWebhook,
    Delivery,
    DeliveryWithBody,
    ReplayDeliveries,
    Replayed,
    RotateWebhook,
    Status,
    Webhook,
    WebhookWithSecret,
)

router = PlaneRouter(prefix="/api/webhooks", tags=["webhooks"])

_PATH = f"/api/webhooks/{models.WEBHOOK['id']}"
_DELIVERY_PATH = f"/api/webhooks/deliveries/{models.DELIVERY['id']}"
_CHORE = "webhooks"


@router.post(
    "",
    status_code=201,
    response_model=WebhookWithSecret,
    dependencies=[requires("webhooks:write")],
    **example(
        "/api/webhooks",
        body={
            "url": "https://example.com/agentplane",
            "events": ["execution.*", "handoff.completed"],
            "description": "Our ticket system",
        },
        answer={**models.WEBHOOK, "secret": models.SECRET},
        status=201,
    ),
)
async def create_webhook(body: CreateWebhook, db: Db, request: Request) -> object:
    """Have events sent to an address, signed as Standard Webhooks says. The secret is in this answer and nowhere else.

    It gets what happens from now on: each event at least once, in no promised order, always with the same `webhook-id`.
    """
    await db.admit("webhooks:write")  # looking up a name is for those who may
    await _check_url(body.url, request)
    webhook_id, secret = uuid4(), new_secret()
    sealed = await _sealed(db, request, webhook_id, secret)
    fields = body.model_dump(mode="json")
    answer: Any = await webhooks.create_webhook(db, {**fields, "id": str(webhook_id), "secret": sealed})
    return {**answer, "secret": None if db.is_replayed else secret}


@router.get(
    "",
    response_model=ListOf[Webhook],
    dependencies=[requires("webhooks:read")],
    **example("/api/webhooks", answer={"data": [models.WEBHOOK], "next_cursor": None}),
)
async def list_webhooks(db: Db, page: Page) -> object:
    """List the webhooks, the newest first."""
    return page.of(await webhooks.list_webhooks(db, page.payload()), Webhook)


@router.get(
    "/deliveries",
    response_model=ListOf[Delivery],
    dependencies=[requires("webhooks:read")],
    **example(
        "/api/webhooks/deliveries?status=dead",
        answer={
            "data": [
                {**models.DELIVERY, "status": "dead", "ended_at": "2026-11-24T14:00:00Z", "next_attempt_at": None}
            ],
            "next_cursor": None,
        },
    ),
)
async def list_deliveries(
    db: Db,
    page: Page,
    webhook_id: UUID | None = None,
    status: Annotated[Status | None, Query(description="dead: the dead letters.")] = None,
    event_type: Annotated[str | None, Query(max_length=200, description="Exactly this type.")] = None,
) -> object:
    """List deliveries, the newest first, with how each attempt went. What ended 30 days ago is deleted."""
    filters = page.payload(
        webhook_id=str(webhook_id) if webhook_id else None,
        status="pending" if status == "sending" else status,
        event_type=event_type,
    )
    return page.of(await webhooks.list_deliveries(db, filters), Delivery)


@router.get(
    "/deliveries/{delivery_id}",
    response_model=DeliveryWithBody,
    dependencies=[requires("webhooks:read")],
    **example(_DELIVERY_PATH, answer={**models.DELIVERY, "url": models.WEBHOOK["url"], "body": models.BODY}),
)
async def get_delivery(delivery_id: UUID, db: Db) -> object:
    """Read a delivery with the body that is sent."""
    answer: Any = await webhooks.get_delivery(db, delivery_id)
    event = answer["event"]
    return {**answer, "body": None if event is None else cloud_event(answer["org_id"], event)}


@router.post(
    "/deliveries/{delivery_id}/replay",
    status_code=202,
    response_model=Delivery,
    dependencies=[requires("webhooks:write")],
    **example(f"{_DELIVERY_PATH}/replay", answer={**models.DELIVERY, "attempts": 0}, status=202),
)
async def replay_delivery(delivery_id: UUID, db: Db, request: Request) -> object:
    """Send a delivery once more, now, with a full set of attempts. The receiver sees the same `webhook-id`."""
    answer = await webhooks.replay_delivery(db, delivery_id)
    await wake_chore(request.app, _CHORE)
    return answer


@router.get(
    "/{webhook_id}",
    response_model=Webhook,
    dependencies=[requires("webhooks:read")],
    **example(_PATH, answer=models.WEBHOOK),
)
async def get_webhook(webhook_id: UUID, db: Db) -> object:
    """Read one webhook."""
    return await webhooks.get_webhook(db, webhook_id)


@router.patch(
    "/{webhook_id}",
    response_model=Webhook,
    dependencies=[requires("webhooks:write")],
    **example(_PATH, body={"events": ["execution.failed"], "enabled": True}, answer=models.WEBHOOK),
)
async def update_webhook(webhook_id: UUID, body: ChangeWebhook, db: Db, request: Request) -> object:
    """Change fields of a webhook; what is left out stays as it is.

    Switched off, it gets nothing, and what waits for it becomes dead letters. Switched on, it gets what happens from
    now on.
    """
    changes = body.given()
    if "url" in changes:
        await db.admit("webhooks:write")
        await _check_url(body.url, request)
    return await webhooks.update_webhook(db, webhook_id, changes)


@router.delete("/{webhook_id}", status_code=204, dependencies=[requires("webhooks:write")], **example(_PATH))
async def delete_webhook(webhook_id: UUID, db: Db) -> None:
    """Delete a webhook with its deliveries."""
    await webhooks.delete_webhook(db, webhook_id)


@router.post(
    "/{webhook_id}/rotate",
    response_model=WebhookWithSecret,
    dependencies=[requires("webhooks:write")],
    **example(
        f"{_PATH}/rotate",
        body={"overlap_seconds": 86400},
        answer={**models.WEBHOOK, "former_secret_until": "2026-11-22T10:00:00Z", "secret": models.SECRET},
    ),
)
async def rotate_webhook(webhook_id: UUID, db: Db, request: Request, body: RotateWebhook | None = None) -> object:
    """Give a webhook a new secret. Until the overlap ends, what is sent is signed with both."""
    await db.admit("webhooks:write")
    secret = new_secret()
    sealed = await _sealed(db, request, webhook_id, secret)
    overlap_s = (body or RotateWebhook()).overlap_seconds
    answer: Any = await webhooks.rotate_webhook(db, webhook_id, sealed, overlap_s)
    return {**answer, "secret": None if db.is_replayed else secret}


@router.post(
    "/{webhook_id}/test",
    status_code=202,
    response_model=Delivery,
    dependencies=[requires("webhooks:write")],
    **example(f"{_PATH}/test", answer=models.TEST_DELIVERY, status=202),
)
async def send_test(webhook_id: UUID, db: Db, request: Request) -> object:
    """Send a webhook an event of type `webhook.test`, whatever it asks for. Read the delivery to see how it went."""
    answer = await webhooks.test_webhook(db, webhook_id)
    await wake_chore(request.app, _CHORE)
    return answer


@router.post(
    "/{webhook_id}/replay",
    status_code=202,
    response_model=Replayed,
    dependencies=[requires("webhooks:write")],
    **example(
        f"{_PATH}/replay",
        body={"since": "2026-11-21T00:00:00Z"},
        answer={"replayed": 12, "has_more": False},
        status=202,
    ),
)
async def replay_deliveries(webhook_id: UUID, body: ReplayDeliveries, db: Db, request: Request) -> object:
    """Send a webhook's dead letters since a time once more: the oldest thousand."""
    answer = await webhooks.replay_deliveries(db, webhook_id, body.since.isoformat())
    await wake_chore(request.app, _CHORE)
    return answer


async def _check_url(url: str, request: Request) -> None:
    from functions.shared.steps.base import HttpPolicy  # noqa: PLC0415  what goes out is loaded when something does
    from functions.shared.webhooks.sending import url_problem  # noqa: PLC0415

    policy = HttpPolicy(allow_private=frozenset(settings_of(request.app).allow_private_hosts))
    if problem := await url_problem(url, policy):
        raise invalid_input([problem])


async def _sealed(db: CallerDb, request: Request, webhook_id: UUID, secret: str) -> JsonObject:
    sealer = Sealer.from_settings(settings_of(request.app))
    return sealer.seal(await organisation_id(db), secret_name(webhook_id), secret)


app = create_app("webhooks", router)
handler = lambda_handler(app)
