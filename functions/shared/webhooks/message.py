"""One event as it travels: a CloudEvents 1.0 document, signed by Standard Webhooks 1.0.

The id of the event is the id of the message: it is the same in every attempt and every replay, so receivers can tell
what they have seen. The time in the headers is that of the attempt.
"""

from __future__ import annotations

import base64
import json
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.jsonvalue import JsonObject

CONTENT_TYPE = "application/cloudevents+json"
MAX_BODY_BYTES = 256_000
_PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    """Make a signing secret: `whsec_` and base64 of 256 random bits."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def secret_name(webhook_id: object) -> str:
    """Name a webhook's secret, for sealing."""
    return f"webhook:{webhook_id}"


def cloud_event(org_id: str, event: JsonObject) -> JsonObject:
    """Give the document of an event {id, type, time, execution_id, path, data}.

    `timestamp` repeats `time`, as Standard Webhooks recommends. Data that would be too large is left out and says so.
    """
    execution = event.get("execution_id")
    source = f"/organisations/{org_id}" + (f"/executions/{execution}" if execution else "")
    document: JsonObject = {
        "specversion": "1.0",
        "id": event["id"],
        "source": source,
        "type": event["type"],
        "time": event["time"],
        "timestamp": event["time"],
        "datacontenttype": "application/json",
        "data": {"execution_id": execution, "path": event.get("path"), **_fields(event)},
    }
    if event.get("path"):
        document["subject"] = event["path"]
    size = len(body_of(document))
    if size > MAX_BODY_BYTES:
        document["data"] = {"execution_id": execution, "path": event.get("path"), "is_left_out": True, "bytes": size}
    return document


def body_of(document: JsonObject) -> bytes:
    """Give the bytes that are signed and sent: the same for the same document."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def signed_headers(message_id: str, body: bytes, signing: Sequence[str], at: datetime | None = None) -> dict[str, str]:
    """Give the headers of one attempt, signed with each secret, the current one first."""
    from standardwebhooks import Webhook  # noqa: PLC0415  only who sends loads it

    # An aware time in UTC: the library takes the clock time of a naive one for UTC.
    at = (at or datetime.now(UTC)).astimezone(UTC)
    signatures = [Webhook(secret).sign(message_id, at, body.decode()) for secret in signing]
    return {
        "content-type": CONTENT_TYPE,
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _fields(event: JsonObject) -> JsonObject:
    """Give the fields of the plane's own events; what somebody emitted stays together as `payload`."""
    data = event.get("data")
    is_emitted = str(event["type"]).startswith("event.")
    return data if isinstance(data, dict) and not is_emitted else {"payload": data}
