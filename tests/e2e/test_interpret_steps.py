"""Interpret steps of whole executions: read, asked of a model, completed by a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from functions.shared.simulator import Simulator
from functions.shared.simulator.script import Rule

if TYPE_CHECKING:
    from tests.e2e.conftest import Plane
    from tests.organisations import Org

READ = """
    name: read
    input: {text: string}
    steps:
      read:
        interpret:
          data: ${{ input.text }}
          schema: {amount: number, city: string}
          on_low: @on_low@
    output: ${{ steps.read.output }}
"""
TEXT = "A refund of $20, please."


async def test_a_step_reads_what_is_clear_without_a_model(org: Org, plane: Plane) -> None:
    version = await plane.tenant.define(READ, on_low="return")
    ended = await plane.tenant.ended(await plane.tenant.start(version, {"text": TEXT}))
    assert ended["status"] == "succeeded", ended
    assert (ended["output"]["data"], ended["output"]["missing"]) == ({"amount": 20}, ["city"])


async def test_a_step_may_fail_for_want_of_certainty(org: Org, plane: Plane) -> None:
    version = await plane.tenant.define(READ, on_low="fail")
    ended = await plane.tenant.ended(await plane.tenant.start(version, {"text": TEXT}))
    assert (ended["status"], ended["error"]["code"]) == ("failed", "low_confidence")


async def test_a_person_completes_what_could_not_be_read(org: Org, plane: Plane) -> None:
    version = await plane.tenant.define(READ, on_low="escalate")
    execution = await plane.tenant.start(version, {"text": TEXT})
    await plane.tenant.waiting_for(execution, "read")
    await plane.tenant.signal(execution, "read", {"outcome": "complete", "form": {"city": "Bern"}})
    ended = await plane.tenant.ended(execution)
    assert ended["status"] == "succeeded", ended
    assert ended["output"]["data"] == {"amount": 20, "city": "Bern"}
    assert ended["output"]["fields"]["city"]["origin"] == "person"
    assert (ended["output"]["missing"], ended["output"]["confidence"]) == ([], 1.0)


async def test_a_step_asks_its_workflows_model(org: Org, plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    city = {"city": {"value": "Bern", "confidence": 1, "evidence": "in Bern"}}
    with Simulator(rules=[Rule.model_validate({"replies": [{"json": city}]})]) as simulator:
        monkeypatch.setenv("OPENAI_API_BASE", f"{simulator.url}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-simulated")
        text = READ.replace("name: read", "name: read\n    models: {default: openai/gpt-4o-mini}", 1)
        version = await plane.tenant.define(text, on_low="fail")
        ended = await plane.tenant.ended(await plane.tenant.start(version, {"text": f"{TEXT} We live in Bern."}))
    assert ended["status"] == "succeeded", ended
    assert ended["output"]["data"] == {"amount": 20, "city": "Bern"}
    assert ended["output"]["fields"]["city"]["confidence"] == 0.95
