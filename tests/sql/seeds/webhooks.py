"""Webhooks out, hooks in, event triggers and schedules."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sql.isolation import Things

IDS = ["webhook", "delivery", "hook", "message", "trigger", "schedule", "firing"]

_TARGET = json.dumps({"workflow": "w", "input": {}})

SEEDS: dict[str, tuple[str, Callable[[Things], tuple[Any, ...]]]] = {
    "event_feeds": ("insert into plane.event_feeds (org_id, reader, xid) values ($1, $2, '3')", lambda _: ()),
    "webhooks": (
        """
        insert into plane.webhooks (id, org_id, url, description, events, secret, since_xid)
        values ($3, $1, 'https://example.com/' || $2, $2, array['execution.*'], '{}', '3')
        """,
        lambda t: (t.id("webhook"),),
    ),
    "webhook_deliveries": (
        """
        insert into plane.webhook_deliveries (id, org_id, webhook_id, feed_id, event_type, status, ended_at)
        select $3, $1, $4, e.feed_id, $2, 'dead', now() from plane.events as e where e.org_id = $1 limit 1
        """,
        lambda t: (t.id("delivery"), t.id("webhook")),
    ),
    "hooks": (
        """
        insert into plane.hooks (id, org_id, name, token, scheme, target, secret)
        values ($3, $1, $2, $2, 'standard', $4::text::jsonb, '{}')
        """,
        lambda t: (t.id("hook"), _TARGET),
    ),
    "event_triggers": (
        """
        insert into plane.event_triggers (id, org_id, name, event, target, since_xid)
        values ($3, $1, $2, 'event.x', $4::text::jsonb, '3')
        """,
        lambda t: (t.id("trigger"), _TARGET),
    ),
    "trigger_messages": (
        """
        insert into plane.trigger_messages (id, org_id, hook_id, message_id, body, status, error, handled_at)
        values ($3, $1, $4, $2, to_jsonb($2::text), 'failed', to_jsonb($2::text), now())
        """,
        lambda t: (t.id("message"), t.id("hook")),
    ),
    "schedules": (
        """
        insert into plane.schedules (id, org_id, name, workflow, cron, due_at, next_fire_at)
        values ($3, $1, $2, 'w', '0 0 1 1 *', now() + interval '1 year', now() + interval '1 year')
        """,
        lambda t: (t.id("schedule"),),
    ),
    "schedule_firings": (
        """
        insert into plane.schedule_firings (id, org_id, schedule_id, fire_at, outcome, error)
        values ($3, $1, $4, now(), 'failed', to_jsonb($2::text))
        """,
        lambda t: (t.id("firing"), t.id("schedule")),
    ),
}


def _page(**more: Any) -> dict[str, Any]:
    return {"limit": 50, "cursor": None} | more


_SCHEDULE: dict[str, Any] = {
    "workflow": "w",
    "input": {},
    "cron": "@daily",
    "timezone": "UTC",
    "catch_up": "last",
    "max_catch_up": 10,
    "overlap": "allow",
    "jitter_seconds": 0,
    "next_fire_at": "2100-01-01T00:00:00Z",
    "due_at": "2100-01-01T00:00:00Z",
}

CALLS: dict[str, Callable[[Things], dict[str, Any]]] = {
    "get_organisation": lambda _: {},
    "create_webhook": lambda _: {
        "id": str(uuid.uuid4()),
        "url": "https://example.com",
        "events": ["*"],
        "secret": {},
    },
    "list_webhooks": lambda _: _page(),
    "get_webhook": lambda t: {"id": t.id("webhook")},
    "update_webhook": lambda t: {"id": t.id("webhook"), "changes": {"description": "changed"}},
    "rotate_webhook": lambda t: {"id": t.id("webhook"), "secret": {}, "overlap_seconds": 60},
    "delete_webhook": lambda t: {"id": t.id("webhook")},
    "test_webhook": lambda t: {"id": t.id("webhook")},
    "list_deliveries": lambda t: _page(webhook_id=t.id("webhook")),
    "get_delivery": lambda t: {"id": t.id("delivery")},
    "replay_delivery": lambda t: {"id": t.id("delivery")},
    "replay_deliveries": lambda t: {"webhook_id": t.id("webhook"), "since": "2000-01-01T00:00:00Z"},
    "create_hook": lambda _: {
        "id": str(uuid.uuid4()),
        "name": "one more",
        "token": str(uuid.uuid4()),
        "scheme": "github",
        "target": {"workflow": "w"},
        "secret": {},
    },
    "list_hooks": lambda _: _page(),
    "get_hook": lambda t: {"id": t.id("hook")},
    "update_hook": lambda t: {"id": t.id("hook"), "changes": {"enabled": False}},
    "rotate_hook": lambda t: {"id": t.id("hook"), "secret": {}, "overlap_seconds": 60},
    "delete_hook": lambda t: {"id": t.id("hook")},
    "list_messages": lambda t: _page(hook_id=t.id("hook")),
    "get_message": lambda t: {"id": t.id("message")},
    "redeliver_message": lambda t: {"id": t.id("message")},
    "create_trigger": lambda _: {"name": "one more", "event": "event.*", "target": {"workflow": "w"}},
    "list_triggers": lambda _: _page(),
    "get_trigger": lambda t: {"id": t.id("trigger")},
    "update_trigger": lambda t: {"id": t.id("trigger"), "changes": {"enabled": False}},
    "delete_trigger": lambda t: {"id": t.id("trigger")},
    "create_schedule": lambda _: {"name": "one more", **_SCHEDULE},
    "list_schedules": lambda _: _page(),
    "get_schedule": lambda t: {"id": t.id("schedule")},
    "update_schedule": lambda t: {
        "id": t.id("schedule"),
        "if_updated_at": "2000-01-01T00:00:00Z",
        "action": "update_schedule",
        "changes": {},
        "status": "paused",
    },
    "load_schedule": lambda t: {"id": t.id("schedule")},
    "delete_schedule": lambda t: {"id": t.id("schedule")},
    "run_schedule": lambda t: {
        "id": t.id("schedule"),
        "version_id": t.version,
        "input": {},
        "fire_at": "2026-01-01T00:00:00Z",
    },
    "list_firings": lambda t: _page(schedule_id=t.id("schedule")),
}

WRITES: dict[str, set[str]] = {
    "event_feeds": {"insert", "update"},
    "webhooks": {"insert", "update", "delete"},
    "webhook_deliveries": {"insert", "update"},
    "hooks": {"insert", "update", "delete"},
    "event_triggers": {"insert", "update", "delete"},
    "trigger_messages": {"update"},
    "schedules": {"insert", "update", "delete"},
    "schedule_firings": {"insert"},
}
# They start executions of their own, and stop others by cancel_execution, which is a contender; tests of schedules,
# triggers, hooks and webhooks race them with each other.
ELSEWHERE = {
    *("create_webhook", "update_webhook", "delete_webhook", "rotate_webhook", "test_webhook"),
    *("replay_delivery", "replay_deliveries", "fan_out_webhooks", "claim_deliveries", "record_delivery"),
    *("create_hook", "update_hook", "delete_hook", "rotate_hook", "find_hook", "receive_message"),
    *("create_trigger", "update_trigger", "delete_trigger", "fan_out_triggers", "forget_triggered"),
    *("claim_messages", "finish_message", "redeliver_message"),
    *("create_schedule", "update_schedule", "delete_schedule", "run_schedule"),
    *("claim_schedules", "record_firings", "start_queued"),
}
