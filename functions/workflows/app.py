"""Workflows are stored as immutable, numbered versions; they are checked completely before anything runs."""

import json
import os
from collections.abc import Mapping
from typing import Annotated, Any, cast

from fastapi import Query, Request, Response

from functions.shared.db import workflows
from functions.shared.db.caller_db import CallerDb
from functions.shared.dsl.checker import check
from functions.shared.dsl.compiled import compile_document
from functions.shared.dsl.schema import to_json_schema
from functions.shared.errors import Conflict, FieldProblem, NextStep
from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.web import (
    Db,
    ListOf,
    Page,
    PlaneRouter,
    create_app,
    example,
    invalid_input,
    lambda_handler,
    requires,
)
from functions.shared.web.definition import format_of, read_definition
from functions.workflows import examples
from functions.workflows.changes import Version, compare
from functions.workflows.graph import graph_of
from functions.workflows.models import (
    CheckWorkflow,
    ChooseVersion,
    Difference,
    Graph,
    ListedWorkflow,
    StoredWorkflow,
    StoreWorkflow,
    Tested,
    Validity,
    Workflow,
    WorkflowSummary,
)

router = PlaneRouter(prefix="/api/workflows", tags=["workflows"])

OneVersion = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The newest when left out.")]


@router.post(
    "",
    status_code=201,
    response_model=StoredWorkflow,
    responses={
        200: {"model": StoredWorkflow, "description": "This content was there already: the version that has it."}
    },
    dependencies=[requires("workflows:write")],
    **example(
        "/api/workflows", body=examples.STORE, answer=examples.STORED, status=201, also={200: examples.STORED_BEFORE}
    ),
)
async def store_workflow(body: StoreWorkflow, db: Db, request: Request, response: Response) -> object:
    """Store a workflow: a new version, numbered by the plane, that never changes.

    A document is checked completely: every error comes back at once with its path, line, column and a hint.
    The same content again gives the version that has it (200).
    """
    await db.admit("workflows:write")  # checking a document costs
    definition = read_definition(body.definition, said=body.format, name=body.name, environment=_environment(request))
    fields = body.model_dump(mode="json", exclude={"definition", "format"})
    stored: Any = await workflows.create_workflow(
        db,
        {
            **fields,
            "name": definition.name,
            "description": body.description or definition.description,
            "format": definition.format,
            "definition": definition.text,
            "is_json": definition.is_json,
            "document": definition.document,
            "queue": definition.queue,
            "steps": definition.steps,
        },
    )
    response.status_code = 201 if stored["is_created"] else 200
    response.headers["Location"] = f"/api/workflows?name={stored['name']}&version={stored['version']}"
    warnings = [problem.as_json() for problem in definition.warnings]
    return {**_whole(stored), "is_new": stored["is_created"], "warnings": warnings}


@router.get(
    "",
    response_model=Workflow | ListOf[ListedWorkflow],
    dependencies=[requires("workflows:read")],
    **example("/api/workflows?name=ticket-refund", answer=examples.WORKFLOW),
)
async def get_workflows(
    db: Db,
    page: Page,
    name: Annotated[str | None, Query(max_length=200, description="Give this one with its definition.")] = None,
    version: OneVersion = None,
) -> object:
    """With `name`: that workflow with its definition, its newest or the given version. Without: a page of workflows."""
    if name is None:
        if version is not None:
            message = "A version is of a workflow: name it."
            raise invalid_input([FieldProblem("/query/name", "missing", message)])
        return page.of(await workflows.list_workflows(db, page.payload()), ListedWorkflow)
    return Workflow.model_validate(_whole(await workflows.get_workflow(db, {"name": name, "version": version})))


@router.post(
    "/validate",
    response_model=Validity,
    dependencies=[requires("workflows:read")],
    **example("/api/workflows/validate", body=examples.BROKEN, answer=examples.INVALID),
)
async def validate_workflow(body: CheckWorkflow, db: Db, request: Request) -> object:
    """Check a definition without storing it: all its errors and warnings at once, each with its place and a hint."""

    async def make() -> Json:
        form = format_of(body.definition, body.format)
        if form == "markdown":
            read_definition(body.definition, said=form, name=body.name or "unnamed", environment=None)
            return {"valid": True, "name": body.name, "format": form, "problems": []}
        checked = check(body.definition, environment=_environment(request))
        name = (checked.document or {}).get("name")
        problems = [problem.as_json() for problem in checked.problems]
        if body.name is not None and isinstance(name, str) and name != body.name:
            problems.insert(0, _mismatch(body.name, name))
        is_valid = not any(problem["severity"] == "error" for problem in problems)
        shown = name if isinstance(name, str) else body.name
        return {"valid": is_valid, "name": shown, "format": form, "problems": list[Json](problems)}

    return await db.compute("workflows:read", make)


