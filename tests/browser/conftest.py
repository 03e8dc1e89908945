"""Chromium, headless, at a whole plane: real HTTP, real Postgres, real cookies."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.plane import running, settings_of
from tests.browser.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

    from tests.browser.plane import Site
    from tests.conftest import Server

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. While it runs, so does a loop in this thread, so it ends before asynchronous tests begin."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One plane for all tests here; each makes its own organisation."""
    database = postgres.clone()
    login = postgres.login_url.rpartition("/")[0] + "/" + database.rpartition("/")[2]
    with running(settings_of(login, postgres.runner_key), database, tmp_path_factory.mktemp("plane")) as site:
        yield site
    postgres.drop(database)


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Callable[..., Visitor]]:
    """Gives a person at a browser of their own: `visit()`, `visit(has_scripts=False)`."""
    contexts = []

    def open_browser(**options: object) -> Visitor:
        has_scripts = bool(options.pop("has_scripts", True))
        context = browser.new_context(base_url=site.url, java_script_enabled=has_scripts, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        return Visitor(site, context.new_page())

    yield open_browser
    for context in contexts:
        context.close()
