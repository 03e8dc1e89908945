"""Templates: workflows to start from, those that come with the plane and those that an organisation publishes."""

import os
from typing import Annotated, Any, TypeAlias

import yaml
from fastapi import Query, Response
from pydantic import Field, JsonValue

from functions.shared.db import templates
from functions.shared.errors import Conflict, FieldProblem, NextStep, NotFound
from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.web import (
    Answer,
    Body,
    Db,
    ListOf,
    Page,
    PlaneRouter,
    Timestamp,
    create_app,
    example,
    invalid_input,
    lambda_handler,
    requires,
)
from functions.shared.web.definition import Definition, read_definition
from functions.templates.builtin import adapted, builtins, slug_of

router = PlaneRouter(prefix="/api/templates", tags=["templates"])

Name: TypeAlias = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,98}$", description="Small letters, digits, - and _.")
]
Tags: TypeAlias = Annotated[list[Annotated[str, Field(min_length=1, max_length=50)]], Field(max_length=20)]
Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=256_000)]
OneVersion: TypeAlias = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The newest when left out.")]


class PublishTemplate(Body):
    """A workflow document to publish as a template."""

    definition: Annotated[Text, Field(description="The document as YAML text; its `name` is the template's.")]
    title: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    description: Annotated[str | None, Field(max_length=2000)] = None
    tags: Tags = Field(default_factory=list[str])


class UseTemplate(Body):
    """How the workflow shall be called, and which models it shall use."""

    name: Annotated[Name | None, Field(description="The workflow's name; the template's when left out.")] = None
    models: Annotated[
        dict[str, Annotated[str, Field(pattern=r"^[A-Za-z0-9][^\s#]{0,199}$")]],
        Field(max_length=20, description="By alias: `{default: anthropic/claude-haiku-4-5}`."),
    ] = Field(default_factory=dict[str, str])
    version: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None


class ForkTemplate(Body):
    """A template of your own that begins as another."""

    name: Name
    title: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    description: Annotated[str | None, Field(max_length=2000)] = None
    tags: Tags | None = None
    definition: Annotated[Text | None, Field(description="The changed document; the same when left out.")] = None
    version: Annotated[int | None, Field(ge=1, le=2**31 - 1, description="Of the template to fork.")] = None


class RateTemplate(Body):
    """From 1, of no use, to 5."""

    stars: Annotated[int, Field(ge=1, le=5)]
    comment: Annotated[str | None, Field(max_length=2000)] = None


class Standing(Answer):
    """How a template stands in your organisation. `score` ranks: the mean stars, damped while few, and uses."""

    rating: float | None
    ratings: int
    uses: int
    score: float


class TemplateSummary(Standing):
    """A template. `lineage`: what it was forked from."""

    name: str
    version: int
    title: str
    description: str | None
    tags: list[str]
    is_builtin: bool
    lineage: dict[str, JsonValue] | None
    published_by: dict[str, JsonValue] | None
    created_at: Timestamp | None


class Template(TemplateSummary):
    """A template with its document."""

    definition: str
    versions: list[int] = Field(default_factory=list[int])


class Made(Answer):
    """The workflow that was made."""

    workflow: str
    workflow_id: str
    version: int
    version_id: str
    template: str
    template_version: int
    is_new: bool


class Rating(Answer):
    """What somebody thought of it."""

    stars: int
    comment: str | None
    rated_by: dict[str, JsonValue]
    rated_at: Timestamp


class Withdrawn(Answer):
    """How many versions were withdrawn."""

    withdrawn: int


_STANDING: JsonObject = {"rating": None, "ratings": 0, "uses": 0, "score": 3.5}
_SUMMARY: JsonObject = {
    "name": "data-extraction",
    "version": 1,
    "title": "Data extraction",
    "description": "Read an order out of free text; ask a person for what cannot be read with certainty",
    "tags": ["data", "extraction", "normalization"],
    "is_builtin": True,
    "lineage": None,
    "published_by": None,
    "created_at": None,
    **_STANDING,
}
_TEXT = "name: my-greeting\nsteps:\n  hello: {transform: Hello}\n"
_OWN: JsonObject = {
    **_SUMMARY,
    "name": "my-greeting",
    "title": "My greeting",
    "description": None,
    "tags": ["example"],
    "is_builtin": False,
    "published_by": {"kind": "agent_key", "id": "0b9f3c1e-58a4-4c59-9d9e-0c5a7f0a4f21", "label": "my key"},
    "created_at": "2026-11-21T10:00:00Z",
    "definition": _TEXT,
    "versions": [1],
}
_FORK: JsonObject = {
    **_OWN,
    "name": "my-extraction",
    "lineage": {"name": "data-extraction", "version": 1, "is_builtin": True},
}
_MADE: JsonObject = {
    "workflow": "orders",
    "workflow_id": "7d0f2f9e-3b8e-4b0a-9c55-4f1f5f1c9c11",
    "version": 1,
    "version_id": "0c4f1a52-90c4-4d27-9d55-5b1c6f3f7a11",
    "template": "data-extraction",
    "template_version": 1,
    "is_new": True,
}
_PATH = "/api/templates/data-extraction"


