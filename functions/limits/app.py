"""What an organisation may use, what it used, and what it may spend."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query

from functions.limits import examples
from functions.limits.models import (
    Budget,
    ChangeBudget,
    ChangeLimits,
    CreateBudget,
    Limits,
    Metric,
    RateKind,
    SetRateLimit,
    Usage,
)
from functions.shared.db import limits
from functions.shared.errors import FieldProblem
from functions.shared.jsonvalue import JsonObject
from functions.shared.web import Db, ListOf, PlaneRouter, create_app, example, invalid_input, lambda_handler, requires

router = PlaneRouter(tags=["limits"])

MAX_DAYS = 400
_BUDGET_PATH = f"/api/budgets/{examples.ID}"


@router.get(
    "/api/limits",
    response_model=Limits,
    dependencies=[requires("")],
    **example("/api/limits", answer=examples.LIMITS),
)
async def get_limits(db: Db) -> object:
    """See what the organisation may use, how much of it is used and what is left."""
    return await limits.get_limits(db)


@router.patch(
    "/api/limits",
    response_model=Limits,
    dependencies=[requires("limits:manage")],
    **example("/api/limits", body={"quotas": {"agents": 50}}, answer=examples.LIMITS),
)
async def update_limits(body: ChangeLimits, db: Db) -> object:
    """Set quotas. What is there already stays, even when it is more than the new limit; nothing is added to it then."""
    sent: Any = body.model_dump()
    return await limits.update_limits(db, sent["quotas"], sent["reset"])


@router.put(
    "/api/limits/rates",
    response_model=Limits,
    dependencies=[requires("limits:manage")],
    **example("/api/limits/rates", body={"kind": "agent", "quota": 600}, answer=examples.LIMITS),
)
async def set_rate_limit(body: SetRateLimit, db: Db) -> object:
    """Set how many requests a key, a person or an agent may send, or each of a kind (`*`); it holds in 30 seconds."""
    return await limits.set_rate_limit(db, body.model_dump())


@router.delete(
    "/api/limits/rates",
    response_model=Limits,
    dependencies=[requires("limits:manage")],
    **example("/api/limits/rates?kind=agent", answer={**examples.LIMITS, "rates": []}),
)
async def lift_rate_limit(
    db: Db, kind: RateKind, subject: Annotated[str, Query(min_length=1, max_length=200)] = "*"
) -> object:
    """Take back a limit on requests: the one of its kind holds again, or the plane's default. Again is fine."""
    return await limits.set_rate_limit(db, {"kind": kind, "subject": subject, "is_lifted": True})


@router.get(
    "/api/usage",
    response_model=Usage,
    dependencies=[requires("observe:read")],
    **example("/api/usage?from=2026-11-20&to=2026-11-21", answer=examples.USAGE),
)
async def get_usage(
    db: Db,
    since: Annotated[date | None, Query(alias="from", description="30 days before `to` when left out.")] = None,
    until: Annotated[date | None, Query(alias="to", description="Included; today (UTC) when left out.")] = None,
    group_by: Literal["day,metric", "day", "metric"] = "day,metric",
    metric: Metric | None = None,
) -> object:
    """See what was used, by day (UTC) and metric. It is counted some seconds after it happened, each thing once."""
    last = until or datetime.now(UTC).date()
    first = since or last - timedelta(days=30)
    if not timedelta() <= last - first <= timedelta(days=MAX_DAYS):
        message = f"`to` must be `from` or later, by at most {MAX_DAYS} days."
        raise invalid_input([FieldProblem("/query/to", "out_of_range", message)])
    query: JsonObject = {"from": first.isoformat(), "to": last.isoformat(), "group_by": group_by, "metric": metric}
    usage: Any = await limits.get_usage(db, query)
    return {**usage, "group_by": group_by}


@router.get(
    "/api/budgets",
    response_model=ListOf[Budget],
    dependencies=[requires("observe:read")],
    **example("/api/budgets", answer={"data": [examples.BUDGET], "next_cursor": None}),
)
async def list_budgets(db: Db) -> object:
    """List the budgets, each with what is spent of it, what is left and where it is heading."""
    return await limits.list_budgets(db)


@router.post(
    "/api/budgets",
    status_code=201,
    response_model=Budget,
    dependencies=[requires("limits:manage")],
    **example(
        "/api/budgets",
        body={"period": "month", "limit_usd": "25", "on_reached": "ask"},
        answer=examples.BUDGET,
        status=201,
    ),
)
async def create_budget(body: CreateBudget, db: Db) -> object:
    """Set what the organisation, a workflow or an agent may spend in a day or a month. What was spent before counts."""
    return await limits.create_budget(db, body.model_dump(mode="json"))


@router.get(
    "/api/budgets/{budget_id}",
    response_model=Budget,
    dependencies=[requires("observe:read")],
    **example(_BUDGET_PATH, answer=examples.BUDGET),
)
async def get_budget(budget_id: UUID, db: Db) -> object:
    """See one budget and how it stands."""
    return await limits.get_budget(db, budget_id)


@router.patch(
    "/api/budgets/{budget_id}",
    response_model=Budget,
    dependencies=[requires("limits:manage")],
    **example(_BUDGET_PATH, body={"limit_usd": "50"}, answer={**examples.BUDGET, "limit_usd": "50.000000000"}),
)
async def update_budget(budget_id: UUID, body: ChangeBudget, db: Db) -> object:
    """Change a budget. A higher limit lets waiting steps go on; an open question about the old one is withdrawn."""
    return await limits.update_budget(db, budget_id, body.model_dump(mode="json", exclude_unset=True))


@router.delete(
    "/api/budgets/{budget_id}",
    status_code=204,
    dependencies=[requires("limits:manage")],
    **example(_BUDGET_PATH),
)
async def delete_budget(budget_id: UUID, db: Db) -> None:
    """Lift a budget."""
    await limits.delete_budget(db, budget_id)


app = create_app("limits", router)
handler = lambda_handler(app)