@router.get(
    "/{name}/versions",
    response_model=ListOf[WorkflowSummary],
    dependencies=[requires("workflows:read")],
    **example("/api/workflows/ticket-refund/versions", answer={"data": [examples.SUMMARY], "next_cursor": None}),
)
async def list_versions(name: str, db: Db, page: Page) -> object:
    """List the versions of a workflow, the newest first, without their definitions."""
    return page.of(await workflows.list_workflow_versions(db, page.payload(name=name)), WorkflowSummary)


@router.get(
    "/{name}/diff",
    response_model=Difference,
    dependencies=[requires("workflows:read")],
    **example("/api/workflows/ticket-refund/diff?from=1&to=2", answer=examples.DIFFERENCE),
)
async def diff_versions(
    name: str,
    db: Db,
    from_version: Annotated[int, Query(alias="from", ge=1, le=2**31 - 1)],
    to_version: Annotated[
        int | None, Query(alias="to", ge=1, le=2**31 - 1, description="The newest when left out.")
    ] = None,
) -> object:
    """Compare two versions: a unified diff of the text, and the steps that are new, gone or different."""
    before = await _version(db, name, from_version)
    after = await _version(db, name, to_version)
    difference = compare(name, _side(before), _side(after))
    return {"name": name, "from": before["version"], "to": after["version"], **difference}


@router.get(
    "/{name}/graph",
    response_model=Graph,
    dependencies=[requires("workflows:read")],
    **example("/api/workflows/ticket-refund/graph", answer=examples.GRAPH),
)
async def get_graph(name: str, db: Db, version: OneVersion = None) -> object:
    """Draw a workflow: its steps, what needs what, its groups, and the same as Mermaid text."""
    found = await _version(db, name, version)
    return {"name": name, "version": found["version"], **graph_of(compile_document(_document(found)), _paths(found))}


@router.get(
    "/{name}/schema",
    response_model=dict[str, Any],
    dependencies=[requires("workflows:read")],
    **example("/api/workflows/ticket-refund/schema", answer=examples.SCHEMA),
)
async def get_schema(name: str, db: Db, version: OneVersion = None) -> object:
    """Give the JSON Schema of the input that an execution of this workflow takes. A runbook takes any object."""
    found = await _version(db, name, version)
    head: JsonObject = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"Input of {name}"}
    if found["document"] is None:
        return {**head, "type": "object"}
    wanted = compile_document(found["document"]).workflow.input
    return {**head, **to_json_schema(wanted or {})}


@router.post(
    "/{name}/test",
    response_model=Tested,
    dependencies=[requires("workflows:read")],
    **example("/api/workflows/ticket-refund/test", body={}, answer=examples.TEST_REPORT),
)
async def run_tests_of(name: str, db: Db, body: ChooseVersion = ChooseVersion()) -> object:  # noqa: B008  frozen
    """Run the tests that stand in the document, with their mocks: no step really runs, nothing is stored or paid."""

    async def make() -> Json:
        from functions.shared.engine.inline_tests import run_tests  # noqa: PLC0415  only this route needs the planner

        found = await _version(db, name, body.version)
        report = run_tests(compile_document(_document(found)))
        return {"name": name, "version": found["version"], **report.as_json()}

    return await db.compute("workflows:read", make)


async def _version(db: CallerDb, name: str, version: int | None) -> dict[str, Any]:
    return cast("dict[str, Any]", await workflows.get_workflow(db, {"name": name, "version": version}))


def _document(found: Mapping[str, Any]) -> JsonObject:
    if found["document"] is None:
        raise Conflict(
            f"{found['name']} is a markdown runbook: it has no steps that the plane knows.",
            code="not_a_document",
            next=[NextStep("read it", "GET", f"/api/workflows?name={found['name']}&version={found['version']}")],
        )
    return found["document"]


def _side(found: Mapping[str, Any]) -> Version:
    return Version(found["version"], found["definition"], found["is_json"], found["document"], _paths(found))


def _paths(found: Mapping[str, Any]) -> list[str]:
    return [step["path"] for step in found["steps"]]


def _whole(found: Json) -> dict[str, Any]:
    """Give the definition as it was sent: an object when it was one."""
    version = cast("dict[str, Any]", found)
    return {**version, "definition": json.loads(version["definition"])} if version["is_json"] else version


def _mismatch(said: str, written: str) -> JsonObject:
    return {
        "path": "name",
        "line": None,
        "column": None,
        "code": "name_mismatch",
        "severity": "error",
        "message": f"The body says {said!r}, the document {written!r}.",
        "hint": "Use one name, or leave it out of the body.",
    }


def _environment(request: Request) -> Mapping[str, str] | None:
    """Give the environment in which steps run, to warn of missing model keys; None when they run in another process."""
    return os.environ if request.app.state.name == "local" else None


app = create_app("workflows", router)
handler = lambda_handler(app)
