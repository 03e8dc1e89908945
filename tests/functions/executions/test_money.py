"""Money in answers: text with nine places, wherever it stands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.functions.executions.documents import PLAIN

if TYPE_CHECKING:
    from tests.functions.running import Plane

QUESTION = '{"message": "Grant more?", "outcomes": ["grant", "stop"], "budget_usd": 1e-06}'


@pytest.fixture
async def over_budget(still_plane: Plane) -> dict[str, Any]:
    """An execution that asks for more money."""
    await still_plane.store(PLAIN)
    execution = await still_plane.start("plain", input={"who": "Ada"})
    await still_plane.org.connection.execute(
        "insert into plane.waits (execution_id, token, frame, org_id, gen, kind, path, name, data)"
        " values ($1, '0::b', '', $2, 0, 'budget', '', 'budget', $3::text::jsonb)",
        execution["id"],
        still_plane.org.id,
        QUESTION,
    )
    return await still_plane.get(f"/api/executions/{execution['id']}")


async def test_the_question_for_money_names_it_as_text(over_budget: dict[str, Any]):
    (wait,) = over_budget["waiting_for"]
    assert (wait["kind"], wait["budget_usd"]) == ("budget", "0.000001000")


async def test_what_answers_the_question_is_what_it_offers(still_plane: Plane, over_budget: dict[str, Any]):
    (wait,) = over_budget["waiting_for"]
    path = f"/api/executions/{over_budget['id']}/signal"
    refused = await still_plane.operator.post(path, json={"name": "budget", "payload": {"outcome": "perhaps"}})
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (422, "invalid_outcome")
    assert problem["detail"] == "The outcome must be grant or stop."
    assert problem["errors"][0]["allowed"] == wait["outcomes"]
    granted = await still_plane.operator.post(
        path, json={"name": "budget", "payload": {"outcome": "approve", "form": {"usd": "1"}}}
    )
    assert (granted.status_code, granted.json()["outcome"]) == (200, "grant")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"spent_usd": "0.00041", "steps": 2}, {"spent_usd": "0.000410000", "steps": 2}),
        ({"usage": {"cost_usd": 1e-06}}, {"usage": {"cost_usd": "0.000001000"}}),
        ({"budget_usd": "0E-9"}, {"budget_usd": "0.000000000"}),
        ({"budget_usd": None, "price_usd": "much"}, {"budget_usd": None, "price_usd": "much"}),
        ({"input": {"price_usd": 0.5}}, {"input": {"price_usd": 0.5}}),
        ({"usage": {}}, {"usage": {}}),
    ],
)
async def test_amounts_are_rewritten_and_what_callers_wrote_is_not(still_plane: Plane, given: Any, shown: Any):
    text = await still_plane.org.connection.fetchval(
        "select plane.with_money($1::text::jsonb)::text", json.dumps(given)
    )
    assert json.loads(text) == shown
