"""Every error code that anything raises has a page."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

from functions.shared.errors import BY_STATUS
from functions.shared.web.problem_codes import PROBLEMS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
STEP_ERRORS = {"StepFailed", "ProgramFailed"}
ERRORS = {kind.__name__ for kind in BY_STATUS.values()} | {"MethodNotAllowed"}
RAISED = re.compile(r"raise_error\(\s*(\d+)\s*,\s*'([a-z0-9_]+)'")


def codes_of_sql() -> Iterator[tuple[str, str, int]]:
    for path in sorted((ROOT / "sql").rglob("*.sql")):
        for status, code in RAISED.findall(path.read_text()):
            yield str(path.relative_to(ROOT)), code, int(status)


def codes_of_python() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "functions").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            codes = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            if node.func.id in STEP_ERRORS:
                codes += node.args[:1]
            elif node.func.id not in ERRORS:
                continue
            yield from (
                (str(path.relative_to(ROOT)), code.value)
                for code in codes
                if isinstance(code, ast.Constant) and isinstance(code.value, str)
            )


def test_every_code_that_sql_raises_has_a_page_with_its_status() -> None:
    found = list(codes_of_sql())
    assert len(found) > 20
    assert [each for each in found if each[1] not in PROBLEMS] == []
    assert [each for each in found if PROBLEMS[each[1]].status not in (each[2], 500)] == []


def test_every_code_that_python_raises_has_a_page() -> None:
    found = list(codes_of_python())
    assert len(found) > 10
    assert [each for each in found if each[1] not in PROBLEMS] == []


def test_every_kind_of_error_has_a_page_for_its_own_code() -> None:
    for kind in BY_STATUS.values():
        assert PROBLEMS[kind.default_code].status == kind.status


def test_every_page_says_cause_and_fix() -> None:
    for code, page in PROBLEMS.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", code)
        for text in (page.cause, page.fix):
            assert text.endswith(".")
            assert len(text) > 10
        assert not page.title.endswith(".")
