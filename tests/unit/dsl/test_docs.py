"""The page about the language is true: its documents run, its code table is complete."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.shared.dsl.checker import check
from functions.shared.dsl.checks.findings import EXPRESSION_CODES
from functions.shared.dsl.compiled import compile_document
from functions.shared.dsl.filters import FILTER_NAMES
from functions.shared.dsl.models import KINDS, Step, Workflow
from functions.shared.engine.inline_tests import run_tests

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "workflows.md").read_text()
DOCUMENTS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
TABLE = PAGE[PAGE.index("## What the checker says") :]
# Where a call names its code: the position of the argument.
CODE_ARGUMENT = {
    "error": 1, "warning": 1, "in_text": 2, "report": 1, "_report": 1, "_refuse": 1, "problem": 2, "Problem": 3,
    "PydanticCustomError": 0,
}  # fmt: skip


def codes_in(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        at = CODE_ARGUMENT.get(name)
        if at is not None and len(node.args) > at:
            code = node.args[at]
            if isinstance(code, ast.Constant) and re.fullmatch(r"[a-z_]+", str(code.value)):
                yield str(code.value)


@pytest.mark.parametrize("text", DOCUMENTS, ids=[text.split("\n", 1)[0] for text in DOCUMENTS])
def test_an_example_has_no_problem_and_its_tests_pass(text: str) -> None:
    checked = check(text)
    assert checked.problems == []
    assert checked.document is not None
    report = run_tests(compile_document(checked.document))
    assert report.tests
    assert [(test.name, test.failures) for test in report.tests if not test.passed] == []


def test_every_code_of_the_checker_is_in_the_table() -> None:
    folder = ROOT / "functions" / "shared" / "dsl"
    used = {code for source in folder.rglob("*.py") for code in codes_in(source)} - {"error", "warning"}
    used |= set(EXPRESSION_CODES.values()) | {"bad_schema", "bad_default", "secret_in_expression"}
    listed = set(
        re.findall(r"`([a-z_]+)`", "\n".join(line.split("|")[1] for line in TABLE.splitlines() if "|" in line))
    )
    assert listed == used


def test_every_kind_key_and_filter_is_named() -> None:
    known = [*KINDS, *Workflow.model_fields, *Step.model_fields, *FILTER_NAMES]
    assert [name for name in known if not re.search(rf"\b{name}\b", PAGE)] == []
