"""What stands in an inbox: each thing that an agent should know, with the call that takes it further."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functions.shared.jsonvalue import Json, JsonObject

MAX_TITLE = 160


@dataclass(frozen=True, slots=True)
class Item:
    """A thing to know. `details` are left out when there is little room; `title` and `next` never are."""

    kind: str
    id: str
    title: str
    at: str | None
    next: list[JsonObject]
    details: JsonObject = field(default_factory=dict[str, "Json"])

    def shown(self, *, whole: bool) -> JsonObject:
        """Give it as the API answers it."""
        short: JsonObject = {"kind": self.kind, "id": self.id, "title": self.title, "at": self.at, "next": [*self.next]}
        return (
            {**short, "details": {name: value for name, value in self.details.items() if value is not None}}
            if whole
            else short
        )


def items_of(inbox: Any) -> list[Item]:  # noqa: ANN401  as the verb answers
    """Give everything in an inbox, what matters most first: within a kind in the order that the verb gave.

    Work that the agent holds, answers that it waited for, its executions, work that it may take, its open questions,
    money, what became of the work that it handed over, what it noted last.
    """
    agent_id: str = inbox["agent"]["id"]
    handoffs: Any = inbox["handoffs"] or {"held": [], "offered": [], "sent": []}
    escalations: list[Any] = inbox["escalations"] or []
    executions: list[Any] = inbox["executions"] or []
    budgets: list[Any] = inbox["budgets"] or []
    return [
        *(_held(each) for each in handoffs["held"]),
        *(_answered(each) for each in escalations if each["decided_at"] is not None),
        *(_execution(each) for each in executions),
        *(_offered(each, agent_id) for each in handoffs["offered"]),
        *(_asked(each) for each in escalations if each["decided_at"] is None),
        *(_budget(each) for each in budgets),
        *(_sent(each) for each in handoffs["sent"]),
        *_notes(inbox),
    ]


def _held(handoff: Any) -> Item:  # noqa: ANN401
    until = handoff["lease_until"]
    return Item(
        "handoff_held",
        handoff["id"],
        _cut(f"You have this hand-off{f' until {until}' if until else ''}: {_goal(handoff)}"),
        handoff["created_at"],
        [_call("read it and go on", "GET", f"/api/handoffs/{handoff['id']}")],
        _some(handoff, "status", "from_agent_id", "execution_id", "attempts", "lease_until", "deadline_at"),
    )


def _offered(handoff: Any, agent_id: str) -> Item:  # noqa: ANN401
    path = f"/api/handoffs/{handoff['id']}"
    return Item(
        "handoff_offered",
        handoff["id"],
        _cut(f"You may take this hand-off: {_goal(handoff)}"),
        handoff["created_at"],
        [_call("take it", "POST", f"{path}/claim", {"agent_id": agent_id}), _call("read it first", "GET", path)],
        _some(handoff, "from_agent_id", "to_agent_id", "execution_id", "attempts", "deadline_at"),
    )


def _sent(handoff: Any) -> Item:  # noqa: ANN401
    return Item(
        "handoff_ended",
        handoff["id"],
        _cut(f"What you handed over is {handoff['status']}: {_goal(handoff)}"),
        handoff["completed_at"],
        [_call("read what came of it", "GET", f"/api/handoffs/{handoff['id']}")],
        _some(handoff, "status", "agent_id", "error"),
    )


def _answered(escalation: Any) -> Item:  # noqa: ANN401
    outcome = escalation["outcome"] or escalation["status"]
    return Item(
        "escalation_answered",
        escalation["id"],
        _cut(f"You have an answer, {outcome}: {escalation['reason']}"),
        escalation["decided_at"],
        [_call("read the whole answer", "GET", f"/api/escalations/{escalation['id']}")],
        _some(escalation, "kind", "status", "outcome", "answer", "comment", "execution_id", "path"),
    )


def _asked(escalation: Any) -> Item:  # noqa: ANN401
    return Item(
        "escalation_open",
        escalation["id"],
        _cut(f"Nobody has answered yet: {escalation['reason']}"),
        escalation["created_at"],
        [_call("see whether there is an answer", "GET", f"/api/escalations/{escalation['id']}")],
        _some(escalation, "kind", "priority", "execution_id", "path", "deadline"),
    )


def _execution(execution: Any) -> Item:  # noqa: ANN401
    path = f"/api/executions/{execution['id']}"
    waits: list[Any] = execution["waiting_for"]
    state = f"waits for {_waits(waits)}" if waits else f"is {execution['status']}"
    following = [_call("see how far it is", "GET", f"{path}/steps")]
    if execution["mode"] == "external":
        following.append(_call("report its end", "PATCH", path, {"status": "succeeded", "output_data": {}}))
    return Item(
        "execution",
        execution["id"],
        _cut(f"Your execution of {execution['workflow']} {state}"),
        execution["created_at"],
        following,
        {**_some(execution, "status", "mode", "deadline_at"), "waiting_for": [*waits]},
    )


def _budget(budget: Any) -> Item:  # noqa: ANN401
    left = "is used up" if budget["is_reached"] else f"has {budget['left_usd']} USD left"
    return Item(
        "budget",
        budget["id"],
        _cut(f"The {budget['period']}'s budget of the {budget['scope']} {left}"),
        None,
        [_call("see how it stands", "GET", f"/api/budgets/{budget['id']}")],
        _some(budget, "limit_usd", "spent_usd", "resets_at", "on_reached", "escalation_id"),
    )


def _notes(inbox: Any) -> Iterator[Item]:  # noqa: ANN401
    states: list[Any] = inbox["state"] or []
    memories: list[Any] = inbox["memories"] or []
    for state in states:
        where = urlencode({"component": state["component"], "key": state["key"]})
        yield Item(
            "state",
            f"{state['component']}/{state['key']}",
            _cut(f"You keep {state['component']}/{state['key']}, version {state['version']}"),
            state["updated_at"],
            [_call("read it", "GET", f"/api/state?{where}")],
            _some(state, "value"),
        )
    for memory in memories:
        yield Item(
            "memory",
            memory["id"],
            _cut(f"You noted in {memory['namespace']}: {memory['content']}"),
            memory["created_at"],
            [_call("read it", "GET", f"/api/memory/{quote(memory['id'])}")],
            _some(memory, "namespace", "key", "content"),
        )


def _waits(waits: list[Any]) -> str:
    return ", ".join(f"{each['kind']} {each['name']}" for each in waits)


def _goal(handoff: Any) -> str:  # noqa: ANN401
    return handoff["goal"] or "(it says no goal)"


def _call(why: str, method: str, path: str, body: JsonObject | None = None) -> JsonObject:
    return {"why": why, "method": method, "path": path, **({} if body is None else {"body": body})}


def _some(row: Any, *names: str) -> JsonObject:  # noqa: ANN401
    return {name: row[name] for name in names}


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= MAX_TITLE else flat[: MAX_TITLE - 1] + "…"
