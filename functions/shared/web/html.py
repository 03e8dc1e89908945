"""Pages: a dataclass says exactly what a template may use, and every page goes out with the headers that guard it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse, Response

from functions.shared.config import settings
from functions.shared.errors import Forbidden
from functions.shared.web.plain_route import PlainRouter

if TYPE_CHECKING:
    from jinja2 import Environment
    from starlette.requests import Request

    from functions.shared.web.plain_route import Endpoint

TEMPLATES = Path(__file__).parents[3] / "templates" / "pages"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # Not no-referrer: browsers would then send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True, slots=True)
class Page:
    """What one template may use, by the names of the fields."""

    template: ClassVar[str]


def render(page: Page, status: int = 200) -> HTMLResponse:
    """Give the page as an answer. Raises jinja2.UndefinedError for a name that its dataclass does not have."""
    values = {each.name: getattr(page, each.name) for each in fields(page)}
    return HTMLResponse(environment().get_template(page.template).render(values), status, HEADERS)


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Give the environment of all pages: what is put into a page is escaped, and a name that is not there fails."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415  most functions have no pages

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["style_path"] = style_path()  # type: ignore[assignment]  jinja2 names only its own globals
    return made


@lru_cache(maxsize=1)
def style_path() -> str:
    """Give the address of the style sheet: its name changes with what it holds, so it is kept for ever."""
    return f"/assets/style.{sha256(_style()).hexdigest()[:16]}.css"


def require_own_form(request: Request) -> None:
    """Let in a form only from a page of ours. Raises Forbidden `foreign_form`.

    Browsers say where a request comes from, and no page can say it for them: Sec-Fetch-Site, or in old ones Origin.
    """
    site = request.headers.get("sec-fetch-site")
    if site == "same-origin":
        return
    origin = urlsplit(request.headers.get("origin", ""))
    ours = {request.headers.get("host", ""), urlsplit(settings().public_url).netloc} - {""}
    if site is not None or origin.netloc not in ours:
        raise Forbidden(
            "This form was not sent from a page of this plane.",
            code="foreign_form",
            hint="Open the page here and send the form again.",
        )


async def _as_it_is(request: Request, endpoint: Endpoint) -> Response:
    return await endpoint(request)


assets = PlainRouter(_as_it_is)


@assets.get("/assets/{name}")
async def asset(request: Request) -> Response:
    """Give the style sheet. A former name, from a page of a former release, gives the current one for a moment."""
    name = f"/assets/{request.path_params['name']}"
    if not (name.startswith("/assets/style.") and name.endswith(".css")):
        return Response(status_code=404)
    kept = "public, max-age=31536000, immutable" if name == style_path() else "no-store"
    return Response(_style(), media_type="text/css", headers={"Cache-Control": kept})


@lru_cache(maxsize=1)
def _style() -> bytes:
    return (TEMPLATES / "style.css").read_bytes()
