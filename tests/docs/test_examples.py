"""What the README, the docs and the starters show is true: documents are valid, their tests pass, commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from functions.shared.dsl.checker import check
from tests.cli.conftest import run_command

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "templates/README.md",
]
STARTERS = sorted((ROOT / "templates" / "workflows").glob("*.yaml"))


def blocks(language: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for page in PAGES:
        text = page.read_text()
        for match in re.finditer(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, match.start()) + 1
            found.append((f"{page.relative_to(ROOT)}:{line}", match.group(1)))
    return found


DOCUMENTS = [(place, text) for place, text in blocks("yaml") if re.search(r"^steps:", text, re.MULTILINE)]
COMMANDS = [
    (place, line.partition("#")[0].strip())
    for place, text in blocks("")
    for line in text.splitlines()
    if re.match(r"(\.venv/bin/)?agentplane |make ", line)
]


@pytest.mark.parametrize(("place", "text"), DOCUMENTS, ids=[place for place, _ in DOCUMENTS])
def test_a_shown_document_is_valid(place: str, text: str) -> None:
    whole = text if re.search(r"^name:", text, re.MULTILINE) else f"name: shown\n{text}"
    problems = [problem for problem in check(whole).problems if problem.severity == "error"]
    assert not problems, place


@pytest.mark.parametrize(("place", "command"), COMMANDS, ids=[f"{place} {command}" for place, command in COMMANDS])
def test_a_shown_command_exists(place: str, command: str) -> None:
    words = command.split()
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), place
        return
    cli = (ROOT / "sdk/python/agentplane/cli").glob("*.py")
    names = "\n".join(path.read_text() for path in cli)
    for word in [
        words[1],
        *(words[2:3] if words[1] in {"keys", "orgs", "executions", "state", "agents", "workflows"} else []),
    ]:
        assert re.search(rf'"{word}"|def {word}\(|\({word}\)', names), f"{place}: {word}"


@pytest.mark.parametrize("starter", STARTERS, ids=lambda path: path.name)
def test_a_starter_is_valid_and_passes_its_own_tests(starter: Path) -> None:
    for command in ("validate", "test"):
        done = run_command(command, str(starter))
        assert done.code == 0, done.out + done.err


def test_no_page_names_a_path_of_a_machine() -> None:
    for page in PAGES:
        assert not re.search(r"/(home|root|work|Users)/", page.read_text()), page