@router.get(
    "",
    response_model=ListOf[TemplateSummary],
    dependencies=[requires("templates:read")],
    **example("/api/templates?tag=data", answer={"data": [_SUMMARY], "next_cursor": None}),
)
async def list_templates(
    db: Db,
    page: Page,
    tag: Annotated[str | None, Query(max_length=50)] = None,
    query: Annotated[
        str | None, Query(max_length=200, description="Words of name, title, description or tags.")
    ] = None,
) -> object:
    """List templates, the best first: those that come with the plane, and your organisation's newest versions."""
    own: list[Json] = [builtin.as_json(is_whole=False) for builtin in builtins().values()]
    return page.of(
        await templates.list_templates(db, page.payload(tag=tag, query=query, builtins=own)), TemplateSummary
    )


@router.post(
    "",
    status_code=201,
    response_model=Template,
    responses={200: {"model": Template, "description": "This content is the newest version already."}},
    dependencies=[requires("templates:write")],
    **example(
        "/api/templates", body={"definition": _TEXT, "tags": ["example"]}, answer=_OWN, status=201, also={200: _OWN}
    ),
)
async def publish_template(body: PublishTemplate, db: Db, response: Response) -> object:
    """Publish a workflow document as your organisation's template; other content under its name is the next version."""
    await db.admit("templates:write")
    definition = _checked(body.definition, None)
    fields: JsonObject = {
        "title": body.title or _title(definition.name),
        "description": body.description or definition.description,
        "tags": list[Json](body.tags),
    }
    return await _publish(db, definition, fields, response)


@router.get(
    "/{name}",
    response_model=Template,
    dependencies=[requires("templates:read")],
    **example(_PATH, answer={**_OWN, **_SUMMARY, "versions": [1]}),
)
async def get_template(name: str, db: Db, version: OneVersion = None) -> object:
    """Read a template with its document, its newest version or the given one."""
    return await templates.get_template(db, _which(name, version))


@router.post(
    "/{name}/instantiate",
    status_code=201,
    response_model=Made,
    responses={200: {"model": Made, "description": "The workflow had this very content already."}},
    dependencies=[requires("workflows:write")],
    **example(
        f"{_PATH}/instantiate",
        body={"name": "orders", "models": {"default": "anthropic/claude-haiku-4-5"}},
        answer=_MADE,
        status=201,
        also={200: {**_MADE, "is_new": False}},
    ),
)
async def instantiate_template(name: str, body: UseTemplate, db: Db, response: Response) -> object:
    """Make a workflow of a template, under a name and with models of your choice. Its tests come with it.

    Run them with POST /api/workflows/{workflow}/test; start it with POST /api/executions.
    """
    await db.admit("workflows:write")
    template = await _template(db, name, body.version)
    definition = _checked(_with(template, body.name, body.models), body.name)
    stored: Any = await templates.use_template(
        db, template["name"], template["version"], _workflow(definition, template)
    )
    response.status_code = 201 if stored["is_created"] else 200
    return {
        "workflow": stored["name"],
        "workflow_id": stored["id"],
        "version": stored["version"],
        "version_id": stored["version_id"],
        "template": template["name"],
        "template_version": template["version"],
        "is_new": stored["is_created"],
    }


@router.post(
    "/{name}/fork",
    status_code=201,
    response_model=Template,
    responses={200: {"model": Template, "description": "This content is the newest version of the fork already."}},
    dependencies=[requires("templates:write")],
    **example(f"{_PATH}/fork", body={"name": "my-extraction"}, answer=_FORK, status=201, also={200: _FORK}),
)
async def fork_template(name: str, body: ForkTemplate, db: Db, response: Response) -> object:
    """Make a template of your own that begins as another; `lineage` tells which."""
    await db.admit("templates:write")
    template = await _template(db, name, body.version)
    text = body.definition or _with(template, body.name, {})
    definition = _checked(adapted(text, name=body.name, models={}), body.name)
    fields: JsonObject = {
        "title": body.title or _title(definition.name),
        "description": body.description or definition.description,
        "tags": list[Json](template["tags"] if body.tags is None else body.tags),
        "lineage": {name: template[name] for name in ("name", "version", "is_builtin")},
    }
    return await _publish(db, definition, fields, response)


