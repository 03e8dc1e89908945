"""Paid steps that wait for a spent budget go on when it has money again, whoever saw to that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from functions.limits.app import router as limits
from functions.shared.chores.chore import Plane
from functions.shared.chores.usage import meter_usage
from functions.shared.web import create_app
from tests.functions.safety.test_guard import ASKING
from tests.functions.safety.world import APP, SETTINGS
from tests.people import create_member

if TYPE_CHECKING:
    from tests.functions.safety.world import World

LIMITS = create_app("tests", limits)


async def spent(world: World, client_of: Any, limit_usd: str = "0") -> dict[str, Any]:
    """Set a budget that is spent from the start."""
    operator = await client_of(LIMITS, world.org.operator)
    answer = await operator.post(
        "/api/budgets", json={"period": "day", "limit_usd": limit_usd, "on_reached": "ask", "warn_at": None}
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


async def look(world: World) -> None:
    """Let the plane look after its budgets, as it does every few seconds."""
    await APP.state.doorbell.ring(await meter_usage(Plane(world.database, SETTINGS)))


async def budget_question(world: World) -> str:
    asked = await world.org.connection.fetchval(
        "select id::text from plane.escalations where org_id = $1 and kind = 'question' and status = 'open'",
        world.org.id,
    )
    assert asked is not None
    return asked


async def resolve(world: World, client_of: Any, superuser: Any, body: dict[str, Any]) -> None:
    admin = await client_of(APP, (await create_member(superuser, world.org, role="admin")).token())
    answer = await admin.post(f"/api/escalations/{await budget_question(world)}/resolve", json=body)
    assert answer.is_success, answer.text
    await look(world)


async def test_a_step_waits_until_a_person_raises_the_budget(world: World, client_of: Any, superuser: Any) -> None:
    await spent(world, client_of)
    waiting = await world.run(ASKING, input={"url": ""})
    await look(world)
    still = await world.ok("GET", f"/api/executions/{waiting['id']}")
    await resolve(world, client_of, superuser, {"outcome": "raise", "form": {"usd": 5}})
    await look(world)
    ended = await world.until(waiting["id"], "succeeded", "failed")

    assert (waiting["status"], still["status"]) == ("waiting", "waiting")
    assert ended["status"] == "succeeded", ended["error"]
    statuses = await world.org.connection.fetch(
        "select status, decided_by::text from plane.escalations where org_id = $1 and kind = 'policy'", world.org.id
    )
    assert [(row["status"], row["decided_by"]) for row in statuses] == [("cancelled", None)], "no person decided that"


async def test_a_higher_limit_lets_it_go_on_as_well(world: World, client_of: Any) -> None:
    budget = await spent(world, client_of)
    waiting = await world.run(ASKING, input={"url": ""})
    await look(world)
    operator = await client_of(LIMITS, world.org.operator)
    await operator.patch(f"/api/budgets/{budget['id']}", json={"limit_usd": "5"})
    await look(world)

    assert (await world.until(waiting["id"], "succeeded", "failed"))["status"] == "succeeded"


async def test_when_a_person_says_stop_it_fails(world: World, client_of: Any, superuser: Any) -> None:
    await spent(world, client_of)
    waiting = await world.run(ASKING, input={"url": ""})
    await look(world)
    await resolve(world, client_of, superuser, {"outcome": "stop"})
    await look(world)
    ended = await world.until(waiting["id"], "succeeded", "failed")

    assert ended["status"] == "failed"
    assert ended["error"]["code"] in ("policy_denied", "budget_exhausted")
    assert world.outside.seen == []


async def test_a_step_that_asks_about_more_than_the_budget_is_left_to_people(world: World, client_of: Any) -> None:
    budget = await spent(world, client_of)
    await world.policy("ask", "model", "openai/*")
    waiting = await world.run(ASKING, input={"url": ""})
    operator = await client_of(LIMITS, world.org.operator)
    await operator.patch(f"/api/budgets/{budget['id']}", json={"limit_usd": "5"})
    await look(world)
    wait = await world.org.connection.fetchval(
        "select data::text from plane.waits where execution_id = $1 and answered_at is null", waiting["id"]
    )

    assert len(json.loads(wait)["show"]["uses"]) == 2
    assert (await world.ok("GET", f"/api/executions/{waiting['id']}"))["status"] == "waiting"
