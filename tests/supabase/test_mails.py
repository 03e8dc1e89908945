"""Supabase Auth's mails: their links lead to the plane's own page, and sign in there."""

from __future__ import annotations

import asyncio
import re
import socket
from contextlib import asynccontextmanager
from html import escape, unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
import uvicorn

from functions.pages.app import routers
from functions.shared.config import Settings
from functions.shared.devauth import Accounts, auth_router
from functions.shared.postgres.schema import SUPABASE
from functions.shared.web import create_app
from tests.functions.pages.conftest import Browser

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

PLANE = "https://plane.test"
TEMPLATES = {path.stem: path.read_text() for path in sorted((SUPABASE / "templates").glob("*.html"))}
LINKED = {"magic_link": "email", "confirmation": "email", "invite": "invite", "recovery": "recovery"}
CODED = {"email_change", "reauthentication"}
EMAIL = "ada@example.com"
_ACTION = re.compile(r"\{\{ \.(\w+) \}\}")


def rendered(template: str, **values: str) -> str:
    """Fill a template as Go's html/template does: what stands in an address's query is escaped for that."""

    def fill(found: re.Match[str]) -> str:
        value = values[found[1]]
        return quote(value, safe="") if template[found.start() - 1] == "=" else escape(value)

    return _ACTION.sub(fill, template)


def links(page: str) -> list[str]:
    return [unescape(each) for each in re.findall(r'href="([^"]*)"', page)]


@asynccontextmanager
async def development_sign_in(folder: Path) -> AsyncGenerator[tuple[Accounts, str]]:
    """Serve the development sign-in on loopback; give its accounts and its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        accounts = Accounts(Settings(_env_file=None, local_data=folder, public_url=url))
        server = uvicorn.Server(uvicorn.Config(create_app("tests", auth_router(accounts)), log_config=None))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield accounts, f"{url}/auth/v1"
        finally:
            server.should_exit = True
            await serving


@pytest.mark.parametrize("name", ["magic_link", "confirmation", "invite"])
async def test_a_mailed_link_signs_in_by_its_button_and_leads_on(tmp_path: Path, name: str) -> None:
    async with development_sign_in(tmp_path) as (accounts, auth_url):
        app = create_app("tests", *routers)
        app.state.settings = Settings(_env_file=None, public_url=PLANE, auth_url=auth_url)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PLANE) as client:
            browser = Browser(client)
            following = {"email": EMAIL, "next": "/inbox/7?mine=1"}
            assert (await browser.post("/sign-in", following)).status_code == 303
            token_hash = parse_qs(urlsplit(accounts.mails[0].link).query)["token_hash"][0]
            mail = rendered(
                TEMPLATES[name],
                SiteURL=PLANE,
                TokenHash=token_hash,
                RedirectTo=f"{PLANE}/inbox/7?mine=1",
                Token="123456",
                Email=EMAIL,
            )
            (link,) = links(mail)
            assert link.startswith(f"{PLANE}/auth/confirm?")
            for _ in range(2):  # scanners open links: nothing is used up
                page = await browser.get(link.removeprefix(PLANE))
                assert page.status_code == 200
            fields = dict(re.findall(r'type="hidden" name="(token_hash|kind|next)" value="([^"]*)"', page.text))
            assert fields["kind"] == LINKED[name]
            signed_in = await browser.post("/auth/confirm", {key: unescape(value) for key, value in fields.items()})
            assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/inbox/7?mine=1")
            assert "__Host-agentplane-access" in signed_in.headers["set-cookie"]
            again = await browser.post("/auth/confirm", {key: unescape(value) for key, value in fields.items()})
            assert again.status_code == 403


def test_every_link_names_a_kind_that_the_page_takes() -> None:
    for name, kind in LINKED.items():
        values = dict.fromkeys(("TokenHash", "RedirectTo", "Token", "Email"), "x")
        (link,) = links(rendered(TEMPLATES[name], SiteURL=PLANE, **values))
        assert parse_qs(urlsplit(link).query) == {"token_hash": ["x"], "type": [kind], "next": ["x"]}


def test_mails_without_a_page_hold_a_code_only() -> None:
    assert set(TEMPLATES) == {*LINKED, *CODED}
    for name in CODED:
        assert "{{ .Token }}" in TEMPLATES[name]
        assert links(TEMPLATES[name]) == []


class Outline(HTMLParser):
    """Notes the tags of a page, and refuses what is not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_mail_is_plain_and_readable_for_everybody(name: str) -> None:
    outline = Outline()
    outline.feed(TEMPLATES[name])
    assert outline.open == []
    tags = [tag for tag, _ in outline.tags]
    assert {"html", "title", "main", "h1"} <= set(tags)
    assert ("html", {"lang": "en"}) in outline.tags
    assert tags.count("h1") == 1
    assert not {"img", "script", "link", "iframe", "form"} & set(tags), "nothing is loaded, nothing is sent"
    assert TEMPLATES[name].count("https://") == 0
    assert len(TEMPLATES[name]) < 4000
