"""The tool `web_fetch`: a page as readable text with its title and links."""

from __future__ import annotations

import asyncio
import html
import re
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

from functions.shared.dsl.kinds import Auth
from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.steps.base import Context, Done
from functions.shared.steps.fetch import Fetched, Outgoing, fetch, parse_url
from functions.shared.steps.http_call import authorization, refuse_status
from functions.shared.tools.base import Tool, arguments

MAX_TEXT = 200_000
DEFAULT_TEXT = 20_000
MAX_LINKS = 200
_MAX_MARKUP = 2_000_000
_MARKUP = frozenset({"text/html", "application/xhtml+xml"})
_HIDDEN = frozenset({"script", "style", "noscript", "template", "svg", "head"})
_BLOCKS = frozenset(
    {"p", "div", "br", "li", "tr", "section", "article", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "table", "ul", "ol"}
)


async def _run(given: JsonObject, context: Context, auth: Auth | None) -> Done:
    headers = {"accept": "text/html, application/xhtml+xml;q=0.9, text/*;q=0.8, */*;q=0.1"}
    if auth is not None:
        headers["authorization"] = authorization(auth, context)
    request = Outgoing("GET", parse_url(str(given["url"])), headers)
    answer = await fetch(request, context.http, timeout_s=context.timeout_s)
    refuse_status(request, answer)
    most = given.get("max_characters", DEFAULT_TEXT)
    limit = most if isinstance(most, int) else DEFAULT_TEXT
    page = await asyncio.to_thread(_page, answer, limit)
    return Done(page, details={"status": answer.status, "bytes": len(answer.body), "redirects": answer.redirects})


def _page(answer: Fetched, limit: int) -> JsonObject:
    links: list[Json] = []
    title = ""
    text = answer.text[:_MAX_MARKUP]
    if answer.media_type in _MARKUP or text.lstrip()[:15].lower().startswith(("<!doctype html", "<html")):
        outline = _Outline(answer.url)
        outline.feed(text)
        outline.close()
        title, links = outline.title, outline.links
        text = _readable(text) or outline.text
    elif not _is_text(answer):
        text = ""
    return {
        "url": answer.url,
        "title": title,
        "text": text[:limit],
        "links": links,
        "truncated": len(text) > limit,
        "content_type": answer.media_type,
    }


def _readable(markup: str) -> str:
    """Give the main text of a page, or nothing when none can be told from the rest."""
    import trafilatura  # noqa: PLC0415  heavy, only where pages are read

    found = trafilatura.extract(markup, include_comments=False, include_tables=True, include_links=False)
    return found or ""


def _is_text(answer: Fetched) -> bool:
    kind = answer.media_type
    return not kind or kind.startswith("text/") or kind.endswith(("json", "xml", "javascript", "yaml"))


class _Outline(HTMLParser):
    """The title, the links and, as a fallback, all the visible text of a page."""

    def __init__(self, base: str) -> None:
        super().__init__(convert_charrefs=True)
        self._base = base
        self._parts: list[str] = []
        self._title: list[str] = []
        self._hidden: list[str] = []
        self._in_title = False
        self._link: JsonObject | None = None
        self.links: list[Json] = []
        self._seen: set[str] = set()

    @property
    def title(self) -> str:
        return " ".join("".join(self._title).split())[:500]

    @property
    def text(self) -> str:
        lines = (" ".join(line.split()) for line in "".join(self._parts).splitlines())
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title" and not self._title:
            self._in_title = True
        elif tag in _HIDDEN:
            self._hidden.append(tag)
        elif tag in _BLOCKS:
            self._parts.append("\n")
        if tag == "base":
            self._base = urljoin(self._base, dict(attrs).get("href") or "")
        if tag == "a":
            self._open_link(dict(attrs).get("href"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif tag in self._hidden:
            del self._hidden[self._hidden.index(tag) :]
        elif tag in _BLOCKS:
            self._parts.append("\n")
        if tag == "a":
            self._link = None

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self._title.append(data)
        elif not self._hidden:
            self._parts.append(data)
            if self._link is not None:
                said = f"{self._link['text']} {' '.join(data.split())}".strip()
                self._link["text"] = said[:200]

    def _open_link(self, target: str | None) -> None:
        try:
            url = urldefrag(urljoin(self._base, html.unescape(target or "").strip())).url
        except ValueError:
            return
        if not url.startswith(("http://", "https://")) or url in self._seen or len(self.links) >= MAX_LINKS:
            return
        self._seen.add(url)
        self._link = {"url": url[:2_000], "text": ""}
        self.links.append(self._link)


WEB_FETCH = Tool(
    name="web_fetch",
    description="Fetch a web page as readable text, with its title and links. Scripts are not run.",
    arguments=arguments(
        ["url"],
        url={"type": "string", "minLength": 1, "description": "http or https address."},
        max_characters={"type": "integer", "minimum": 1, "maximum": MAX_TEXT, "default": DEFAULT_TEXT},
    ),
    returns={
        "type": "object",
        "properties": {
            "url": {"type": "string", "description": "Where the page was found after redirects."},
            "title": {"type": "string"},
            "text": {"type": "string"},
            "links": {"type": "array", "items": {"type": "object"}},
            "truncated": {"type": "boolean"},
            "content_type": {"type": "string"},
        },
    },
    run=_run,
    takes_auth=True,
)
