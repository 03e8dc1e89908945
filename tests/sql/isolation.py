"""Two organisations with a row in every table, and a call of every verb: what test_isolation.py is generated from.

A new table needs a line in SEEDS, a new verb one in CALLS; the tests name what is missing.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.shared.auth.keys import new_key
from tests.sql import seeds

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg

    from tests.organisations import Org

Json = dict[str, Any]
# Stands in everything that an organisation has; must never be seen by another.
MARK = "top-secret"


@dataclass(frozen=True)
class Things:
    """What an organisation has, by id; `mark` stands in all its texts."""

    org: Org
    mark: str
    key: str
    operator: str
    agent: str
    workflow: str
    version: str
    running: str
    failed: str
    external: str

    def ids(self) -> set[str]:
        """Every id that is nobody else's business."""
        return {
            self.org.id,
            self.key,
            self.operator,
            self.agent,
            self.workflow,
            self.version,
            self.running,
            self.failed,
            self.external,
            *(self.id(name) for name in seeds.IDS),
        }

    def id(self, name: str) -> str:
        """Give the organisation's own id of something that a part of the plane seeds: `t.id("handoff")`."""
        return str(uuid.uuid5(uuid.UUID(self.org.id), name))


def things_of(org: Org, key: str, operator: str) -> Things:
    """Name what an organisation will have."""
    return Things(org, f"{MARK}-{org.name}", key, operator, *(str(uuid.uuid4()) for _ in range(6)))


# One insert for each table; $1 is the organisation, $2 the mark, $3 and on what stands beside it.
SEEDS: dict[str, tuple[str, Callable[[Things], tuple[Any, ...]]]] = {
    "organisations": ("", lambda _: ()),  # made with its keys
    "api_keys": ("update plane.api_keys set name = $2 where org_id = $1", lambda _: ()),
    "idempotency": (
        """
        insert into plane.idempotency (org_id, key_id, key, fingerprint, answer)
        values ($1, $3, $2, $2, to_jsonb($2::text))
        """,
        lambda t: (t.operator,),
    ),
    "audit_entries": (
        """
        insert into plane.audit_entries (org_id, actor_kind, action, resource, resource_id)
        values ($1, 'api_key', $2, $2, $2)
        """,
        lambda _: (),
    ),
    "agents": (
        "insert into plane.agents (id, org_id, name, description) values ($3, $1, $2, $2)",
        lambda t: (t.agent,),
    ),
    "state": (
        """
        insert into plane.state (org_id, component, key, value, expires_at)
        values ($1, 'c', 'k', to_jsonb($2::text), now() + interval '1 day')
        """,
        lambda _: (),
    ),
    "workflows": (
        "insert into plane.workflows (id, org_id, name, latest, description) values ($3, $1, 'w', 1, $2)",
        lambda t: (t.workflow,),
    ),
    "workflow_versions": (
        """
        insert into plane.workflow_versions
          (id, org_id, workflow_id, version, format, definition, content_hash, document)
        values ($3, $1, $4, 1, 'yaml', $2, $2, jsonb_build_object('name', $2::text))
        """,
        lambda t: (t.version, t.workflow),
    ),
    "executions": (
        """
        insert into plane.executions
          (id, org_id, workflow_id, version_id, mode, status, input, error, root_execution_id, ended_at, agent_id)
        select id, $1, $6, $7, mode, status, to_jsonb($2::text), to_jsonb($2::text), id,
          case when status = 'failed' then now() end, $8
        from (values ($3::uuid, 'engine', 'running'), ($4::uuid, 'engine', 'failed'), ($5::uuid, 'external', 'running'))
          as e (id, mode, status)
        """,
        lambda t: (t.running, t.failed, t.external, t.workflow, t.version, t.agent),
    ),
    "frames": (
        """
        insert into plane.frames (execution_id, org_id, root_execution_id, status, owner, deadline_at, due_at)
        values ($3, $1, $3, 'waiting', $2, now() + interval '1 day', now() + interval '1 day')
        """,
        lambda t: (t.running,),
    ),
    "checkpoints": (
        """
        insert into plane.checkpoints
          (execution_id, gen, path, org_id, frame, parent, kind, status, output, output_ref, seq, model)
        select id, 0, p, $1, '', '', 'llm', 'succeeded',
          case p when 'a' then to_jsonb($2::text) end, case p when 'b' then $5::bytea end, 1, $2
        from unnest(array[$3, $4]::uuid[]) as id, unnest(array['a', 'b']) as p
        """,
        lambda t: (t.running, t.failed, hashlib.sha256(t.mark.encode()).digest()),
    ),
    "waits": (
        """
        insert into plane.waits (execution_id, token, frame, org_id, gen, kind, path, name, data)
        select $3, k, '', $1, 0, k, k, k, to_jsonb($2::text) from unnest(array['approval', 'event', 'budget']) as k
        """,
        lambda t: (t.running,),
    ),
    "signals": (
        "insert into plane.signals (execution_id, org_id, name, payload) values ($3, $1, $2, to_jsonb($2::text))",
        lambda t: (t.running,),
    ),
    "payloads": (
        "insert into plane.payloads (org_id, hash, body, size) values ($1, $3, to_jsonb($2::text), 5000)",
        lambda t: (hashlib.sha256(t.mark.encode()).digest(),),
    ),
    "events": (
        """
        insert into plane.events (org_id, execution_id, type, name, data)
        select $1, id, 'observe.x', $2, to_jsonb($2::text) from unnest(array[$3, $4]::uuid[]) as id
        """,
        lambda t: (t.running, t.external),
    ),
    **seeds.SEEDS,
}


