"""Sends webhooks: turns new events into deliveries, and delivers what is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.chores.chore import Chore, Plane
from functions.shared.db import webhooks
from functions.shared.sealing import Sealer
from functions.shared.steps.base import HttpPolicy
from functions.shared.webhooks.deliverer import Deliverer, DeliveryPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.jsonvalue import JsonObject

PAGES = 20


async def deliver(plane: Plane) -> Sequence[JsonObject]:
    """Read on in the events, then deliver. Rings for nothing: nobody waits for a webhook."""
    for _ in range(PAGES):
        if not await webhooks.fan_out_webhooks(plane.db):
            break
    await deliverer_of(plane).deliver_due()
    return ()


def deliverer_of(plane: Plane) -> Deliverer:
    """Give a deliverer as the settings say."""
    policy = DeliveryPolicy(pauses_s=plane.settings.webhook_retry_seconds or DeliveryPolicy().pauses_s)
    http = HttpPolicy(allow_private=frozenset(plane.settings.allow_private_hosts))
    return Deliverer(plane.db, Sealer.from_settings(plane.settings), http, policy)


DELIVER_WEBHOOKS = Chore("webhooks", 1.0, deliver)
