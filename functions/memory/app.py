"""Memory: texts that outlive an execution, found again by their words and by their meaning."""

import os
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from fastapi import Query, Response
from pydantic import AwareDatetime, Field, FiniteFloat, JsonValue, model_validator
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from functions.shared.config import Settings
from functions.shared.db import memory
from functions.shared.db.caller_db import CallerDb
from functions.shared.errors import Forbidden, OverBudget, PlaneError
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
    lambda_handler,
    requires,
)
from functions.shared.web.connection import settings_of
from functions.shared.web.model_keys import load_own_keys
from functions.shared.web.model_use import require_model

router = PlaneRouter(prefix="/api/memory", tags=["memory"])

NamespaceName: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=200, description="Among what: a customer, a project, an agent; any name.")
]
NamespaceQuery: TypeAlias = Annotated[str, Query(min_length=1, max_length=200, description="Among what.")]
Metadata: TypeAlias = Annotated[dict[str, JsonValue], Field(description="At most 16 kB; can be filtered by.")]


class PutMemory(Body):
    """A text to remember."""

    namespace: NamespaceName
    content: Annotated[str, Field(min_length=1, max_length=65_536, description="At most 64 kB.")]
    key: Annotated[str | None, Field(min_length=1, max_length=500, description="Replaces what has this key.")] = None
    metadata: Metadata = Field(default_factory=dict[str, JsonValue])
    agent_id: Annotated[UUID | None, Field(description="The agent that writes; counts as its sign of life.")] = None
    expires_in_seconds: Annotated[FiniteFloat | None, Field(gt=0, le=315_360_000)] = None
    expires_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def expires_once(self) -> "PutMemory":
        if self.expires_in_seconds is not None and self.expires_at is not None:
            raise PydanticCustomError("not_both", "give expires_in_seconds or expires_at, not both")
        return self


class SearchMemory(Body):
    """A question. Empty: the newest memories."""

    namespace: NamespaceName
    query: Annotated[str, Field(max_length=8_000)] = ""
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    filter: Metadata = Field(default_factory=dict[str, JsonValue])


class EmbedMemory(Body):
    """Whose memories to embed; without a namespace all of the organisation's."""

    namespace: NamespaceName | None = None
    limit: Annotated[int, Field(ge=1, le=64)] = 64


class Memory(Answer):
    """A memory. `embedded`: it is found by its meaning too."""

    id: UUID
    namespace: str
    key: str | None
    content: str
    metadata: dict[str, JsonValue]
    agent_id: UUID | None
    embedded: bool
    expires_at: Timestamp | None
    created_by: dict[str, JsonValue] | None
    created_at: Timestamp
    updated_at: Timestamp


class Ranks(Answer):
    """The place by words and by meaning, from 1; null: not found that way."""

    text: int | None
    vector: int | None


class Found(Memory):
    """A memory that fits. `score` fuses the ranks: 1 / (60 + place), summed; `similarity` is the cosine."""

    score: float
    ranks: Ranks
    similarity: float | None


class Search(Answer):
    """What fits, the best first. `vector`: `searched`, or why words alone: no_model, no_pgvector, a code."""

    data: list[Found]
    vector: str
    embedding_model: str | None


class Namespace(Answer):
    """A namespace, and how much is in it."""

    namespace: str
    memories: int
    embedded: int
    newest_at: Timestamp


class Embedded(Answer):
    """How many were embedded now. `left`: there may be more; call again."""

    embedded: int
    left: bool
    status: str
    embedding_model: str | None


class Deleted(Answer):
    """How many were forgotten."""

    deleted: int


