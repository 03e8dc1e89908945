"""What happens in the plane, what it costs and where the time goes; agents add what they see."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime

from functions.observe import examples
from functions.observe.models import Bottlenecks, Costs, GroupBy, Observed, Overview, ReportedEvent, ReportEvent
from functions.shared.db import observe
from functions.shared.errors import FieldProblem
from functions.shared.jsonvalue import JsonObject
from functions.shared.web import Db, PlaneRouter, create_app, example, invalid_input, lambda_handler, requires

router = PlaneRouter(prefix="/api/observe", tags=["observe"])

MAX_LIMIT = 500
FIRST_YEAR, LAST_YEAR = 1969, 3000
Since = Annotated[
    AwareDatetime | None, Query(alias="from", description="From this time on; 30 days before `to` when left out.")
]
Until = Annotated[AwareDatetime | None, Query(alias="to", description="Up to this time; now when left out.")]
Limit = Annotated[int, Query(ge=1, description=f"How many at most; more than {MAX_LIMIT} gives {MAX_LIMIT}.")]


@router.get(
    "/overview",
    response_model=Overview,
    dependencies=[requires("observe:read")],
    **example("/api/observe/overview", answer=examples.OVERVIEW),
)
async def get_overview(
    db: Db, hours: Annotated[int, Query(ge=1, le=24 * 366, description="How far back ended executions count.")] = 24
) -> object:
    """See at a glance: executions by status, today's cost, agents, open approvals, the latest failures."""
    return await observe.get_overview(db, hours)


@router.get(
    "/costs",
    response_model=Costs,
    response_model_exclude_unset=True,
    dependencies=[requires("observe:read")],
    **example("/api/observe/costs?group_by=model", answer=examples.COSTS),
)
async def get_costs(
    db: Db, group_by: GroupBy = "model", since: Since = None, until: Until = None, limit: Limit = 100
) -> object:
    """Sum what was spent, by provider, model, workflow, agent or step. An unknown price is never counted as 0."""
    return await observe.get_costs(db, {"group_by": group_by, **_time(since, until), "limit": min(limit, MAX_LIMIT)})


@router.get(
    "/bottlenecks",
    response_model=Bottlenecks,
    dependencies=[requires("observe:read")],
    **example("/api/observe/bottlenecks?workflow=ticket-refund", answer=examples.BOTTLENECKS),
)
async def get_bottlenecks(
    db: Db,
    workflow: Annotated[str | None, Query(max_length=200, description="Only of the workflow of this name.")] = None,
    execution_id: Annotated[UUID | None, Query(description="Only of this execution, whenever it was.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
) -> object:
    """Find the slowest steps over one execution or many: median, 95th percentile, total and share of the time."""
    query: JsonObject = {
        "workflow": workflow,
        "execution_id": str(execution_id) if execution_id else None,
        **_time(since, until),
        "limit": min(limit, MAX_LIMIT),
    }
    return await observe.get_bottlenecks(db, query)


@router.get(
    "",
    response_model=Observed,
    dependencies=[requires("observe:read")],
    **example(f"/api/observe?execution_id={examples.EVENT['execution_id']}", answer=examples.OBSERVED),
)
async def observe_executions(
    db: Db,
    execution_id: UUID | None = None,
    workflow_id: Annotated[UUID | None, Query(description="Of this workflow, or of one version by its id.")] = None,
    agent_id: UUID | None = None,
    limit: Limit = 50,
    include_costs: bool = False,  # noqa: FBT001, FBT002  a query parameter
) -> object:
    """Read executions, the newest first, each with what was reported and what happened besides its steps."""
    query: JsonObject = {
        "execution_id": str(execution_id) if execution_id else None,
        "workflow_id": str(workflow_id) if workflow_id else None,
        "agent_id": str(agent_id) if agent_id else None,
        "limit": min(limit, MAX_LIMIT),
        "include_costs": include_costs,
    }
    return await observe.observe_executions(db, query)


@router.post(
    "",
    status_code=201,
    response_model=ReportedEvent,
    dependencies=[requires("observe:write")],
    **example("/api/observe", body=examples.REPORT, answer=examples.EVENT, status=201),
)
async def report_event(body: ReportEvent, db: Db) -> object:
    """Add what you saw to an execution's feed: followers get it as `observe.<event_type>`."""
    return await observe.record_event(db, body.model_dump(mode="json"))


def _time(since: datetime | None, until: datetime | None) -> JsonObject:
    problems = [
        FieldProblem(f"/query/{name}", "out_of_range", "The year must be between 1970 and 2999.")
        for name, at in (("from", since), ("to", until))
        if at is not None and not FIRST_YEAR < at.year < LAST_YEAR
    ]
    if problems:
        raise invalid_input(problems)
    if since is not None and until is not None and until < since:
        raise invalid_input([FieldProblem("/query/to", "out_of_range", "`to` is before `from`.")])
    return {
        "from": since.isoformat() if since else None,
        "to": until.isoformat() if until else None,
    }


app = create_app("observe", router)
handler = lambda_handler(app)
