"""What guards every page: headers, cookies, forms of our own only, and errors that people can read."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from functions.pages.session import safe_next
from functions.shared.log import redact
from functions.shared.web.html import style_path
from tests.functions.pages.conftest import URL, Browser
from tests.people import create_member, new_user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import asyncpg
    from fastapi import FastAPI

    from tests.functions.conftest import Organisation


@contextmanager
def auth_that_answers(status: int, body: Any) -> Iterator[str]:
    """Stands in for Supabase Auth on a bad day."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


async def test_every_page_goes_out_with_the_headers_that_guard_it(browser: Browser) -> None:
    for path in ("/sign-in", "/sign-in/code", "/auth/confirm?token_hash=x", "/inbox", "/links/x", "/sign-out", "/join"):
        headers = (await browser.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"


async def test_cookies_are_for_this_host_alone(browser: Browser) -> None:
    answer = await browser.get("/sign-in")
    for cookie in answer.headers.get_list("set-cookie"):
        assert cookie.startswith("__Host-agentplane-")
        for attribute in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
            assert attribute in cookie
        assert "Domain" not in cookie


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://elsewhere.test"}, 303),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": URL}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Sec-Fetch-Site": "", "Origin": URL}, 403),
    ],
    ids=str,
)
async def test_only_forms_of_our_own_are_taken(browser: Browser, headers: dict[str, str], status: int) -> None:
    assert (await browser.post("/sign-out", **headers)).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [(URL, 303), ("https://evil.test", 403), ("null", 403), ("", 403), (None, 403), ("https://plane.test.evil", 403)],
)
async def test_a_browser_that_says_no_site_is_judged_by_its_origin(
    browser: Browser, origin: str | None, status: int
) -> None:
    form = {"form_token": await browser.form_token()}
    headers = {} if origin is None else {"Origin": origin}
    answer = await browser.client.post("/sign-out", data=form, headers=headers)
    assert answer.status_code == status


async def test_a_form_needs_the_token_of_this_browser(browser: Browser, app_with: Callable[..., FastAPI]) -> None:
    own = {"Sec-Fetch-Site": "same-origin"}
    good = await browser.form_token()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app_with()), base_url=URL) as other:
        for fields in ({}, {"form_token": ""}, {"form_token": good}):
            assert (await other.post("/sign-out", data=fields, headers=own)).status_code == 403
    for fields in ({}, {"form_token": good[:-1]}, {"form_token": "ü"}):
        answer = await browser.client.post("/sign-out", data=fields, headers=own)
        assert answer.status_code == 403
        assert "out of date" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\\/evil.example",
        "\\\\evil.example",
        "/\tevil",
        "/\n/evil",
        "javascript:alert(1)",
        "inbox",
        "",
        "/inbox\r\nSet-Cookie: x=1",
        "/é",
        "/sign-in?next=/sign-in",
        "/" + "x" * 2000,
    ],
)
def test_nobody_is_led_elsewhere(path: str) -> None:
    assert safe_next(path) == "/inbox"


def test_a_path_of_this_plane_is_followed() -> None:
    for path in ("/inbox/7?show=all", "/", "/join?token=inv_x-_~", "/a//b"):
        assert safe_next(path) == path


@pytest.mark.parametrize(
    ("asked", "next_page"),
    [
        (f"{URL}/inbox/7", "/inbox/7"),
        ("/inbox/7", "/inbox/7"),
        (URL, "/inbox"),
        (f"{URL}.evil.test/", "/inbox"),
        (f"{URL}//evil.test/", "/inbox"),
        (f"{URL}@evil.test/", "/inbox"),
    ],
)
async def test_a_mailed_link_leads_on_to_this_plane_alone(browser: Browser, asked: str, next_page: str) -> None:
    page = await browser.client.get("/auth/confirm", params={"token_hash": "x", "next": asked})
    assert f'name="next" value="{next_page}"' in page.text


async def test_who_has_not_signed_in_is_led_there_and_back(browser: Browser) -> None:
    answer = await browser.get("/inbox?show=all&after=x")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/inbox%3Fshow%3Dall%26after%3Dx"
    posted = await browser.post("/inbox/5a9d9ae4-28a5-4be4-9a3c-5e8b1d3d2f10/comment", {"text": "x"})
    assert posted.headers["location"] == "/sign-in?next=/inbox/5a9d9ae4-28a5-4be4-9a3c-5e8b1d3d2f10"


async def test_a_token_of_another_issuer_or_with_a_wrong_signature_is_nobody(browser: Browser) -> None:
    user = new_user()
    head, body, signature = user.token().split(".")
    for token in (
        user.token(iss="https://evil.test"),
        user.token(expires_in=-10),
        f"{head}.{body}.{signature[:-8]}AAAAAAAA",
        "x" * 5000,
    ):
        browser.keep(access=token)
        assert (await browser.get("/inbox")).headers["location"].startswith("/sign-in")


