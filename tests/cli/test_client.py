"""The Python client, method by method, against a real plane."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from agentplane import AgentPlane, ApiError, PlaneUnreachable
from agentplane.errors import AgentPlaneError
from agentplane.signing import SigningKey

from tests.cli.conftest import DevProcess

pytestmark = pytest.mark.xdist_group("cli_commands")

ASKS = {"name": "client-asks", "steps": {"ask": {"approval": {"message": "Go on?", "outcomes": ["yes", "no"]}}}}
FAILS = {"name": "client-fails", "steps": {"no": {"fail": "not today"}}}


@pytest.fixture
def client(plane: DevProcess) -> Iterator[AgentPlane]:
    with AgentPlane(plane.ready["url"], plane.ready["api_key"]) as connected:
        yield connected


def test_an_agent_registers_once_and_keeps_its_lease(client: AgentPlane) -> None:
    agent = client.agents.register("client-agent", framework="custom", lease_seconds=60)
    assert client.agents.register("client-agent").id == agent.id
    assert client.agents.heartbeat(agent.id)["lease_until"]
    assert [found.health for found in client.agents.list(name="client-agent")] == ["active"]


def test_state_is_put_compared_listed_and_deleted(client: AgentPlane) -> None:
    first = client.state.put("client", "a/1", {"n": 1})
    assert client.state.put("client", "a/1", {"n": 2}, if_version=first.version).version == first.version + 1
    with pytest.raises(ApiError) as stale:
        client.state.put("client", "a/1", 0, if_version=first.version)
    assert (stale.value.status, stale.value.code) == (409, "state_version_conflict")
    assert [found.key for found in client.state.list("client", "a/")] == ["a/1"]
    client.state.delete("client", "a/1")
    with pytest.raises(ApiError) as gone:
        client.state.get("client", "a/1")
    assert gone.value.status == 404


def test_an_execution_is_started_once_answered_explained_and_started_again(
    client: AgentPlane, plane: DevProcess
) -> None:
    client.workflows.create("client-asks", ASKS)
    assert client.workflows.get("client-asks").version == 1
    started = client.executions.start("client-asks", idempotency_key="client-once")
    assert client.executions.start("client-asks", idempotency_key="client-once").id == started.id
    client.executions.get(started.id, wait_seconds=1)
    with pytest.raises(ApiError) as refused:
        client.executions.signal(started.id, "ask", {"outcome": "yes"})
    assert (refused.value.status, refused.value.code) == (403, "people_only")
    with AgentPlane(plane.ready["url"], token=plane.person) as person:
        person.executions.signal(started.id, "ask", {"outcome": "yes"})
    ended = client.executions.wait(started.id, timeout_seconds=20)
    assert (ended.status, ended.output["ask"]["outcome"]) == ("succeeded", "yes")
    assert [step.status for step in client.executions.steps(started.id)] == ["succeeded"]
    assert "critical_path" in client.executions.explain(started.id)
    again = client.executions.restart(started.id)
    assert again.id != started.id
    assert client.executions.cancel(again.id).id == again.id
    assert client.executions.wait(again.id, timeout_seconds=20).status == "cancelled"


def test_a_run_that_fails_says_why(client: AgentPlane) -> None:
    client.workflows.create("client-fails", FAILS)
    ended = client.executions.run("client-fails", timeout_seconds=20)
    assert ended.status == "failed"
    assert ended.error is not None
    assert ended.error["message"] == "not today"


def test_a_signed_key_works_for_who_has_the_private_one(client: AgentPlane, plane: DevProcess) -> None:
    pair = SigningKey.generate()
    made = client.keys.create("signed", scopes=["state:read", "state:write"], signing_key=pair.public)
    assert made["signed"] is True
    url, secret = plane.ready["url"], made["secret"]
    with AgentPlane(url, secret, signing_key=pair.private) as signing:
        assert signing.me()["key"]["id"] == made["id"]
        assert signing.state.put("signed", "caf\u00e9 /&?=+ 1", {"n": 1}).value == {"n": 1}
        assert signing.state.get("signed", "caf\u00e9 /&?=+ 1").value == {"n": 1}
        assert [found.key for found in signing.state.list("signed")] == ["caf\u00e9 /&?=+ 1"]
        signing.state.delete("signed", "caf\u00e9 /&?=+ 1")
        assert signing.call("GET", "/api/state", query={"component": "signed"}, headers={"AgentPlane-Agent": "x"})
    with AgentPlane(url, secret) as alone, pytest.raises(ApiError) as unsigned:
        alone.me()
    assert unsigned.value.code == "signature_required"
    with AgentPlane(url, secret, signing_key=SigningKey.generate().private) as other, pytest.raises(ApiError) as bad:
        other.state.put("signed", "k", 1)
    assert bad.value.code == "signature_invalid"
    with pytest.raises(AgentPlaneError, match="base64 of the 32 bytes"):
        AgentPlane(url, secret, signing_key="nonsense")


def test_a_plane_that_is_not_there_cannot_be_reached() -> None:
    with AgentPlane("http://127.0.0.1:9", "ap_live_x") as nowhere, pytest.raises(PlaneUnreachable):
        nowhere.me()
