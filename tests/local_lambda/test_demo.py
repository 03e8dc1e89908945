"""The demo's workflow over the packages: its steps run in several Lambda processes, and the log says which did what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from agentplane.cli import demo_shop
from agentplane.cli.demonstration import RULES, TICKET

from functions.shared.simulator.server import Simulator

if TYPE_CHECKING:
    from functions.local_lambda.invocation import Invocation
    from tests.functions.running import Plane
    from tests.local_lambda.running import Lambda

pytestmark = pytest.mark.usefixtures("kept_rules")

DOCUMENT = Path(__file__).parents[2] / "templates" / "workflows" / "support_refund.yaml"


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[demo_shop.Shop]:
    monkeypatch.setattr(demo_shop, "LOOKUP_SECONDS", 0.2)
    shop = demo_shop.Shop()
    yield shop
    shop.close()


async def test_the_demo_s_steps_run_in_at_least_three_processes(
    plane: Plane,
    shop: demo_shop.Shop,
    simulator: Simulator,
    lambda_: Lambda,
    record_property: Callable[[str, object], None],
):
    simulator.script.rules[:] = RULES
    secret = await plane.operator.put("/api/secrets/OPENAI_API_KEY", json={"value": "simulated-key"})
    assert secret.status_code in (200, 201), secret.text
    await plane.store(DOCUMENT.read_text())
    seen: list[Invocation] = []
    lambda_.local.ledger.listeners.append(seen.append)
    try:
        started = await plane.start("support-refund", input={"ticket": TICKET, "shop_url": shop.url})
        await plane.until(started["id"], "waiting")
        before = set(lambda_.local.functions["runner-llm"].environments)
        await lambda_.do(lambda_.local.functions["runner-llm"].recycle())
        answer = await plane.person.post(
            f"/api/executions/{started['id']}/signal",
            json={"name": "approve", "payload": {"outcome": "approve", "form": {}}},
        )
        assert answer.status_code == 200, answer.text
        ended = await plane.until(started["id"], "succeeded", "failed")
    finally:
        lambda_.local.ledger.listeners.remove(seen.append)

    assert (ended["status"], ended["output"]["refunded"]) == ("succeeded", 120), ended
    assert (shop.calls["GET /policy"], len(shop.refunds)) == (1, 1)
    ran = [one for one in seen if one.function in ("runner-llm", "sandbox")]
    assert len({one.pid for one in ran}) >= 3, [one.report() for one in ran]
    # It calls models, so it is on the queue `llm`; programs run in the sandbox; of who asked the person nobody is left.
    assert {one.function for one in ran} == {"runner-llm", "sandbox"}
    assert before.isdisjoint(lambda_.local.functions["runner-llm"].environments)
    lines = [one.report() for one in seen if not one.about.startswith("GET ")]
    record_property("summary", "support-refund over Lambda:\n  " + "\n  ".join(lines))