async def seed(admin: asyncpg.Connection, things: Things) -> None:
    """Give an organisation a row in every table."""
    for statement, more in SEEDS.values():
        if statement:
            await admin.execute(statement, things.org.id, things.mark, *more(things))


def page(**more: Any) -> Json:
    return {"limit": 50, "cursor": None} | more


def state(**more: Any) -> Json:
    return {"component": "c", "key": "k"} | more


# Each verb with the things of one organisation. Its owner gets an answer, a stranger nothing of it.
CALLS: dict[str, Callable[[Things], Json]] = {
    "append_state": lambda _: state(key="list", value=1),
    "cancel_execution": lambda t: {"execution_id": t.running},
    "check_access": lambda _: {"scope": "state:read", "answer": {}},
    "create_key": lambda _: {
        "name": "n",
        "kind": "agent",
        "key_hash": new_key("agent").key_hash,
        "prefix": "ap_live_x",
        "scopes": ["state:read"],
    },
    "create_workflow": lambda _: {
        "name": "w",
        "format": "yaml",
        "definition": "name: w",
        "is_json": False,
        "document": {"name": "w"},
        "queue": "default",
        "steps": [],
    },
    "delete_agent": lambda t: {"id": t.agent},
    "delete_state": lambda _: state(),
    "get_agent": lambda t: {"id": t.agent},
    "get_bottlenecks": lambda t: {"execution_id": t.running, "limit": 10},
    "get_caller": lambda _: {},
    "get_costs": lambda _: {"group_by": "model", "limit": 10},
    "get_execution": lambda t: {"execution_id": t.running},
    "get_open_wait": lambda t: {"execution_id": t.running, "name": "approval"},
    "get_overview": lambda _: {"hours": 24},
    "get_queue_depth": lambda _: {},
    "get_retry_basis": lambda t: {"execution_id": t.failed},
    "get_startable": lambda t: {"workflow_id": t.version},
    "get_state": lambda _: state(),
    "get_trace": lambda t: {"execution_id": t.running, "with_document": True},
    "get_workflow": lambda t: {"workflow_id": t.workflow},
    "heartbeat_agent": lambda t: {"id": t.agent},
    "increment_state": lambda _: state(key="n", by=1),
    "list_agents": lambda _: page(),
    "list_events": lambda t: {"execution_id": t.running, "limit": 50, "after": None},
    "list_executions": lambda t: page(workflow_id=t.workflow),
    "list_keys": lambda _: page(),
    "list_state": lambda _: page(component="c"),
    "list_steps": lambda t: page(execution_id=t.running),
    "list_workflow_versions": lambda _: page(name="w"),
    "list_workflows": lambda _: page(),
    "merge_state": lambda _: state(key="o", merge={"a": 1}),
    "observe_executions": lambda t: {"execution_id": t.running, "limit": 10, "include_costs": True},
    "put_state": lambda _: state(value=1),
    "record_event": lambda t: {"execution_id": t.running, "event_type": "seen", "agent_id": t.agent},
    "register_agent": lambda _: {"name": "one more"},
    "report_step": lambda t: {
        "execution_id": t.external,
        "step": {"path": "a", "parent": "", "kind": "step", "status": "succeeded"},
    },
    "restart_execution": lambda t: {"execution_id": t.failed},
    "retry_execution": lambda t: {"execution_id": t.failed, "gen": 0, "keep": ["a"]},
    "revoke_key": lambda t: {"id": t.key},
    "signal_execution": lambda t: {"execution_id": t.running, "name": "event", "payload": {"n": 1}},
    "start_execution": lambda t: {"version_id": t.version, "input": {}, "mode": "engine"},
    "update_agent": lambda t: {"id": t.agent, "changes": {"description": "changed"}},
    "update_execution": lambda t: {"execution_id": t.external, "status": "succeeded", "output": 1},
    **seeds.CALLS,
}


async def contents(admin: asyncpg.Connection, org_id: str) -> Json:
    """Everything that an organisation has, to see whether anything changed (a key's last use is nobody's doing)."""
    found: Json = {}
    for table in SEEDS:
        column = "id" if table == "organisations" else "org_id"
        found[table] = json.loads(
            await admin.fetchval(
                f"select coalesce(jsonb_agg(thing order by thing::text), '[]')::text"
                f" from plane.{table} t, lateral (select to_jsonb(t) - 'last_used_at' as thing) as j"
                f" where {column} = $1",
                org_id,
            )
        )
    return found