@router.put(
    "/{name}/rating",
    response_model=Standing,
    dependencies=[requires("templates:write")],
    **example(f"{_PATH}/rating", body={"stars": 5}, answer={"rating": 5.0, "ratings": 1, "uses": 0, "score": 3.875}),
)
async def rate_template(name: str, body: RateTemplate, db: Db) -> object:
    """Rate a template; rating it again replaces your rating. Ratings are your organisation's own."""
    is_builtin = slug_of(name) in builtins()
    fields: JsonObject = {"name": slug_of(name) if is_builtin else name, "is_builtin": is_builtin}
    return await templates.rate_template(db, {**fields, **body.model_dump(mode="json")})


@router.get(
    "/{name}/ratings",
    response_model=ListOf[Rating],
    dependencies=[requires("templates:read")],
    **example(
        f"{_PATH}/ratings",
        answer={
            "data": [
                {"stars": 5, "comment": None, "rated_by": _OWN["published_by"], "rated_at": "2026-11-21T10:00:00Z"}
            ],
            "next_cursor": None,
        },
    ),
)
async def list_ratings(name: str, db: Db, page: Page) -> object:
    """List what your organisation thought of a template, the newest first."""
    known = slug_of(name) if slug_of(name) in builtins() else name
    return page.of(await templates.list_template_ratings(db, page.payload(name=known)), Rating)


@router.delete(
    "/{name}",
    response_model=Withdrawn,
    dependencies=[requires("templates:write")],
    **example("/api/templates/my-greeting", answer={"withdrawn": 1}),
)
async def withdraw_template(name: str, db: Db) -> object:
    """Withdraw a template of your organisation, all its versions. Workflows that were made of it stay."""
    if slug_of(name) in builtins():
        raise _belongs_to_the_plane(name)
    return await templates.withdraw_template(db, name)


async def _template(db: Db, name: str, version: int | None) -> dict[str, Any]:
    found: Any = await templates.find_template(db, _which(name, version))
    return found


def _which(name: str, version: int | None) -> JsonObject:
    builtin = builtins().get(slug_of(name))
    if builtin is None:
        return {"name": name, "version": version}
    if version not in (None, 1):
        raise NotFound(f"{builtin.name} has version 1 only.", code="template_not_found", hint="Leave version out.")
    return {"name": builtin.name, "builtin": builtin.as_json(is_whole=True)}


async def _publish(db: Db, definition: Definition, fields: JsonObject, response: Response) -> object:
    if definition.name in builtins():
        raise _belongs_to_the_plane(definition.name)
    published: Any = await templates.publish_template(
        db, {**fields, "name": definition.name, "definition": definition.text}
    )
    response.status_code = 201 if published["is_created"] else 200
    return published


def _checked(text: str, name: str | None) -> Definition:
    """Check a document as when it is stored. Raises InvalidInput with every problem."""
    definition = read_definition(text, said="yaml", name=name, environment=os.environ)
    if not definition.document or "steps" not in definition.document:
        raise invalid_input([FieldProblem("/definition", "missing", "A template is a workflow document with steps.")])
    return definition


def _with(template: dict[str, Any], name: str | None, models: dict[str, str]) -> str:
    document: Any = yaml.safe_load(template["definition"])
    declared: dict[str, Json] = document.get("models") or {}
    unknown = [alias for alias in models if alias not in declared]
    if unknown:
        allowed = list[Json](declared)
        problems = [
            FieldProblem(
                f"/models/{alias}", "not_allowed", f"{template['name']} has no model {alias}.", allowed=allowed
            )
            for alias in unknown
        ]
        raise invalid_input(problems)
    return adapted(template["definition"], name=name, models=models)


def _workflow(definition: Definition, template: dict[str, Any]) -> JsonObject:
    made_of: JsonObject = {name: template[name] for name in ("name", "version", "is_builtin")}
    return {
        "name": definition.name,
        "description": definition.description,
        "format": definition.format,
        "definition": definition.text,
        "is_json": definition.is_json,
        "document": definition.document,
        "queue": definition.queue,
        "steps": definition.steps,
        "metadata": {"template": made_of},
    }


def _belongs_to_the_plane(name: str) -> Conflict:
    return Conflict(
        f"{name} comes with the plane and is not yours to change.",
        code="template_is_builtin",
        hint="Fork it under a name of your own.",
        next=[NextStep("fork it", "POST", f"/api/templates/{slug_of(name)}/fork")],
    )


def _title(name: str) -> str:
    return name.replace("-", " ").replace("_", " ").capitalize()


app = create_app("templates", router)
handler = lambda_handler(app)
