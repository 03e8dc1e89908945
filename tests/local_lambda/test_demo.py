"""The demo's workflow over the packages: its steps run in several Lambda processes, whichever of them are killed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from agentplane.cli import demo_shop
from agentplane.cli.demonstration import RULES, TICKET

from functions.shared.simulator.server import Simulator
from tests.local_lambda.running import is_running
from tests.local_lambda.trial import LONGEST_S, Trial

if TYPE_CHECKING:
    from tests.functions.running import Plane
    from tests.local_lambda.running import Lambda

pytestmark = pytest.mark.usefixtures("kept_rules")

DOCUMENT = Path(__file__).parents[2] / "templates" / "workflows" / "support_refund.yaml"
# It calls models, so it is on the queue `llm`; programs run in the sandbox.
RUNNER, SANDBOX = "runner-llm", "sandbox"
TRIAGE, *LATER = [str(rule.match.prompt) for rule in RULES]
LONG_S = 20.0  # a model that thinks for so long has not answered when its asker is killed

OUTPUT = {
    "label": "refund",
    "refunded": 120,
    "reply": "Hi Kim, sorry for the double charge. We refund 120 USD; it arrives within three working days.",
}
POLISHING = [f"polish[{n}]{step}" for n in range(2) for step in ("", ".draft", ".critic")]
PATHS = [
    "classify",
    "policy",
    "orders",
    "orders[0]",
    "orders[1]",
    "refundable",
    "approve",
    "polish",
    *POLISHING,
    "refund",
]
CALLS = {"GET /policy": 1, "GET /orders/A-1001": 1, "GET /orders/A-1002": 1, "POST /refunds": 1}


class Shop(demo_shop.Shop):
    """The demo's shop. It does what it is asked, but tells nobody of a path that is closed."""

    def __init__(self) -> None:
        self._closed: dict[str, threading.Event] = {}
        super().__init__()

    def close_path(self, path: str) -> None:
        self._closed[path] = threading.Event()

    def open_path(self, path: str) -> None:
        self._closed.pop(path).set()

    def answer(self, method: str, path: str, key: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        answer = super().answer(method, path, key, body)
        if path in self._closed:
            self._closed[path].wait(LONGEST_S)
        return answer


class DemoTrial(Trial):
    """One execution of the demo's workflow."""

    def __init__(
        self, plane: Plane, shop: Shop, simulator: Simulator, running: Lambda, holder: asyncpg.Connection
    ) -> None:
        super().__init__(plane, running, holder, "llm")
        self.shop, self.script = shop, simulator.script

    async def start(self) -> None:
        self.id = (await self.plane.start("support-refund", input={"ticket": TICKET, "shop_url": self.shop.url}))["id"]

    def asked(self) -> Counter[str]:
        """Give how often the model was asked, by the rule that answered."""
        prompts = [next(prompt for prompt in (TRIAGE, *LATER) if prompt in call.text) for call in self.script.calls]
        return Counter(prompts)

    def think(self, seconds: float) -> None:
        """Let the model triage in so many seconds, and answer all else at once; what is asked already stays."""
        waits = [seconds, *[0.0] * len(LATER)]
        self.script.rules[:] = [
            rule.model_copy(update={"replies": [reply.model_copy(update={"delay": wait}) for reply in rule.replies]})
            for rule, wait in zip(RULES, waits, strict=True)
        ]

    async def ended(self, *, triages: int = 1, refunds: int = 1) -> None:
        """Look that it ended as ever, in three processes at least, and that nobody was asked again without need."""
        await self.succeeded(OUTPUT, PATHS)
        assert self.shop.calls == {**CALLS, "POST /refunds": refunds}
        assert len(self.shop.refunds) == 1
        assert self.asked() == {TRIAGE: triages, **dict.fromkeys(LATER, 1)}
        ran = [one for one in self.invocations if one.function in (RUNNER, SANDBOX)]
        assert {one.function for one in ran} == {RUNNER, SANDBOX}
        assert len({one.pid for one in ran}) >= 3, [one.report() for one in ran]


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(demo_shop, "LOOKUP_SECONDS", 0.2)
    shop = Shop()
    yield shop
    shop.close()


@pytest.fixture
async def demo(
    plane: Plane, shop: Shop, simulator: Simulator, lambda_: Lambda, module_db_url: str
) -> AsyncIterator[DemoTrial]:
    simulator.script.load(list(RULES))
    secret = await plane.operator.put("/api/secrets/OPENAI_API_KEY", json={"value": "simulated-key"})
    assert secret.status_code in (200, 201), secret.text
    await plane.store(DOCUMENT.read_text())
    holder = await asyncpg.connect(module_db_url)
    yield DemoTrial(plane, shop, simulator, lambda_, holder)
    await holder.close()


async def test_the_demo_s_steps_run_in_at_least_three_processes(
    demo: DemoTrial, lambda_: Lambda, record_property: Callable[[str, object], None]
):
    await demo.start()
    await demo.until("waiting")
    runner = lambda_.local.functions[RUNNER]
    before = set(runner.environments)
    await lambda_.do(runner.recycle())
    await demo.approve()
    await demo.ended()

    assert before.isdisjoint(runner.environments)  # of who asked the person nobody is left
    lines = [one.report() for one in demo.invocations if not one.about.startswith("GET ")]
    record_property("summary", "support-refund over Lambda:\n  " + "\n  ".join(lines))


async def test_the_demo_survives_a_kill_in_each_of_its_phases(
    demo: DemoTrial, record_property: Callable[[str, object], None]
):
    """Of one execution; in each phase it is looked what database and shop knew before anybody went on."""
    triages = await _killed_until_it_waits(demo)
    await demo.kill_idle(RUNNER, SANDBOX, "executions", phase="while it waits for a person (approve)")
    assert not any(is_running(one.pid) for one in demo.invocations if one.function in (RUNNER, SANDBOX, "executions"))
    await _killed_after_the_approval(demo)

    await demo.ended(triages=triages + 1, refunds=3)
    assert len({kill.pid for kill in demo.kills}) == len(demo.kills) >= 10
    # After the approval no program runs: only of the last sandbox nobody takes the place.
    await demo.true(lambda: {kill.function for kill in demo.kills if not demo.went_on(kill)} == {SANDBOX})
    lines = [
        f"{kill.phase}: {kill.function} {kill.pid} KILLED, {demo.went_on(kill) or 'nobody'} went on"
        for kill in demo.kills
    ]
    record_property("summary", "support-refund over Lambda, killed\n  " + "\n  ".join(lines))


async def _killed_until_it_waits(demo: DemoTrial) -> int:
    """Give how often those that were killed had asked the model to triage."""
    shop = demo.shop
    demo.think(LONG_S)
    shop.close_path("/policy")
    async with demo.claim_held(demo.start()) as backends, demo.nobody_goes_on():
        await demo.kill(RUNNER, "before its first claim")
        await demo.cut_off(backends)
        assert (await demo.claims(), shop.calls) == (0, {})

    await demo.true(lambda: shop.calls["GET /policy"])
    async with demo.nobody_goes_on():
        async with demo.frame_held() as waiting:
            shop.open_path("/policy")
            await waiting()
            await demo.kill(RUNNER, "after a checkpoint of which it never heard (policy)")
            assert await demo.recorded() == set()
        await demo.until_recorded("policy")
        asked = demo.asked()[TRIAGE]

    await demo.true(lambda: demo.asked()[TRIAGE] > asked)
    async with demo.opening_held(SANDBOX, "bin/monty") as opened:
        async with demo.nobody_goes_on():
            await demo.kill(RUNNER, "inside a model step (classify)")
            assert (await demo.claims(), await demo.recorded()) == (2, {"policy"})
            asked = demo.asked()[TRIAGE]
            demo.think(0)
        await opened()
        await demo.kill(SANDBOX, "inside the sandbox, where a program begins (refundable)")
        assert "refundable" not in await demo.recorded()
    await demo.until("waiting")
    return asked


async def _killed_after_the_approval(demo: DemoTrial) -> None:
    shop = demo.shop
    shop.close_path("/refunds")
    claims, done = await demo.claims(), await demo.recorded()
    async with demo.claim_held(demo.approve()), demo.nobody_goes_on():
        await demo.kill(RUNNER, "after the approval, at a claim of which it never heard")
        assert (await demo.claims(), await demo.recorded(), len(shop.refunds)) == (claims, done, 0)

    await demo.true(lambda: shop.calls["POST /refunds"])
    assert await demo.claims() == claims + 2  # that of who was killed, and that of who went on
    async with demo.nobody_goes_on():
        await demo.kill(RUNNER, "in a step at the shop (refund)")
        assert "refund" not in await demo.recorded()

    await demo.true(lambda: shop.calls["POST /refunds"] > 1)
    async with demo.nobody_goes_on(), demo.frame_held() as waiting:
        shop.open_path("/refunds")
        backends = await waiting()
        await demo.kill(RUNNER, "between a step's end and its checkpoint (refund)")
        await demo.cut_off(backends)
        assert "refund" not in await demo.recorded()
