"""Memory steps of whole executions: what one execution learns the next one finds; a repeated step writes once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from functions.shared.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Plane
    from tests.organisations import Org

LEARN = """
    name: learn
    input: {fact: string}
    steps:
      learn: {memory: {namespace: acme, write: "${{ input.fact }}", key: fact, metadata: {from: "a workflow"}}}
      ask: {needs: [learn], memory: {namespace: acme, search: "How do they like invoices?", limit: 3}}
    output: {found: "${{ steps.ask.output }}", learned: "${{ steps.learn.output.key }}"}
"""


@pytest.fixture(params=["words", "meaning"])
def searched(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.delenv("AGENTPLANE_EMBEDDING_MODEL", raising=False)
    if request.param == "words":
        yield request.param
        return
    with Simulator() as simulator:
        monkeypatch.setenv("OPENAI_API_BASE", f"{simulator.url}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-simulated")
        monkeypatch.setenv("AGENTPLANE_EMBEDDING_MODEL", "openai/text-embedding-3-small")
        yield request.param


async def test_what_an_execution_learns_is_found(org: Org, plane: Plane, searched: str) -> None:
    version = await plane.tenant.define(LEARN)
    for _ in range(2):  # the same key: the second replaces the first
        execution = await plane.tenant.start(version, {"fact": "They like invoices by e-mail."})
        ended = await plane.tenant.ended(execution)
        assert ended["status"] == "succeeded", ended
        (found,) = ended["output"]["found"]
        assert (found["content"], found["metadata"]) == ("They like invoices by e-mail.", {"from": "a workflow"})
        assert (found["similarity"] is not None) == (searched == "meaning")
