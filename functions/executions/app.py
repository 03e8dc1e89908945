"""Executions are started, followed, answered, cancelled, retried; agents report those that they execute themselves."""

from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import Query, Response

from functions.executions import examples, starting
from functions.executions.answers import checked_answer
from functions.executions.following import ENDED, next_events, until_ended
from functions.executions.keep import choose_kept, endings
from functions.executions.models import (
    FORMER_STATUS,
    Events,
    Execution,
    Nothing,
    RetryExecution,
    SaidStatus,
    SendSignal,
    Signalled,
    StartExecution,
    UpdateExecution,
)
from functions.executions.reports import record_of
from functions.executions.step_models import ReportedStep, ReportStep, Step
from functions.executions.trace import trace_of
from functions.executions.trace_models import Explanation, Trace
from functions.shared.db import executions
from functions.shared.dsl.compiled import compile_document
from functions.shared.engine.explain import explain
from functions.shared.errors import Conflict, FieldProblem, NextStep
from functions.shared.jsonvalue import JsonObject
from functions.shared.web import (
    Bell,
    Db,
    ListOf,
    Page,
    PlaneRouter,
    PreferWait,
    create_app,
    example,
    invalid_input,
    lambda_handler,
    requires,
)
from functions.shared.web.dependencies import MAX_WAIT_SECONDS
from functions.shared.web.paging import MAX_LIMIT

router = PlaneRouter(prefix="/api/executions", tags=["executions"])

_PATH = f"/api/executions/{examples.EXECUTION['id']}"
_ONE = "/{execution_id}"


@router.post(
    "",
    status_code=202,
    response_model=Execution,
    responses={200: {"model": Execution, "description": "It ended within the seconds of `Prefer: wait`."}},
    dependencies=[requires("executions:write")],
    **example(
        "/api/executions", body=examples.START, answer=examples.EXECUTION, status=202, also={200: examples.ENDED}
    ),
)
async def start_execution(body: StartExecution, db: Db, bell: Bell, wait: PreferWait, response: Response) -> object:
    """Start an execution of a workflow. It runs the version that it started with, for ever.

    202 with its Location; with `Prefer: wait=20` the answer comes at its end (200), or after 20 seconds as it is then.
    Repeat the call with the same Idempotency-Key to get the same execution: it never runs twice.
    A markdown runbook is executed by the caller, which reports with PATCH and `/steps`.
    """
    if body.callback_url is not None:
        message = "Callbacks are not available yet."
        hint = "Follow with `Prefer: wait=20`, or with GET /api/executions/{id}/events?wait=20."
        raise invalid_input([FieldProblem("/callback_url", "not_available_yet", message, hint)])
    started = await starting.start(db, body)
    return await _moved(started, db, bell, response, wait=wait if started["mode"] == "engine" else 0)


@router.get(
    "",
    response_model=ListOf[Execution],
    dependencies=[requires("executions:read")],
    **example("/api/executions?status=waiting", answer={"data": [examples.WAITING], "next_cursor": None}),
)
async def list_executions(
    db: Db,
    page: Page,
    workflow: Annotated[str | None, Query(max_length=200, description="Of the workflow of this name.")] = None,
    workflow_id: Annotated[UUID | None, Query(description="Of this workflow, or of one version by its id.")] = None,
    status: Annotated[
        SaidStatus | None,
        Query(description="`pending` is queued, `completed` succeeded."),
    ] = None,
    agent_id: UUID | None = None,
) -> object:
    """List executions, the newest first. A large input or output is left out here and named in `left_out`."""
    filters = page.payload(
        workflow=workflow,
        workflow_id=str(workflow_id) if workflow_id else None,
        status=FORMER_STATUS.get(status, status) if status else None,
        agent_id=str(agent_id) if agent_id else None,
    )
    return page.of(await executions.list_executions(db, filters), Execution)


@router.get(
    _ONE,
    response_model=Execution,
    dependencies=[requires("executions:read")],
    **example(_PATH, answer=examples.WAITING),
)
async def get_execution(execution_id: UUID, db: Db, wait: PreferWait) -> object:
    """Read an execution. With `Prefer: wait=20` the answer comes at its end, or after 20 seconds as it is then.

    `waiting_for` says what it waits for and, for an approval, everything that is needed to answer with `/signal`.
    """
    execution = cast("dict[str, Any]", await executions.get_execution(db, execution_id))
    return await until_ended(db, execution, wait)


