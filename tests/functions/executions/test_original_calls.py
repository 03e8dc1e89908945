"""The seven calls of the first AgentPlane's progress tracker, with exactly its bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from functions.agents.app import router as agents
from functions.executions.app import router as executions
from functions.observe.app import router as observe
from functions.shared.web import create_app
from functions.state.app import router as state
from functions.workflows.app import router as workflows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.functions.conftest import Organisation

APP = create_app("original", agents, state, workflows, executions, observe)


@pytest.fixture
async def agent(org: Organisation, client_of: Callable[..., Awaitable[httpx.AsyncClient]]) -> httpx.AsyncClient:
    return await client_of(APP, org.agent)


async def test_the_seven_calls_work_as_they_were_written(agent: httpx.AsyncClient):
    registered = await agent.post("/api/agents", json={"name": "my-agent", "framework": "custom"})
    assert registered.status_code == 201
    written = await agent.post("/api/state", json={"component": "my-component", "key": "data", "value": {"a": [1]}})
    assert written.status_code in {200, 201}
    read = await agent.get("/api/state?component=my-component&key=data")
    assert read.json()["value"] == {"a": [1]}
    stored = await agent.post("/api/workflows", json={"name": "my-workflow", "definition": "# Workflow..."})
    assert stored.status_code == 201
    fetched = await agent.get("/api/workflows?name=my-workflow")
    assert fetched.json()["definition"] == "# Workflow..."

    workflow_id, agent_id = fetched.json()["id"], registered.json()["id"]
    started = await agent.post("/api/executions", json={"workflow_id": workflow_id, "agent_id": agent_id})
    assert (started.status_code, started.json()["status"]) == (202, "running")
    updated = await agent.patch(
        f"/api/executions/{started.json()['id']}",
        json={"status": "completed", "output_data": {"done": True}, "cost_estimate": 0.0012},
    )
    assert (updated.status_code, updated.json()["status"]) == (200, "succeeded")
    queried = await agent.get(f"/api/executions?workflow_id={workflow_id}")
    (execution,) = queried.json()["data"]
    assert (execution["agent_id"], execution["output_data"], execution["cost_usd"]) == (
        *(agent_id, {"done": True}, "0.001200000"),
    )


@pytest.mark.parametrize(
    "body",
    [
        {"executed_by_agent_id": None, "executed_with_model": "haiku", "input_data": {"a": 1}},
        {"agent_id": None, "model": "haiku", "input": {"a": 1}},
    ],
)
async def test_the_words_of_the_first_client_are_understood(agent: httpx.AsyncClient, body: dict[str, object]):
    await agent.post("/api/workflows", json={"name": "my-workflow", "definition": "# Workflow..."})
    named = await agent.post("/api/executions", json={"workflow_name": "my-workflow", **body})
    assert named.status_code == 202, named.text
    assert (named.json()["executed_with_model"], named.json()["input"]) == ("haiku", {"a": 1})
    completed = await agent.get("/api/executions?status=completed")
    pending = await agent.get("/api/executions?status=pending")
    assert (completed.status_code, pending.status_code) == (200, 200)


async def test_an_agent_of_nobody_cannot_execute(agent: httpx.AsyncClient):
    await agent.post("/api/workflows", json={"name": "my-workflow", "definition": "# Workflow..."})
    nobody = "00000000-0000-4000-8000-000000000000"
    answer = await agent.post("/api/executions", json={"workflow": "my-workflow", "agent_id": nobody})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_agent")


async def test_an_observation_reads_back_with_its_execution(agent: httpx.AsyncClient):
    stored = (await agent.post("/api/workflows", json={"name": "my-workflow", "definition": "# W"})).json()
    execution = (await agent.post("/api/executions", json={"workflow_id": stored["id"]})).json()
    body = {"execution_id": execution["id"], "event_type": "tool_call", "message": "hi", "metadata": {"n": 1}}
    reported = await agent.post("/api/observe", json=body)
    assert reported.status_code == 201
    observed = (await agent.get(f"/api/observe?execution_id={execution['id']}")).json()
    trail = observed["executions"][0]["audit_trail"]
    assert [entry["type"] for entry in trail] == ["execution.started", "observe.tool_call"]
    assert trail[1]["data"] == {"message": "hi", "metadata": {"n": 1}, "agent_id": None}
    assert observed["stats"]["total"] == 1
