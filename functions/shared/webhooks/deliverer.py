"""Delivers what is due: claims, sends, records. Any number may run at once, also in several processes.

A delivery is claimed for longer than a receiver may take. Who dies meanwhile leaves the claim to run out: the
delivery is sent again, with the same id.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from functions.shared.db import webhooks
from functions.shared.errors import PlaneError
from functions.shared.log import logger
from functions.shared.webhooks.message import body_of, cloud_event, secret_name, signed_headers
from functions.shared.webhooks.retries import PAUSES_S, pause_before_next
from functions.shared.webhooks.sending import TIMEOUT_S, Attempt, send

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.db.port import Database
    from functions.shared.db.webhooks import Claimed
    from functions.shared.jsonvalue import JsonObject
    from functions.shared.sealing import Sealer
    from functions.shared.steps.base import HttpPolicy

log = logger("webhooks")

_LOOK_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How much is done at once, how long anything may take, and when a receiver has failed for too long.

    `stop_claiming_s`: after so long one turn takes nothing new, so that whoever runs it gets on.
    """

    concurrency: int = 32
    per_webhook: int = 4
    timeout_s: float = TIMEOUT_S
    lease_s: float = 2 * TIMEOUT_S
    stop_claiming_s: float = 20.0
    pauses_s: Sequence[float] = PAUSES_S
    disable_after_days: float = 5.0
    disable_after_failures: int = 20


@dataclass(frozen=True, slots=True)
class Deliverer:
    """What delivering needs. The sealer opens the signing secrets."""

    db: Database
    sealer: Sealer
    http: HttpPolicy
    policy: DeliveryPolicy = field(default_factory=DeliveryPolicy)

    async def deliver_due(self) -> int:
        """Deliver until nothing is due, or the turn is over. A slow receiver holds up no other. Answers how many."""
        ends_at = time.monotonic() + self.policy.stop_claiming_s
        running: set[asyncio.Task[None]] = set()
        count = 0
        try:
            while True:
                free = self.policy.concurrency - len(running)
                if free > 0 and time.monotonic() < ends_at:
                    for claimed in await self._claim(free):
                        running.add(asyncio.create_task(self._deliver(claimed)))
                        count += 1
                if not running:
                    return count
                done, running = await asyncio.wait(running, timeout=_LOOK_AGAIN_S, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _claim(self, limit: int) -> list[Claimed]:
        return await webhooks.claim_deliveries(
            self.db, limit=limit, per_webhook=self.policy.per_webhook, lease_s=self.policy.lease_s
        )

    async def _deliver(self, claimed: Claimed) -> None:
        try:
            attempt = await self._attempt(claimed)
            recorded = await webhooks.record_delivery(self.db, self._record(claimed, attempt))
        except PlaneError as error:
            log.warning("the delivery %s is left to its next turn: %s", claimed.id, error.detail)
            return
        if recorded.get("disabled"):
            log.warning("the webhook %s was disabled: %s", claimed.webhook_id, recorded["disabled"])

    async def _attempt(self, claimed: Claimed) -> Attempt:
        if claimed.event is None:
            return Attempt("failed", 0, error_code="event_erased", error="The event was erased.")
        try:
            signing = self._signing(claimed)
        except PlaneError as error:
            return Attempt("failed", 0, error_code=error.code, error=error.detail)
        body = body_of(cloud_event(claimed.org_id, claimed.event))
        headers = signed_headers(str(claimed.event["id"]), body, signing)
        return await send(claimed.url, headers, body, self.http, hidden=signing, timeout_s=self.policy.timeout_s)

    def _signing(self, claimed: Claimed) -> list[str]:
        """Open the secrets, the current one first."""
        sealed = [claimed.secret, *([claimed.former_secret] if claimed.former_secret else [])]
        return [self.sealer.open(claimed.org_id, secret_name(claimed.webhook_id), each) for each in sealed]

    def _record(self, claimed: Claimed, attempt: Attempt) -> JsonObject:
        retry_in_s = None
        if attempt.outcome == "failed" and claimed.event is not None:
            retry_in_s = pause_before_next(claimed.attempts, attempt.retry_after_s, self.policy.pauses_s)
        return {
            "id": claimed.id,
            "claim_ref": claimed.claim_ref,
            "outcome": attempt.outcome,
            "status_code": attempt.status_code,
            "duration_ms": attempt.duration_ms,
            "error": None if attempt.error is None else {"code": attempt.error_code, "message": attempt.error},
            "response": attempt.response,
            "retry_in_seconds": retry_in_s,
            "disable_after_days": self.policy.disable_after_days,
            "disable_after_failures": self.policy.disable_after_failures,
        }