@router.patch(
    _ONE,
    response_model=Execution,
    dependencies=[requires("executions:write")],
    **example(_PATH, body=examples.REPORT, answer=examples.EXTERNAL),
)
async def update_execution(execution_id: UUID, body: UpdateExecution, db: Db) -> object:
    """Report an external execution: running → succeeded (or completed), failed or cancelled, and never back.

    The report that ended it may be repeated; another one is 409 `illegal_transition`.
    What the engine runs is reported by the engine alone.
    """
    report = body.report
    if report["status"] == "failed":
        report.setdefault("error", {"code": "reported", "message": "Its agent reported a failure."})
    return await executions.update_execution(db, execution_id, report)


@router.get(
    f"{_ONE}/steps",
    response_model=ListOf[Step],
    dependencies=[requires("executions:read")],
    **example(f"{_PATH}/steps", answer={"data": [examples.STEP], "next_cursor": None}),
)
async def list_steps(
    execution_id: UUID,
    db: Db,
    page: Page,
    path: Annotated[str | None, Query(max_length=300, description="This step and what is below it.")] = None,
) -> object:
    """List the steps, one row a path: ended ones in the order of their end, then running, then waiting ones."""
    filters = page.payload(execution_id=str(execution_id), path=path)
    return page.of(await executions.list_steps(db, filters), Step)


@router.post(
    f"{_ONE}/steps",
    status_code=201,
    response_model=ReportedStep,
    responses={200: {"model": ReportedStep, "description": "The same was reported before."}},
    dependencies=[requires("executions:write")],
    **example(
        f"{_PATH}/steps",
        body=examples.STEP_REPORT,
        answer=examples.REPORTED_STEP,
        status=201,
        also={200: {**examples.REPORTED_STEP, "is_new": False}},
    ),
)
async def report_step(execution_id: UUID, body: ReportStep, db: Db, response: Response) -> object:
    """Report a step of an external execution: that it runs, or how it ended. What has ended is never changed."""
    step: Any = await executions.report_step(db, execution_id, record_of(body))
    response.status_code = 201 if step["is_new"] else 200
    return step


@router.get(
    f"{_ONE}/events",
    response_model=Events,
    dependencies=[requires("executions:read")],
    **example(f"{_PATH}/events?wait=20", answer=examples.EVENTS),
)
async def list_events(
    execution_id: UUID,
    db: Db,
    after: Annotated[str | None, Query(max_length=200, description="The id of the last event that you have.")] = None,
    wait: Annotated[
        int, Query(ge=0, description=f"Seconds to wait for the first one, at most {MAX_WAIT_SECONDS}.")
    ] = 0,
    limit: Annotated[int, Query(ge=1, description=f"How many at most; more than {MAX_LIMIT} gives {MAX_LIMIT}.")] = 50,
) -> object:
    """Follow what happens: every event once, in order, none missed. Send `next_cursor` as `after`, until it is null."""
    return await next_events(
        db, execution_id, after=after, limit=min(limit, MAX_LIMIT), seconds=float(min(wait, MAX_WAIT_SECONDS))
    )


@router.get(
    f"{_ONE}/trace",
    response_model=Trace,
    dependencies=[requires("executions:read")],
    **example(f"{_PATH}/trace", answer=examples.TRACE),
)
async def get_trace(execution_id: UUID, db: Db) -> object:
    """Show how it went: a tree of steps with latency, attempts, tokens and cost, the slowest step, and totals."""
    return trace_of(cast("dict[str, Any]", await executions.get_trace(db, execution_id)))


@router.get(
    f"{_ONE}/explain",
    response_model=Explanation,
    dependencies=[requires("executions:read")],
    **example(f"{_PATH}/explain", answer=examples.EXPLANATION),
)
async def explain_execution(execution_id: UUID, db: Db) -> object:
    """Say why it went as it did: the reason of each branch, the critical path, what cost, what was repeated."""
    trace = cast("dict[str, Any]", await executions.get_trace(db, execution_id, with_document=True))
    if trace["document"] is None:
        raise Conflict(
            "A markdown runbook has no branches that the plane knows.",
            code="not_a_document",
            next=[NextStep("see what was reported", "GET", f"/api/executions/{execution_id}/trace")],
        )
    explanation = explain(compile_document(trace["document"]), trace["steps"])
    is_truncated = trace["is_truncated"] or explanation["is_truncated"]
    execution = trace["execution"]
    return {
        "execution_id": execution_id,
        "status": execution["status"],
        "error": execution["error"],
        "waiting_for": execution["waiting_for"],
        **explanation,
        "is_truncated": is_truncated,
    }


