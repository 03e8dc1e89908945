"""A synchronous client: `AgentPlane().executions.run("ticket-refund", {"text": "…"})`."""

from __future__ import annotations

import os
import time
import uuid
from typing import TYPE_CHECKING, Any, Self, cast

import httpx

from agentplane.errors import AgentPlaneError, ApiError, PlaneUnreachable
from agentplane.models import Agent, Execution, State, Step, Workflow
from agentplane.people import Invitations, Members, Organisations
from agentplane.signing import SigningKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

DEFAULT_URL = "http://127.0.0.1:8400"
LONGEST_WAIT_SECONDS = 20
ATTEMPTS = 3


class AgentPlane:
    """A connection to one plane with one key, or as one person.

    `url` and `api_key` come from AGENTPLANE_URL and AGENTPLANE_API_KEY when they are not given.
    `token`: a person's access token, or a function that gives one that has not expired; AGENTPLANE_TOKEN without a key.
    `organisation`: its id or name, for a person with several (else AGENTPLANE_ORGANISATION).
    `signing_key`: the private key of an API key whose requests must be signed (else AGENTPLANE_SIGNING_KEY).
    Every POST carries an Idempotency-Key, so lost answers are asked for again without doing anything twice.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        token: str | Callable[[], str] | None = None,
        organisation: str | None = None,
        signing_key: str | None = None,
        timeout_seconds: float = 60,
    ) -> None:
        self.url = (url or os.environ.get("AGENTPLANE_URL") or DEFAULT_URL).rstrip("/")
        if token is None:
            token = api_key or os.environ.get("AGENTPLANE_API_KEY") or os.environ.get("AGENTPLANE_TOKEN") or ""
        self._secret = token
        self._organisation = organisation or os.environ.get("AGENTPLANE_ORGANISATION") or ""
        private = signing_key or os.environ.get("AGENTPLANE_SIGNING_KEY")
        self._signing_key = SigningKey(private) if private else None
        self._http = httpx.Client(base_url=self.url, timeout=timeout_seconds)
        self.agents = Agents(self)
        self.state = StateStore(self)
        self.workflows = Workflows(self)
        self.executions = Executions(self)
        self.observe = Observe(self)
        self.keys = Keys(self)
        self.members = Members(self)
        self.invitations = Invitations(self)
        self.organisations = Organisations(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def me(self) -> dict[str, Any]:
        """Who this key or person is: organisation, kind or role, and scopes."""
        return self.call("GET", "/api/me")

    def health(self) -> dict[str, Any]:
        """Whether the plane and its database are well; needs no key."""
        return self.call("GET", "/api/health")

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """Send one request and give the decoded answer (None for 204).

        Connection failures, 429 and 503 are repeated up to three times; that is safe for every method here.
        Raises ApiError for a problem, PlaneUnreachable when there was no answer.
        """
        sent = {**self._identity(), **(headers or {})}
        signing_key = self._signing_key if sent.get("Authorization", "").startswith("Bearer ap_") else None
        if method == "POST" or (signing_key and method != "GET"):  # a signed change must say which one it is
            sent["Idempotency-Key"] = idempotency_key or str(uuid.uuid4())
        params = {name: value for name, value in (query or {}).items() if value is not None}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                request = self._http.build_request(method, path, params=params, json=body, headers=sent)
                if signing_key:
                    signing_key.sign(request)
                response = self._http.send(request)
            except httpx.TransportError as error:
                if attempt == ATTEMPTS or not _may_repeat(method, error):
                    raise PlaneUnreachable(self.url, str(error) or type(error).__name__) from error
                time.sleep(0.2 * attempt)
                continue
            if response.status_code in {429, 503} and attempt < ATTEMPTS:
                time.sleep(min(float(response.headers.get("Retry-After", attempt)), 5))
                continue
            return _decode(response)
        raise AssertionError  # the loop always returns or raises

    def _identity(self) -> dict[str, str]:
        """Say who calls; a person's token is asked for each time, because it may have been refreshed."""
        secret = self._secret if isinstance(self._secret, str) else self._secret()
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        if self._organisation:
            headers["AgentPlane-Organisation"] = self._organisation
        return headers

    def pages(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Go through every row of a list, page by page."""
        cursor: str | None = None
        while True:
            page = self.call("GET", path, query={**(query or {}), "cursor": cursor})
            yield from page["data"]
            cursor = page.get("next_cursor")
            if not cursor:
                return


class Agents:
    """Register, find and keep agents alive."""

    def __init__(self, plane: AgentPlane) -> None:
        self._plane = plane

    def register(self, name: str, **fields: Any) -> Agent:
        """Register an agent. The same name again gives the same agent."""
        return Agent.model_validate(self._plane.call("POST", "/api/agents", body={"name": name, **fields}))

    def heartbeat(self, agent_id: str) -> dict[str, Any]:
        """Extend the lease; the answer counts the work that waits."""
        return self._plane.call("POST", f"/api/agents/{agent_id}/heartbeat", body={})

    def list(self, **filters: Any) -> list[Agent]:
        """List agents by name, status or capability."""
        return [Agent.model_validate(row) for row in self._plane.pages("/api/agents", filters)]


class StateStore:
    """JSON values by component and key."""

    def __init__(self, plane: AgentPlane) -> None:
        self._plane = plane

    def put(self, component: str, key: str, value: Any, **options: Any) -> State:
        """Write a value. `if_version=3` writes only over version 3, `expires_in_seconds` sets a time to live."""
        body = {"component": component, "key": key, "value": value, **options}
        return State.model_validate(self._plane.call("POST", "/api/state", body=body))

    def get(self, component: str, key: str) -> State:
        """Read a value. Raises ApiError with status 404 when it is not there or has expired."""
        return State.model_validate(self._plane.call("GET", "/api/state", query={"component": component, "key": key}))

    def list(self, component: str, prefix: str = "") -> list[State]:
        """List the values of a component whose key starts with `prefix`."""
        rows = self._plane.pages("/api/state", {"component": component, "prefix": prefix})
        return [State.model_validate(row) for row in rows]

    def delete(self, component: str, key: str) -> None:
        """Delete a value."""
        self._plane.call("DELETE", "/api/state", query={"component": component, "key": key})


class Workflows:
    """Store, fetch and check workflow documents."""

    def __init__(self, plane: AgentPlane) -> None:
        self._plane = plane

    def create(self, name: str, definition: str | dict[str, Any], **fields: Any) -> Workflow:
        """Store a version. The same content again gives the same version."""
        body = {"name": name, "definition": definition, **fields}
        return Workflow.model_validate(self._plane.call("POST", "/api/workflows", body=body))

    def get(self, name: str, version: int | None = None) -> Workflow:
        """Fetch a version with its definition; the newest when none is named."""
        query = {"name": name, "version": version}
        return Workflow.model_validate(self._plane.call("GET", "/api/workflows", query=query))

    def list(self) -> list[dict[str, Any]]:
        """List the workflows."""
        return list(self._plane.pages("/api/workflows"))


class Executions:
    """Start executions, follow them, answer what they wait for."""

    def __init__(self, plane: AgentPlane) -> None:
        self._plane = plane

    def start(
        self,
        workflow: str,
        input: Mapping[str, Any] | None = None,
        *,
        wait_seconds: int = 0,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Execution:
        """Start an execution; with `wait_seconds` (at most 20) the answer comes when it ends, if it ends by then."""
        headers = {"Prefer": f"wait={wait_seconds}"} if wait_seconds else {}
        body = {"workflow": workflow, "input": dict(input or {}), **fields}
        answer = self._plane.call(
            "POST", "/api/executions", body=body, headers=headers, idempotency_key=idempotency_key
        )
        return Execution.model_validate(answer)

    def get(self, execution_id: str, *, wait_seconds: int = 0) -> Execution:
        """Look at an execution; with `wait_seconds` the answer comes when it ends, if it ends by then."""
        headers = {"Prefer": f"wait={wait_seconds}"} if wait_seconds else {}
        return Execution.model_validate(self._plane.call("GET", f"/api/executions/{execution_id}", headers=headers))

    def run(self, workflow: str, input: Mapping[str, Any] | None = None, *, timeout_seconds: float = 300) -> Execution:
        """Start an execution and wait until it ends or needs an answer."""
        started = self.start(workflow, input, wait_seconds=LONGEST_WAIT_SECONDS)
        return self.wait(started.id, timeout_seconds=timeout_seconds) if not started.has_ended else started

    def wait(self, execution_id: str, *, timeout_seconds: float = 300) -> Execution:
        """Wait until an execution ends. Raises AgentPlaneError when it takes longer."""
        until = time.monotonic() + timeout_seconds
        while True:
            left = until - time.monotonic()
            execution = self.get(execution_id, wait_seconds=max(1, min(LONGEST_WAIT_SECONDS, int(left))))
            if execution.has_ended:
                return execution
            if left <= 0:
                message = f"execution {execution_id} is still {execution.status} after {timeout_seconds:g} s"
                raise AgentPlaneError(message)

    def list(self, *, limit: int = 50, **filters: Any) -> list[Execution]:
        """List the newest executions, by workflow, status or agent."""
        page = self._plane.call("GET", "/api/executions", query={"limit": limit, **filters})
        return [Execution.model_validate(row) for row in page["data"]]

    def steps(self, execution_id: str) -> list[Step]:
        """List the steps, one row a path."""
        rows = self._plane.pages(f"/api/executions/{execution_id}/steps", {"limit": 500})
        return [Step.model_validate(row) for row in rows]

    def events(self, execution_id: str, after: str | None = None, wait_seconds: int = 0) -> dict[str, Any]:
        """Read what happened after a cursor: `{data, next_cursor}`."""
        query = {"after": after, "wait": wait_seconds or None}
        return self._plane.call("GET", f"/api/executions/{execution_id}/events", query=query)

    def trace(self, execution_id: str) -> dict[str, Any]:
        """Get the trace: spans with latency, tokens and cost, and the slowest step."""
        return self._plane.call("GET", f"/api/executions/{execution_id}/trace")

    def explain(self, execution_id: str) -> dict[str, Any]:
        """Ask why each branch was taken, for the critical path and the cost drivers."""
        return self._plane.call("GET", f"/api/executions/{execution_id}/explain")

    def signal(self, execution_id: str, name: str, payload: Any) -> dict[str, Any]:
        """Send a signal: an event by its name, or the answer to an approval by its path."""
        body = {"name": name, "payload": payload}
        return self._plane.call("POST", f"/api/executions/{execution_id}/signal", body=body)

    def cancel(self, execution_id: str) -> Execution:
        """Cancel an execution."""
        return Execution.model_validate(self._plane.call("POST", f"/api/executions/{execution_id}/cancel", body={}))

    def retry(self, execution_id: str, from_path: str | None = None) -> Execution:
        """Run what failed again, and what depends on it; succeeded steps stay."""
        body = {"from": from_path} if from_path else {}
        return Execution.model_validate(self._plane.call("POST", f"/api/executions/{execution_id}/retry", body=body))

    def restart(self, execution_id: str) -> Execution:
        """Start a new execution of the same version with the same input."""
        return Execution.model_validate(self._plane.call("POST", f"/api/executions/{execution_id}/restart", body={}))


class Observe:
    """Costs and bottlenecks."""

    def __init__(self, plane: AgentPlane) -> None:
        self._plane = plane

    def overview(self) -> dict[str, Any]:
        """Get counts and the latest failures."""
        return self._plane.call("GET", "/api/observe/overview")

    def costs(self, group_by: str = "model") -> dict[str, Any]:
        """Costs by provider, model, workflow, agent or step."""
        return self._plane.call("GET", "/api/observe/costs", query={"group_by": group_by})

    def bottlenecks(self, **filters: Any) -> dict[str, Any]:
        """List the slowest steps, over one execution or many."""
        return self._plane.call("GET", "/api/observe/bottlenecks", query=filters)


class Keys:
    """API keys of the organisation."""

    def __init__(self, plane: AgentPlane) -> None:
        self._plane = plane

    def create(self, name: str, **fields: Any) -> dict[str, Any]:
        """Create a key. Its secret is in this answer and never shown again."""
        return self._plane.call("POST", "/api/keys", body={"name": name, **fields})

    def list(self) -> list[dict[str, Any]]:
        """List the keys, without their secrets."""
        return list(self._plane.pages("/api/keys"))

    def revoke(self, key_id: str) -> None:
        """Revoke a key at once."""
        self._plane.call("DELETE", f"/api/keys/{key_id}")


def _may_repeat(method: str, error: httpx.TransportError) -> bool:
    """Whether a lost request can be sent again: never sent, or safe by its method or its key."""
    return isinstance(error, httpx.ConnectError) or method in {"GET", "POST", "PUT", "DELETE"}


def _decode(response: httpx.Response) -> Any:
    if not response.content and response.is_success:
        return None
    is_json = "json" in response.headers.get("Content-Type", "")
    body: Any = response.json() if is_json and response.content else {"detail": response.text[:500]}
    if response.is_success:
        return body
    raise ApiError(
        response.status_code, cast("dict[str, Any]", body) if isinstance(body, dict) else {"detail": str(body)}
    )
