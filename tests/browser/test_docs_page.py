"""docs/pages.md as a reader follows it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.browser.plane import Site

PAGE = Path(__file__).parents[2] / "docs" / "pages.md"

pytestmark = pytest.mark.xdist_group("browser")


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page shows curl, and this machine has none")
def test_the_commands_of_the_page_sign_in(site: Site, tmp_path: Path) -> None:
    site.member(site.org("docs"), "developer@localhost", "owner")
    (script,) = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    script = script.replace("http://127.0.0.1:8400", site.url)
    done = subprocess.run(["bash", "-eu"], input=script, cwd=tmp_path, capture_output=True, text=True, check=True)
    me = json.loads(done.stdout.removeprefix("{}"))
    assert (me["person"]["email"], me["person"]["role"]) == ("developer@localhost", "owner")


def test_the_page_names_every_page(site: Site) -> None:
    from functions.pages.app import routers  # noqa: PLC0415

    paths = {
        route.path.partition("/{")[0]
        for router in routers
        for route in router.routes
        if route.methods == {"GET", "HEAD"}
    }
    text = PAGE.read_text()
    assert [path for path in sorted(paths - {"/assets", "/sign-in/code"}) if f"`{path}" not in text] == []