_MEMORY: JsonObject = {
    "id": "5e0c1d9a-7c6b-4d7e-9f57-3f1f4a6b2c11",
    "namespace": "customers/acme",
    "key": None,
    "content": "Acme prefers invoices by e-mail, in euro.",
    "metadata": {"topic": "billing"},
    "agent_id": None,
    "embedded": False,
    "expires_at": None,
    "created_by": {"kind": "agent_key", "id": "0b9f3c1e-58a4-4c59-9d9e-0c5a7f0a4f21", "label": "my key"},
    "created_at": "2026-11-21T10:00:00Z",
    "updated_at": "2026-11-21T10:00:00Z",
}
_PATH = f"/api/memory/{_MEMORY['id']}"
_BODY: JsonObject = {name: _MEMORY[name] for name in ("namespace", "content", "metadata")}


@router.post(
    "",
    status_code=201,
    response_model=Memory,
    responses={200: {"model": Memory, "description": "There was one with this key; it was replaced."}},
    dependencies=[requires("memory:write")],
    **example("/api/memory", body=_BODY, answer=_MEMORY, status=201, also={200: {**_MEMORY, "key": "invoices"}}),
)
async def put_memory(body: PutMemory, db: Db, request: Request, response: Response) -> object:
    """Remember a text. With a `key` it replaces what stood under it: 200 instead of 201.

    Where the plane has an embedding model it is found by its meaning too; if the model does not answer, the text is
    kept all the same (`embedded: false`), and POST /api/memory/embed catches up.
    """
    fields = body.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    await db.admit("memory:write")
    fields, _ = await _embedded(db, fields, body.content, settings_of(request.app))
    written = await memory.put_memory(db, fields)
    response.status_code = 201 if _object(written)["is_created"] else 200
    return written


@router.post(
    "/search",
    response_model=Search,
    dependencies=[requires("memory:read")],
    **example(
        "/api/memory/search",
        body={"namespace": "customers/acme", "query": "How do they want to be billed?", "limit": 5},
        answer={
            "data": [{**_MEMORY, "score": 0.016393, "ranks": {"text": 1, "vector": None}, "similarity": None}],
            "vector": "no_model",
            "embedding_model": None,
        },
    ),
)
async def search_memory(body: SearchMemory, db: Db, request: Request) -> object:
    """Find the memories of a namespace that fit best, by words and by meaning; the two ranks are fused.

    An empty `query` gives the newest. `filter` names fields of the metadata that must be equal.
    """
    await db.admit("memory:read")
    question, why = body.model_dump(mode="json"), "no_query"
    if body.query.strip():
        question, why = await _embedded(db, question, body.query, settings_of(request.app))
    answer = _object(await memory.search_memory(db, question))
    vector = why if answer["vector"] == "no_embedding" else answer["vector"]
    return {"data": answer["data"], "vector": vector, "embedding_model": _model()}


@router.post(
    "/embed",
    response_model=Embedded,
    dependencies=[requires("memory:write")],
    **example(
        "/api/memory/embed",
        body={"namespace": "customers/acme"},
        answer={"embedded": 12, "left": False, "status": "ok", "embedding_model": "openai/text-embedding-3-small"},
    ),
)
async def embed_memories(body: EmbedMemory, db: Db, request: Request) -> object:
    """Embed memories that the plane's model has not embedded yet: written without one, or with another.

    Repeat it while `left`. `status` is `ok`, or why nothing could be done.
    """
    model = _model()
    if model is None:
        await db.admit("memory:write")
        return {"embedded": 0, "left": False, "status": "no_model", "embedding_model": None}
    found: Any = await memory.list_unembedded(db, model, body.namespace, body.limit)
    items: list[Any] = found["data"]
    if not items:
        return {"embedded": 0, "left": False, "status": "ok", "embedding_model": model}
    org_id = await require_model(db, model)
    made = await _embed([item["content"] for item in items], db, org_id, settings_of(request.app))
    if made.vectors is None:
        return {"embedded": 0, "left": True, "status": made.why, "embedding_model": model}
    kept: list[Any] = [{**item, "embedding": vector} for item, vector in zip(items, made.vectors, strict=True)]
    answer: Any = await memory.embed_memories(db, model, kept, _cost_of(made.usage))
    left = len(items) == body.limit
    return {"embedded": answer["embedded"], "left": left, "status": "ok", "embedding_model": model}


