"""What an organisation has before it is fuzzed: one of everything, made through the API as its users would."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ASK = 'name: ask\nsteps:\n  ask: {approval: {message: "@mark@?"}}\n'
_ECHO = 'name: echo\ninput: {text: string}\nsteps:\n  say: {transform: "${{ input.text }}"}\n'

# (its name, path, body); `@mark@` is a text that only this organisation has, `@name@` the id of what came before.
_CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("agent", "/api/agents", {"name": "one", "description": "@mark@", "capabilities": ["law"], "lease_seconds": 600}),
    ("other", "/api/agents", {"name": "two", "capabilities": ["tax"]}),
    ("state", "/api/state", {"component": "c", "key": "k", "value": {"text": "@mark@"}}),
    ("lock", "/api/state/lock", {"component": "c", "key": "k", "lease_seconds": 3600, "holder": "@mark@"}),
    ("memory", "/api/memory", {"namespace": "n", "content": "@mark@"}),
    ("workflow", "/api/workflows", {"definition": _ASK}),
    ("echo", "/api/workflows", {"definition": _ECHO}),
    ("runbook", "/api/workflows", {"name": "runbook", "definition": "# @mark@"}),
    ("waiting", "/api/executions", {"workflow": "ask", "agent_id": "@agent@"}),
    ("ended", "/api/executions", {"workflow": "echo", "input": {"text": "@mark@"}}),
    ("external", "/api/executions", {"workflow": "runbook", "agent_id": "@agent@"}),
    ("event", "/api/observe", {"execution_id": "@external@", "event_type": "seen", "message": "@mark@"}),
    ("handoff", "/api/handoffs", {"to_agent_id": "@agent@", "context": {"text": "@mark@"}, "reason": "@mark@"}),
    ("offer", "/api/handoffs", {"match": {"skills": ["law"]}, "packet": {"goal": "@mark@"}}),
    ("escalation", "/api/escalations", {"reason": "@mark@", "options": ["yes", "no"], "agent_id": "@agent@"}),
    ("webhook", "/api/webhooks", {"url": "http://127.0.0.1:9/hook", "events": ["nothing.*"], "description": "@mark@"}),
    ("hook", "/api/hooks", {"name": "@mark@", "scheme": "standard", "target": {"event": "came"}}),
    ("trigger", "/api/triggers", {"name": "@mark@", "event": "never", "workflow": "echo", "input": {"text": "x"}}),
    (
        "schedule",
        "/api/schedules",
        {"name": "@mark@", "workflow": "echo", "input": {"text": "@mark@"}, "cron": "0 0 1 1 *", "timezone": "UTC"},
    ),
    ("template", "/api/templates", {"definition": 'name: own\nsteps:\n  a: {transform: "@mark@"}\n', "tags": ["x"]}),
    ("key", "/api/keys", {"name": "@mark@", "kind": "agent", "scopes": ["state:read"]}),
    ("budget", "/api/budgets", {"period": "month", "limit_usd": "1000", "on_reached": "stop"}),
    ("policy", "/api/policies", {"name": "@mark@", "effect": "deny", "kind": "host", "pattern": "*.example.net"}),
    ("invitation", "/api/invitations", {"email": "@mark@@example.org", "role": "viewer"}),
]


@dataclass
class Furniture:
    """An organisation's key, its mark, and the ids of all it has."""

    key: str
    mark: str
    ids: set[str] = field(default_factory=set[str])


async def furnish(client: httpx.AsyncClient, key: str, mark: str) -> Furniture:
    """Make one of everything. Any call that is refused fails."""
    made = Furniture(key, mark)
    named = {"mark": mark}
    for name, path, body in _CALLS:
        answer = await client.post(path, json=_filled(body, named), headers={"Authorization": f"Bearer {key}"})
        assert answer.is_success, f"{path}: {answer.text}"
        named[name] = str(answer.json().get("id", ""))
        made.ids.update(UUID.findall(answer.text))
    return made


def _filled(value: Any, named: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(entry, named) for key, entry in value.items()}
    if isinstance(value, list):
        return [_filled(entry, named) for entry in value]
    if isinstance(value, str):
        return re.sub("@([a-z]+)@", lambda match: named[match[1]], value)
    return value
