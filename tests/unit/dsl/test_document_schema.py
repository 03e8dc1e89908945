"""The generated JSON Schema agrees with the checker."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from functions.shared.dsl.checker import check
from functions.shared.dsl.document_schema import workflow_json_schema
from functions.shared.dsl.loader import load
from functions.shared.dsl.models import KINDS
from tests.unit.dsl.documents import DESIGN
from tests.unit.dsl.test_ten_mistakes import TEN

VALIDATOR = jsonschema.Draft202012Validator(workflow_json_schema())


def test_it_is_json_schema_and_small_enough_to_give_to_a_model() -> None:
    jsonschema.Draft202012Validator.check_schema(workflow_json_schema())
    assert len(json.dumps(workflow_json_schema())) < 30_000


def test_it_accepts_the_design_document_and_refuses_the_mistakes() -> None:
    assert list(VALIDATOR.iter_errors(load(DESIGN).document)) == []
    assert list(VALIDATOR.iter_errors(load(TEN).document)) != []


def test_it_knows_every_kind_and_every_field() -> None:
    step: Any = workflow_json_schema()["$defs"]
    assert {option["required"][0] for option in step["Step"]["oneOf"]} == set(KINDS)
    assert "with" in step["Tool"]["properties"]
    assert "for" in step["Wait"]["properties"]
    assert "json" in step["Http"]["properties"]


@pytest.mark.parametrize(
    "step",
    [
        {}, {"transform": 1, "fail": "x"}, {"llm": {"prompt": 1}}, {"wait": {"for": "soon"}}, {"wait": {"for": 5}},
        {"transform": 1, "nope": 1}, {"loop": {"max": 5000}, "transform": 1}, {"fail": {"code": "x"}},
        {"http": {"url": "x", "method": "FETCH"}}, {"steps": {}}, {"steps": {"Bad": {"transform": 1}}},
    ],
)  # fmt: skip
def test_what_it_refuses_the_checker_refuses_too(step: dict[str, Any]) -> None:
    document: Any = {"name": "x", "steps": {"a": step}}
    assert not VALIDATOR.is_valid(document)
    assert check(document).workflow is None


@pytest.mark.parametrize(
    "step",
    [
        {"transform": None}, {"fail": "x"}, {"fail": {"message": "x"}}, {"wait": {"for": "${{ input.t }}"}},
        {"for_each": "[1]", "transform": 1}, {"when": True, "transform": 1}, {"state": {"increment": "k",
        "by": "${{ 1 }}"}},
        {"llm": {"model": "ollama/b", "messages": [{"role": "user", "content": "x"}], "temperature": 0}},
    ],
)  # fmt: skip
def test_what_the_checker_accepts_it_accepts_too(step: dict[str, Any]) -> None:
    document: Any = {"name": "x", "input": {"t": "string"}, "steps": {"a": step}}
    assert check(document).workflow is not None, check(document).problems
    assert list(VALIDATOR.iter_errors(document)) == []
