"""Who acts on the plane in these tests: a runner, a tenant and the owner of the database, each on its own connection.

They call the SQL functions directly, one statement a call, under the role that the gateway would give them.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import asyncpg

from functions.shared.auth.keys import AGENT_SCOPES, SCOPES
from tests.organisations import Org, create_org

if TYPE_CHECKING:
    from collections.abc import Sequence

Json = dict[str, Any]

DOCUMENT: Json = {"name": "w", "steps": {"a": {"transform": 1}}}


async def connect(url: str) -> asyncpg.Connection:
    """Connect, with jsonb as Python values."""
    connection = await asyncpg.connect(url)
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
    return connection


@dataclass
class Actor:
    """One connection, one role."""

    db: asyncpg.Connection

    async def shift(self, offset: str) -> None:
        """Move this connection's clock: '2 hours' from now on."""
        await self.db.execute(f"set plane.clock_offset = '{offset}'")


@dataclass
class Held:
    """A frame as its holder knows it."""

    runner: Runner
    claimed: Json
    seq: int

    @property
    def execution_id(self) -> str:
        return str(self.claimed["execution_id"])

    @property
    def frame(self) -> str:
        return str(self.claimed["frame"])

    @property
    def epoch(self) -> int:
        return int(self.claimed["epoch"])

    def payload(self, next_: str = "running", **more: Any) -> Json:
        """The next checkpoint, not sent."""
        return {
            "execution_id": self.execution_id,
            "frame": self.frame,
            "epoch": self.epoch,
            "seq": self.seq + 1,
            "records": [],
            "in_flight": {},
            "open": [],
            "close": [],
            "next": next_,
            "finish": None,
            "lease_seconds": 30,
        } | more

    async def checkpoint(self, next_: str = "running", **more: Any) -> Json:
        """Send the next checkpoint."""
        answer = await self.runner.kernel("checkpoint", self.payload(next_, **more))
        if answer["ok"]:
            self.seq = answer["seq"]
        return answer

    async def finish(self, status: str = "succeeded", output: Any = None, error: Any = None, **more: Any) -> Json:
        """End the frame."""
        return await self.checkpoint("done", finish={"status": status, "output": output, "error": error}, **more)

    async def extend(self, **more: Any) -> Json:
        """Extend the lease."""
        key = {"execution_id": self.execution_id, "frame": self.frame, "epoch": self.epoch, "lease_seconds": 30}
        return await self.runner.kernel("extend_lease", key | more)


@dataclass
class Runner(Actor):
    """Moves executions, as plane_runner."""

    name: str = "runner"

    @classmethod
    async def connect(cls, url: str, name: str = "runner") -> Runner:
        connection = await connect(url)
        await connection.execute("set role plane_runner")
        return cls(connection, name)

    async def kernel(self, verb: str, payload: Json) -> Json:
        """Call a kernel verb."""
        return await self.db.fetchval(f"select plane.{verb}($1)", payload)

    async def each(self, verb: str, payloads: Sequence[Json]) -> list[Json]:
        """Call a verb once for each payload, in one statement: quick arrangement."""
        return await self.db.fetchval(
            f"select jsonb_agg(plane.{verb}(p) order by n) from jsonb_array_elements($1) with ordinality as e (p, n)",
            list(payloads),
        )

    async def claim_each(self, execution_ids: Sequence[str], **more: Any) -> list[Held]:
        """Claim the root frames of many executions; all answers must be yes."""
        answers = await self.each("claim", [self.claim_payload(execution, **more) for execution in execution_ids])
        return [Held(self, answer, answer["seq"]) for answer in answers]

    async def checkpoint_each(self, frames: Sequence[Held], next_: str = "running", **more: Any) -> list[Json]:
        """The same checkpoint for many frames."""
        answers = await self.each("checkpoint", [held.payload(next_, **more) for held in frames])
        for held, answer in zip(frames, answers, strict=True):
            assert answer["ok"], answer
            held.seq = answer["seq"]
        return answers

    def claim_payload(self, execution_id: str, frame: str = "", **more: Any) -> Json:
        """A claim, not sent."""
        payload = {"execution_id": execution_id, "frame": frame, "queue": "default", "claim_ref": uuid.uuid4().hex}
        return payload | {"owner": self.name, "lease_seconds": 30, "known": []} | more

    async def try_claim(self, execution_id: str, frame: str = "", **more: Any) -> Json:
        """Claim, whatever the answer."""
        return await self.kernel("claim", self.claim_payload(execution_id, frame, **more))

    async def claim(self, execution_id: str, frame: str = "", **more: Any) -> Held:
        """Claim; the answer must be yes."""
        answer = await self.try_claim(execution_id, frame, **more)
        assert answer["ok"], answer
        return Held(self, answer, answer["seq"])

    def adopt(self, answer: Json) -> Held:
        """Take over what a checkpoint's answer handed on."""
        return Held(self, answer["adopted"], answer["adopted"]["seq"])


