"""Only the document names a secret: nothing that is computed, from an input or an answer, can."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.shared.dsl.checker import check
from functions.shared.dsl.expressions import ExpressionError
from functions.shared.dsl.rendering import render_config
from functions.shared.engine.frame_secrets import FrameSecrets
from functions.shared.engine.policy import Engine, Policy
from functions.shared.steps.base import HttpPolicy, StepFailed

NAMED = {"secret": "STRIPE_KEY"}
SCOPE = {"input": {"h": NAMED, "name": "STRIPE_KEY", "list": [NAMED], "nothing": None, "n": 3, "on": True}, "steps": {}}


def codes(**http: Any) -> list[str]:
    step = {"http": {"url": "https://example.com", **http}}
    return [problem.code for problem in check({"name": "a", "secrets": ["KEY"], "steps": {"s": step}}).problems]


@pytest.mark.parametrize(
    "text",
    [
        "${{ input.h }}",
        "${{ {'secret': 'STRIPE_KEY'} }}",
        '${{ {"secret": input.name} }}',
        "${{ input.list }}",
        "${{ input.nothing }}",
    ],
)
def test_a_header_that_becomes_an_object_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        render_config("http", {"url": "x", "headers": {"X-Key": text}}, SCOPE)
    assert refused.value.code == "type_error"


def test_a_header_keeps_texts_numbers_and_booleans_and_what_the_document_names() -> None:
    headers = {"a": "v ${{ input.n }}", "b": "${{ input.n }}", "c": "${{ input.on }}", "d": {"secret": "KEY"}, "e": 1}
    rendered = render_config("http", {"url": "x", "headers": headers}, SCOPE)
    assert rendered == {"url": "x", "headers": {"a": "v 3", "b": 3, "c": True, "d": {"secret": "KEY"}, "e": 1}}


def test_an_object_for_a_header_inside_a_text_is_only_text() -> None:
    rendered: Any = render_config("http", {"headers": {"X-Key": "v ${{ input.h }}"}}, SCOPE)
    assert rendered["headers"]["X-Key"] == f"v {json.dumps(NAMED)}"


def test_the_name_of_a_secret_is_never_evaluated() -> None:
    config = {
        "headers": {"X-Key": {"secret": "${{ input.name }}", "prefix": "${{ input.n }}"}},
        "auth": {"bearer": "${{ input.name }}"},
    }
    assert render_config("http", config, SCOPE) == config
    assert render_config("tool", {"name": "web_fetch", "auth": config["auth"]}, SCOPE) == {
        "name": "web_fetch",
        "auth": config["auth"],
    }


@pytest.mark.parametrize(
    ("http", "code"),
    [
        ({"headers": {"x": {"secret": "${{ input.h }}"}}}, "expression_not_allowed"),
        ({"headers": {"x": {"secret": "KEY", "prefix": "${{ 1 }}"}}}, "expression_not_allowed"),
        ({"headers": {"x": {"secret": ["KEY"]}}}, "wrong_type"),
        ({"auth": {"bearer": "${{ input.h }}"}}, "bad_name"),
        ({"auth": {"basic": {"username": "u", "password": "${{ input.h }}"}}}, "bad_name"),
        ({"auth": {"basic": {"username": "${{ input.h }}", "password": "KEY"}}}, "expression_not_allowed"),
    ],
)
def test_the_checker_refuses_a_computed_name(http: dict[str, Any], code: str) -> None:
    assert code in codes(**http)


def test_a_runner_gives_a_workflow_only_the_secrets_that_it_declares() -> None:
    secrets = secrets_of(declared="MINE", lends_environment=True)
    assert secrets("MINE") == "m"
    with pytest.raises(StepFailed) as refused:
        secrets("THEIRS")
    assert (refused.value.code, refused.value.retryable) == ("secret_not_declared", False)


def test_a_runner_that_lends_nothing_keeps_its_environment_to_itself() -> None:
    secrets = secrets_of(declared="MINE", lends_environment=False)
    with pytest.raises(StepFailed) as refused:
        secrets("MINE")
    assert refused.value.code == "secret_missing"
    assert not secrets.environment.get("OPENAI_API_KEY")
    assert secrets.environment["PATH"] == "/bin"


def secrets_of(*, declared: str, lends_environment: bool) -> FrameSecrets:
    """The secrets of a workflow that declares one, on a runner that has it and others."""
    environment = {
        "AGENTPLANE_SECRET_MINE": "m",
        "AGENTPLANE_SECRET_THEIRS": "t",
        "OPENAI_API_KEY": "k",
        "PATH": "/bin",
    }
    nothing: Any = None  # neither is used before the first step
    engine = Engine(
        db=nothing,
        doorbell=nothing,
        handlers={},
        policy=Policy(owner="t", lends_environment=lends_environment),
        http=HttpPolicy(),
        environment=environment,
    )
    return FrameSecrets(engine, nothing, frozenset({declared}))
