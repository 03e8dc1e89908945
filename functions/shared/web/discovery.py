"""What tells programs and people how to use the API: /, /docs, /llms.txt, /schemas, /problems. No key is needed."""

from __future__ import annotations

import secrets
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from functions.shared.errors import NextStep, NotFound
from functions.shared.web.access import public
from functions.shared.web.llms_text import text_for_models
from functions.shared.web.openapi import example
from functions.shared.web.problem_codes import PROBLEMS
from functions.shared.web.route import PlaneRouter
from functions.shared.web.suggestions import closest

if TYPE_CHECKING:
    from functions.shared.web.problem_codes import ProblemPage


class SchemaResponse(JSONResponse):
    """A JSON Schema."""

    media_type = "application/schema+json"


router = PlaneRouter(tags=["about"])
_DOCS = Path(__file__).with_name("docs.html")
_LINKS = {
    "docs": "/docs",
    "openapi": "/openapi.json",
    "llms": "/llms.txt",
    "workflow_schema": "/schemas/workflow.json",
    "problems": "/problems",
    "health": "/api/health",
}


@router.get(
    "/", dependencies=[public()], response_class=JSONResponse, **example("/", answer={"name": "AgentPlane", **_LINKS})
)
async def index(request: Request) -> Response:
    """Say where everything is: JSON for programs; browsers are led to the inbox, or see the page of the API."""
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(request.app.state.home, 303) if request.app.state.home else await docs()
    return JSONResponse({"name": "AgentPlane", **_LINKS})


@router.get("/docs", dependencies=[public()], response_class=HTMLResponse, **example("/docs"))
async def docs() -> HTMLResponse:
    """Show all operations with a form to try each."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    page = _docs_template().replace("{nonce}", nonce)
    return HTMLResponse(page, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})


@router.get("/llms.txt", dependencies=[public()], response_class=PlainTextResponse, **example("/llms.txt"))
async def llms(request: Request) -> PlainTextResponse:
    """Describe the API in plain text for a language model: how to call it, and every operation with its fields."""
    return PlainTextResponse(text_for_models(request.app.openapi(), _LINKS))


@router.get(
    "/schemas/workflow.json",
    dependencies=[public()],
    response_class=SchemaResponse,
    **example("/schemas/workflow.json"),
)
async def workflow_schema() -> SchemaResponse:
    """Give the JSON Schema of a workflow document, for editors and for models that write one."""
    from functions.shared.dsl.document_schema import workflow_json_schema  # noqa: PLC0415  only this route needs it

    return SchemaResponse(workflow_json_schema())


@router.get(
    "/problems",
    dependencies=[public()],
    response_class=JSONResponse,
    **example(
        "/problems",
        answer={
            "data": [{"code": "missing_key", "status": 401, "title": "No API key", "path": "/problems/missing_key"}],
            "next_cursor": None,
        },
    ),
)
async def problems(request: Request) -> Response:
    """List every error code with its title."""
    pages = sorted(PROBLEMS.values(), key=lambda page: (page.status or 999, page.code))
    if _wants_html(request):
        items = "".join(
            f'<li><a href="/problems/{each.code}">{each.code}</a> {escape(each.title)}</li>' for each in pages
        )
        return HTMLResponse(_html("Problems", f"<ul>{items}</ul>"))
    data = [
        {"code": each.code, "status": each.status, "title": each.title, "path": f"/problems/{each.code}"}
        for each in pages
    ]
    return JSONResponse({"data": data, "next_cursor": None})


@router.get(
    "/problems/{code}",
    dependencies=[public()],
    response_class=JSONResponse,
    **example(
        "/problems/missing_key",
        answer={
            "code": "missing_key",
            "status": 401,
            "title": "No API key",
            "cause": "The route needs a key and none was sent.",
            "fix": "Send `Authorization: Bearer ap_live_…`.",
        },
    ),
)
async def problem(code: str, request: Request) -> Response:
    """Explain one error code: its cause and the way out. JSON, HTML or Markdown, as Accept says."""
    page = PROBLEMS.get(code) or PROBLEMS.get(code.replace("-", "_"))
    if page is None:
        meant = closest(code, PROBLEMS)
        path = f"/problems/{meant}" if meant else "/problems"
        raise NotFound(f"There is no error code {code}.", next=[NextStep("the closest code", "GET", path)])
    if _wants_html(request):
        return HTMLResponse(_html(page.title, _problem_html(page)))
    if "text/markdown" in request.headers.get("accept", ""):
        return PlainTextResponse(_problem_markdown(page), media_type="text/markdown; charset=utf-8")
    return JSONResponse(
        {"code": page.code, "status": page.status, "title": page.title, "cause": page.cause, "fix": page.fix}
    )


@lru_cache(maxsize=1)
def _docs_template() -> str:
    return _DOCS.read_text(encoding="utf-8")


def _wants_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _problem_html(page: ProblemPage) -> str:
    return (
        f"<p><code>{page.code}</code>, {_where(page)}</p>"
        f"<h2>Cause</h2><p>{escape(page.cause)}</p><h2>What to do</h2><p>{escape(page.fix)}</p>"
        '<p><a href="/problems">All codes</a></p>'
    )


def _problem_markdown(page: ProblemPage) -> str:
    return (
        f"# {page.title}\n\n`{page.code}`, {_where(page)}\n\n## Cause\n\n{page.cause}\n\n## What to do\n\n{page.fix}\n"
    )


def _where(page: ProblemPage) -> str:
    return f"HTTP status {page.status}" if page.status else "an error of a step or an execution"


def _html(title: str, body: str) -> str:
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)} · AgentPlane</title>'
    return f"{head}<main><h1>{escape(title)}</h1>{body}</main></html>"
