"""Messages as a queue delivers them: read, verified, and answered one by one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from functions.shared.dispatch.doorbell import Address
from functions.shared.log import logger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.shared.dispatch.signing import Signer

log = logger("dispatch")


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery. `what`: the frame that may be due, or the name of a chore. `delivery` counts from 1.

    `first_at`: when its first delivery was, in seconds since 1970; 0 when the queue does not say.
    """

    id: str
    delivery: int
    what: Address | str
    first_at: float = 0.0


def read_messages(records: Sequence[Mapping[str, Any]], signer: Signer | None) -> list[Message]:
    """Give what a batch of records means. What none of the plane's functions has signed is dropped, and logged."""
    return [message for record in records if (message := _read(record, signer)) is not None]


def read_body(body: Mapping[str, Any], signer: Signer | None) -> Address | str | None:
    """Give the frame or the chore that a message means; None: it is not one of ours."""
    if signer is not None and not signer.is_signed(body):
        return None
    if isinstance(chore := body.get("chore"), str):
        return chore
    try:
        UUID(str(body["execution_id"]))
        return Address.of(body)
    except (KeyError, ValueError):
        return None


def failures(ids: Sequence[str]) -> dict[str, Any]:
    """Give the answer to a batch: these come again, the others are done."""
    return {"batchItemFailures": [{"itemIdentifier": name} for name in ids]}


def _read(record: Mapping[str, Any], signer: Signer | None) -> Message | None:
    try:
        body: object = json.loads(record["body"])
        what = read_body(cast("dict[str, Any]", body), signer) if isinstance(body, dict) else None
    except (ValueError, RecursionError):  # what can just be read may be too deep to look at its signature
        what = None
    if what is None:
        log.warning(
            "message %s is not one of the plane's and was dropped",
            record["messageId"],
            extra={"event": "message_dropped", "queue": str(record.get("eventSourceARN", "")).rpartition(":")[2]},
        )
        return None
    told = record.get("attributes", {})
    delivery = int(told.get("ApproximateReceiveCount", "1"))
    first_at = int(told.get("ApproximateFirstReceiveTimestamp", "0")) / 1000
    return Message(str(record["messageId"]), delivery, what, first_at)