async def test_nothing_of_another_organisation_is_found(
    browser: Browser, superuser: asyncpg.Connection, new_org: Callable[..., Any], org: Organisation
) -> None:
    other = await new_org()
    member = await create_member(superuser, org.id, "owner")
    asked = await superuser.fetchval(
        """insert into plane.escalations (org_id, reason, kind, created_by)
        values ($1::text::uuid, 'Secret?', 'question', '{}') returning id::text""",
        other.id,
    )
    browser.keep(access=member.token())
    page = await browser.get(f"/inbox/{asked}")
    assert page.status_code == 404
    assert "Secret" not in page.text
    browser.keep(organisation=other.id)
    answer = await browser.get("/inbox")
    assert answer.headers["location"].startswith("/organisations")


async def test_an_auth_that_limits_is_said_and_the_address_is_kept(app_with: Callable[..., FastAPI]) -> None:
    with auth_that_answers(429, {"code": "over_email_send_rate_limit", "message": "…"}) as address:
        transport = httpx.ASGITransport(app_with(auth_url=address))
        async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
            answer = await Browser(client).post("/sign-in", {"email": "ada@example.com"})
    assert answer.status_code == 429
    assert "Wait a minute" in answer.text
    assert 'value="ada@example.com"' in answer.text


@pytest.mark.parametrize(("status", "body"), [(500, {}), (502, "<html>"), (200, ["odd"])])
async def test_an_auth_that_fails_is_said_and_can_be_tried_again(
    app_with: Callable[..., FastAPI], status: int, body: Any
) -> None:
    with auth_that_answers(status, body) as address:
        transport = httpx.ASGITransport(app_with(auth_url=address))
        async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
            answer = await Browser(client).post("/sign-in", {"email": "ada@example.com"})
    assert answer.status_code == 503
    assert "The sign-in does not answer now." in answer.text


async def test_a_refused_refresh_leads_to_the_sign_in_and_one_that_fails_keeps_the_session(
    app_with: Callable[..., FastAPI],
) -> None:
    for status, body, seen in (
        (400, {"code": "refresh_token_not_found", "message": "…"}, 303),
        (503, {}, 503),
    ):
        with auth_that_answers(status, body) as address:
            transport = httpx.ASGITransport(app_with(auth_url=address))
            async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
                browser = Browser(client)
                browser.keep(refresh="r" * 12)
                answer = await browser.get("/inbox")
        assert answer.status_code == seen
        dropped = any("-refresh=" in each for each in answer.headers.get_list("set-cookie"))
        assert dropped == (seen == 303)


async def test_a_plane_without_a_sign_in_says_so(browser: Browser) -> None:
    answer = await browser.post("/sign-in", {"email": "ada@example.com"})
    assert answer.status_code == 503
    assert "AGENTPLANE_SUPABASE_URL" in answer.text


def test_the_secret_of_a_link_is_not_logged() -> None:
    secret = "x-_" * 14
    for path in (f"/links/{secret}", f"/api/links/{secret}"):
        assert secret not in redact(json.dumps({"path": path, "status": 200}))


async def test_the_style_sheet_is_kept_for_ever_under_its_name(browser: Browser) -> None:
    sheet = await browser.get(style_path())
    assert sheet.headers["content-type"].startswith("text/css")
    assert "immutable" in sheet.headers["cache-control"]
    assert (await browser.get("/assets/style.0000.css")).headers["cache-control"] == "no-store"
    for path in ("/assets/base.html", "/assets/style.css/../base.html", "/assets/..%2fbase.html"):
        assert (await browser.get(path)).status_code == 404


async def test_an_invitation_is_shown_to_who_holds_it_and_accepted_by_who_it_is_for(
    browser: Browser, superuser: asyncpg.Connection, org: Organisation
) -> None:
    token = "inv_" + "x" * 40
    await superuser.execute(
        """insert into plane.invitations (org_id, email, role, token_hash, created_by, expires_at)
        values ($1::text::uuid, 'new@example.com', 'approver', $2, '{"label": "<b>Grace</b>"}', 'tomorrow')""",
        *(org.id, sha256(sha256(token.encode()).digest()).digest()),
    )
    offer = await browser.get(f"/join?token={token}")
    assert "&lt;b&gt;Grace&lt;/b&gt;" in offer.text
    assert "Sign in to join" in offer.text
    browser.keep(access=new_user("other@example.com").token())
    assert (await browser.post("/join", {"token": token})).status_code == 403
    browser.keep(access=new_user("new@example.com").token())
    assert (await browser.post("/join", {"token": token})).headers["location"] == "/inbox"
    assert "approver" in (await browser.get("/inbox")).text
    assert (await browser.get("/join?token=inv_nothing")).status_code == 404