@dataclass
class Tenant(Actor):
    """A person or a key inside one organisation, as authenticated."""

    org: Org
    claims: Json = field(default_factory=dict[str, Any])

    @classmethod
    async def connect(
        cls, url: str, org: Org, scopes: Sequence[str] = SCOPES, id: str | None = None, kind: str = "person"
    ) -> Tenant:
        connection = await connect(url)
        claims: Json = {"org_id": org.id, "scopes": list(scopes)}
        who = id or str(uuid.uuid4())
        if kind == "person":
            claims |= {
                "principal": "person",
                "user_id": who,
                "email": f"{who[:8]}@example.com",
                "role": "owner",
                "aal": "aal1",
            }
        else:
            claims |= {"principal": "api_key", "key_id": who, "key_kind": kind, "name": f"{kind} {who[:8]}"}
        await connection.execute("select set_config('request.jwt.claims', $1, false)", json.dumps(claims))
        await connection.execute("set role authenticated")
        return cls(connection, org, claims)

    @property
    def id(self) -> str:
        """The person's or the key's id."""
        return str(self.claims.get("user_id") or self.claims["key_id"])

    @property
    def actor(self) -> Json:
        """How a decision names them."""
        if self.claims["principal"] == "person":
            return {"kind": "person", "id": self.id, "label": self.claims["email"]}
        return {"kind": f"{self.claims['key_kind']}_key", "id": self.id, "label": self.claims["name"]}

    async def start(self, version_id: str, **more: Any) -> str:
        """Start an execution; its id."""
        answer = await self.db.fetchval(
            "select plane.start_execution($1)", {"version_id": version_id, "input": {}} | more
        )
        return str(answer["execution_id"])

    async def start_each(self, version_id: str, count: int, **more: Any) -> list[str]:
        """Start many executions in one statement."""
        return await self.db.fetchval(
            "select jsonb_agg(plane.start_execution($1) -> 'execution_id') from generate_series(1, $2)",
            {"version_id": version_id, "input": {}} | more,
            count,
        )

    async def signal(self, execution_id: str, name: str, payload: Any = None) -> Json:
        """Signal an execution."""
        return await self.db.fetchval("select plane.signal_execution($1, $2, $3)", execution_id, name, payload)

    async def decide(self, execution_id: str, name: str, outcome: str = "approve", **form: Any) -> Json:
        """Decide an approval or a budget."""
        return await self.signal(execution_id, name, {"outcome": outcome, "form": form})

    async def cancel(self, execution_id: str) -> Json:
        """Cancel an execution."""
        return await self.db.fetchval("select plane.cancel_execution($1)", execution_id)

    async def retry(self, execution_id: str, keep: Sequence[str] | None = None) -> Json:
        """Retry an execution."""
        return await self.db.fetchval("select plane.retry_execution($1, $2)", execution_id, keep)

    async def publish(
        self, name: str, payload: Any = None, execution_id: str | None = None, key: str | None = None
    ) -> Json:
        """Publish an event."""
        return await self.db.fetchval("select plane.publish_event($1, $2, $3, $4)", name, payload, execution_id, key)


