"""Chromium, headless, at a whole plane: real HTTP, real Postgres, real cookies."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from functools import cache
from pathlib import Path
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


_open = ExitStack()


@cache
def _chromium() -> Browser:
    playwright = _open.enter_context(sync_playwright())
    return _open.enter_context(playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS))


@pytest.fixture
def browser() -> Browser:
    """Chromium. While it runs, so does a loop in this thread, so it ends before asynchronous tests begin."""
    return _chromium()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Iterator[None]:
    """Close Chromium after the last test of this folder."""
    try:
        return (yield)
    finally:
        if nextitem is None or nextitem.path.parent != Path(__file__).parent:
            _open.close()
            _chromium.cache_clear()


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
