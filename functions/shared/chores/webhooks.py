"""Sends webhooks: turns new events into deliveries, and delivers what is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.chores.chore import Chore, Plane
from functions.shared.db import webhooks
from functions.shared.sealing import Sealer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.jsonvalue import JsonObject
    from functions.shared.webhooks.deliverer import Deliverer

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
    from functions.shared.steps.base import HttpPolicy  # noqa: PLC0415  what goes out is loaded when something does
    from functions.shared.webhooks.deliverer import Deliverer, DeliveryPolicy  # noqa: PLC0415

    policy = DeliveryPolicy(pauses_s=plane.settings.webhook_retry_seconds or DeliveryPolicy().pauses_s)
    http = HttpPolicy(allow_private=frozenset(plane.settings.allow_private_hosts))
    return Deliverer(plane.db, Sealer.from_settings(plane.settings), http, policy)


DELIVER_WEBHOOKS = Chore("webhooks", 1.0, deliver)
