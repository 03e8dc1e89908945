"""The verbs of webhooks, for their owners and for who delivers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from uuid import UUID

    from functions.shared.db.caller_db import CallerDb
    from functions.shared.db.port import Database
    from functions.shared.jsonvalue import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is ours for a while. `event` is None when it was erased; the secrets are sealed."""

    id: str
    claim_ref: str
    org_id: str
    attempts: int
    event: JsonObject | None
    webhook_id: str
    url: str
    secret: JsonObject
    former_secret: JsonObject | None


async def fan_out_webhooks(db: Database) -> bool:
    """Turn new events into deliveries. Answers whether there may be more."""
    return bool(cast("JsonObject", await db.kernel("fan_out_webhooks", {}))["more"])


async def claim_deliveries(db: Database, *, limit: int, per_webhook: int, lease_s: float) -> list[Claimed]:
    """Take deliveries that are due."""
    payload: JsonObject = {"limit": limit, "per_webhook": per_webhook, "lease_seconds": lease_s}
    answer: Any = await db.kernel("claim_deliveries", payload)
    return [
        Claimed(
            id=row["id"],
            claim_ref=row["claim_ref"],
            org_id=row["org_id"],
            attempts=row["attempts"],
            event=row["event"],
            webhook_id=row["webhook"]["id"],
            url=row["webhook"]["url"],
            secret=row["webhook"]["secret"],
            former_secret=row["webhook"]["former_secret"],
        )
        for row in answer["deliveries"]
    ]


async def record_delivery(db: Database, record: JsonObject) -> JsonObject:
    """Note how an attempt went: `{ok, status, disabled}`; not ok when the claim is another's by now."""
    return cast("JsonObject", await db.kernel("record_delivery", record))


async def create_webhook(db: CallerDb, fields: JsonObject) -> Json:
    """Add one."""
    return await db.write("create_webhook", fields)


async def list_webhooks(db: CallerDb, page: JsonObject) -> Json:
    """List a page: `{data, next}`."""
    return await db.read("list_webhooks", page)


async def get_webhook(db: CallerDb, webhook_id: UUID) -> Json:
    """Read one. Raises NotFound."""
    return await db.read("get_webhook", {"id": str(webhook_id)})


async def update_webhook(db: CallerDb, webhook_id: UUID, changes: JsonObject) -> Json:
    """Change fields of one. Raises NotFound."""
    return await db.write("update_webhook", {"id": str(webhook_id), "changes": changes}, safe=True)


async def rotate_webhook(db: CallerDb, webhook_id: UUID, secret: JsonObject, overlap_s: int) -> Json:
    """Give one a new secret. Raises NotFound."""
    return await db.write("rotate_webhook", {"id": str(webhook_id), "secret": secret, "overlap_seconds": overlap_s})


async def delete_webhook(db: CallerDb, webhook_id: UUID) -> None:
    """Delete one with its deliveries. Raises NotFound."""
    await db.write("delete_webhook", {"id": str(webhook_id)})


async def test_webhook(db: CallerDb, webhook_id: UUID) -> Json:
    """Send it an event of its own. Answers the delivery. Raises NotFound, Conflict."""
    return await db.write("test_webhook", {"id": str(webhook_id)})


async def list_deliveries(db: CallerDb, page: JsonObject) -> Json:
    """List a page: `{data, next}`."""
    return await db.read("list_deliveries", page)


async def get_delivery(db: CallerDb, delivery_id: UUID) -> Json:
    """Read one with its event. Raises NotFound."""
    return await db.read("get_delivery", {"id": str(delivery_id)})


async def replay_delivery(db: CallerDb, delivery_id: UUID) -> Json:
    """Send one once more. Raises NotFound, Conflict."""
    return await db.write("replay_delivery", {"id": str(delivery_id)}, safe=True)


async def replay_deliveries(db: CallerDb, webhook_id: UUID, since: str) -> Json:
    """Send dead letters once more: `{replayed, has_more}`. Raises NotFound, Conflict."""
    return await db.write("replay_deliveries", {"webhook_id": str(webhook_id), "since": since}, safe=True)