@dataclass
class Plane(Actor):
    """The owner of the database: arranges, looks, and makes the other actors."""

    url: str
    login_url: str
    actors: list[Actor] = field(default_factory=list[Actor])

    async def runner(self, name: str = "runner") -> Runner:
        """One more runner."""
        runner = await Runner.connect(self.login_url, name)
        self.actors.append(runner)
        return runner

    async def org(self, name: str | None = None) -> Org:
        """One more organisation."""
        owner = await asyncpg.connect(self.url)
        try:
            return await create_org(owner, name)
        finally:
            await owner.close()

    async def tenant(self, org: Org | None = None, **more: Any) -> Tenant:
        """One more tenant, in its own organisation unless one is given."""
        tenant = await Tenant.connect(self.login_url, org or await self.org(), **more)
        self.actors.append(tenant)
        return tenant

    async def agent(self, org: Org) -> Tenant:
        """A tenant that may not decide."""
        return await self.tenant(org, scopes=AGENT_SCOPES, kind="agent")

    async def version(self, org: Org, document: Json | None = None, *, name: str = "w", queue: str = "default") -> str:
        """Store the next version of a workflow; its id. Markdown when the document is empty."""
        document = DOCUMENT if document is None else document
        return str(
            await self.db.fetchval(
                """
                with w as (
                  insert into plane.workflows (org_id, name, latest) values ($1, $2, 1)
                  on conflict (org_id, name) do update set latest = workflows.latest + 1
                  returning id, latest
                )
                insert into plane.workflow_versions
                  (org_id, workflow_id, version, format, definition, content_hash, document, queue, steps)
                select $1, w.id, w.latest, $3, '', w.latest::text, $4, $5, $6 from w
                returning id
                """,
                *(org.id, name, "yaml" if document else "markdown", document or None, queue),
                [{"path": path, "kind": next(iter(step))} for path, step in document.get("steps", {}).items()],
            )
        )

    async def violations(self) -> list[Json]:
        """Every broken invariant."""
        return [dict(row) for row in await self.db.fetch("select * from plane.violations")]

    async def row(self, query: str, *args: Any) -> Json:
        """One row."""
        row = await self.db.fetchrow(query, *args)
        assert row is not None
        return dict(row)

    async def execution(self, execution_id: str) -> Json:
        """An execution's row."""
        return await self.row("select * from plane.executions where id = $1", execution_id)

    async def frame(self, execution_id: str, frame: str = "") -> Json:
        """A frame's row."""
        return await self.row("select * from plane.frames where execution_id = $1 and frame = $2", execution_id, frame)

    async def wait(self, execution_id: str, token: str) -> Json:
        """A wait's row."""
        return await self.row("select * from plane.waits where execution_id = $1 and token = $2", execution_id, token)

    async def close(self) -> None:
        """Disconnect everybody."""
        for actor in [*self.actors, self]:
            await actor.db.close()


def record(path: str, output: Any = None, *, parent: str = "", status: str = "succeeded", **more: Any) -> Json:
    """An ended step."""
    return {"path": path, "parent": parent, "kind": "transform", "status": status, "output": output} | more


def approval(path: str = "approve", **more: Any) -> Json:
    """A wait for a decision."""
    wait = {"token": f"0:{path}:1", "kind": "approval", "path": path, "data": {"outcomes": ["approve", "reject"]}}
    return wait | more


def event(name: str = "paid", *, path: str = "pay", **more: Any) -> Json:
    """A wait for an event."""
    return {"token": f"0:{path}:1", "kind": "event", "path": path, "name": name} | more


def timer(after_ms: int, path: str = "pause") -> Json:
    """A wait for time."""
    return {"token": f"0:{path}:1", "kind": "timer", "path": path, "deadline_ms": after_ms}


def shards(count: int, path: str = "items", **more: Any) -> Json:
    """A wait for shards."""
    parts = [{"frame": f"{path}/{n}", "path": path, "from": n, "to": n + 1, "max_parallel": 1} for n in range(count)]
    return {"token": f"0:{path}:1", "kind": "shards", "path": path, "shards": parts} | more


def handoff(path: str = "review", handoff_id: str | None = None, **more: Any) -> Json:
    """A wait for work that another agent does: anybody."""
    handoff_id = handoff_id or str(uuid.uuid4())
    return {
        "token": f"0:{path}:1",
        "kind": "handoff",
        "path": path,
        "handoff": {"id": handoff_id, "packet": {"goal": path}},
        **more,
    }


def child(ref: str = "w", path: str = "call", execution_id: str | None = None, **more: Any) -> Json:
    """A wait for a child execution."""
    return {
        "token": f"0:{path}:1",
        "kind": "child",
        "path": path,
        "child": {"execution_id": execution_id or str(uuid.uuid4()), "ref": ref, "input": {"n": 1}} | more,
    }