@router.post(
    f"{_ONE}/cancel",
    status_code=202,
    response_model=Execution,
    responses={200: {"model": Execution, "description": "It is cancelled."}},
    dependencies=[requires("executions:write")],
    **example(f"{_PATH}/cancel", answer=examples.EXECUTION, status=202, also={200: examples.CANCELLED}),
)
async def cancel_execution(
    execution_id: UUID,
    db: Db,
    bell: Bell,
    wait: PreferWait,
    response: Response,
    _body: Nothing = Nothing(),  # noqa: B008
) -> object:
    """Cancel an execution with everything below it: steps are stopped, waits closed. Again: the same answer."""
    return await _moved(await executions.cancel_execution(db, execution_id), db, bell, response, wait=wait)


@router.post(
    f"{_ONE}/retry",
    status_code=202,
    response_model=Execution,
    responses={200: {"model": Execution, "description": "It ended within the seconds of `Prefer: wait`."}},
    dependencies=[requires("executions:write")],
    **example(
        f"{_PATH}/retry", body={"from": "classify"}, answer=examples.EXECUTION, status=202, also={200: examples.ENDED}
    ),
)
async def retry_execution(
    execution_id: UUID,
    db: Db,
    bell: Bell,
    wait: PreferWait,
    response: Response,
    body: RetryExecution = RetryExecution(),  # noqa: B008  frozen
) -> object:
    """Run a failed, timed out or cancelled execution again: what succeeded is kept, unless its inputs change.

    With `from` that step and what depends on it run again too, also when they had succeeded.
    """
    basis = cast("dict[str, Any]", await executions.get_retry_basis(db, execution_id))
    kept: list[str] = []
    if basis["document"] is not None:
        kept = choose_kept(compile_document(basis["document"]), endings(basis["records"]), body.from_path)
    choice: JsonObject = {"gen": basis["gen"], "keep": [*kept], "from": body.from_path}
    return await _moved(await executions.retry_execution(db, execution_id, choice), db, bell, response, wait=wait)


@router.post(
    f"{_ONE}/restart",
    status_code=202,
    response_model=Execution,
    responses={200: {"model": Execution, "description": "It ended within the seconds of `Prefer: wait`."}},
    dependencies=[requires("executions:write")],
    **example(f"{_PATH}/restart", answer=examples.EXECUTION, status=202, also={200: examples.ENDED}),
)
async def restart_execution(
    execution_id: UUID,
    db: Db,
    bell: Bell,
    wait: PreferWait,
    response: Response,
    _body: Nothing = Nothing(),  # noqa: B008
) -> object:
    """Start another execution of the same version with the same input. The former one stays as it is."""
    started: Any = await executions.restart_execution(db, execution_id)
    return await _moved(started, db, bell, response, wait=wait if started["mode"] == "engine" else 0)


@router.post(
    f"{_ONE}/signal",
    response_model=Signalled,
    responses={202: {"model": Signalled, "description": "Queued until a wait of this name opens."}},
    dependencies=[requires("")],
    **example(f"{_PATH}/signal", body=examples.SIGNAL, answer=examples.SIGNALLED, also={202: examples.QUEUED}),
)
async def signal_execution(execution_id: UUID, body: SendSignal, db: Db, bell: Bell, response: Response) -> object:
    """Send an event to an execution, or answer what it waits for: an approval by its path, `budget`, a lost step.

    Events need the scope executions:write, decisions approvals:decide; approvals are decided by people only.
    The first answer counts; then 409 `wait_closed`.
    """
    wait: Any = await executions.get_open_wait(db, execution_id, body.name)
    payload = checked_answer(wait, body.payload)
    signalled: Any = await executions.signal_execution(db, execution_id, body.name, payload)
    await bell.ring(signalled["due"])
    response.status_code = 202 if signalled["status"] == "queued" else 200
    return signalled


async def _moved(answer: Any, db: Db, bell: Bell, response: Response, *, wait: float) -> dict[str, Any]:  # noqa: ANN401
    """Ring for what is due, wait as long as the caller likes, and say where the execution is."""
    await bell.ring(answer["due"])
    execution = await until_ended(db, answer, wait)
    response.status_code = 200 if execution["status"] in ENDED else 202
    response.headers["Location"] = f"/api/executions/{execution['id']}"
    return execution


app = create_app("executions", router)
handler = lambda_handler(app)