@router.get(
    "/namespaces",
    response_model=ListOf[Namespace],
    dependencies=[requires("memory:read")],
    **example(
        "/api/memory/namespaces?prefix=customers/",
        answer={
            "data": [
                {"namespace": "customers/acme", "memories": 12, "embedded": 0, "newest_at": "2026-11-21T10:00:00Z"}
            ],
            "next_cursor": None,
        },
    ),
)
async def list_namespaces(db: Db, page: Page, prefix: Annotated[str | None, Query(max_length=200)] = None) -> object:
    """List the namespaces of the organisation, by name."""
    return page.of(await memory.list_namespaces(db, page.payload(prefix=prefix)), Namespace)


@router.get(
    "",
    response_model=ListOf[Memory],
    dependencies=[requires("memory:read")],
    **example("/api/memory?namespace=customers/acme", answer={"data": [_MEMORY], "next_cursor": None}),
)
async def list_memories(
    db: Db, page: Page, namespace: NamespaceQuery, key: Annotated[str | None, Query(max_length=500)] = None
) -> object:
    """List the memories of a namespace, the newest first; with `key` the one that has it."""
    return page.of(await memory.list_memories(db, page.payload(namespace=namespace, key=key)), Memory)


@router.get(
    "/{memory_id}", response_model=Memory, dependencies=[requires("memory:read")], **example(_PATH, answer=_MEMORY)
)
async def get_memory(memory_id: UUID, db: Db) -> object:
    """Read one memory."""
    return await memory.get_memory(db, memory_id)


@router.delete("/{memory_id}", status_code=204, dependencies=[requires("memory:write")], **example(_PATH))
async def delete_memory(memory_id: UUID, db: Db) -> None:
    """Forget one memory."""
    await memory.delete_memory(db, {"id": str(memory_id)})


@router.delete(
    "",
    response_model=Deleted,
    dependencies=[requires("memory:write")],
    **example("/api/memory?namespace=customers/acme", answer={"deleted": 12}),
)
async def delete_namespace(db: Db, namespace: NamespaceQuery) -> object:
    """Forget everything in a namespace."""
    return await memory.delete_memory(db, {"namespace": namespace})


async def _embedded(db: CallerDb, fields: JsonObject, text: str, settings: Settings) -> tuple[JsonObject, str]:
    """Add the text's embedding, if there is one; and why there is none."""
    model = _model()
    if model is None:
        return fields, "no_model"
    try:
        org_id = await require_model(db, model)
    except (Forbidden, OverBudget) as refused:
        return fields, refused.code
    made = await _embed([text], db, org_id, settings)
    if made.vectors is None:
        return fields, made.why or ""
    embedding: JsonObject = {"embedding": list[Json](made.vectors[0]), "embedding_model": made.model}
    return {**fields, **embedding, "spent_usd": _cost_of(made.usage)}, ""


async def _embed(texts: list[str], db: CallerDb, org_id: str, settings: Settings) -> Any:  # noqa: ANN401  as below
    """Embed with the plane's model and the organisation's own key, or the plane's. Without either: words only."""
    from functions.shared.steps import embedding  # noqa: PLC0415  litellm's neighbours are heavy
    from functions.shared.steps.providers import lent  # noqa: PLC0415

    model = _model() or ""
    try:
        own = await load_own_keys(db.database, org_id, model, settings)
    except PlaneError as error:
        return embedding.Embedded(model, None, error.code)
    return await embedding.embed(texts, lent(os.environ, is_lent=True, own=own))


def _cost_of(usage: Any) -> str | None:  # noqa: ANN401  the package is imported where it is used
    return None if usage is None or usage.cost_usd is None else str(usage.cost_usd)


def _model() -> str | None:
    return os.environ.get("AGENTPLANE_EMBEDDING_MODEL") or None


def _object(answer: Json) -> dict[str, Any]:
    assert isinstance(answer, dict)  # noqa: S101  the verbs of memory answer objects
    return answer


app = create_app("memory", router)
handler = lambda_handler(app)
