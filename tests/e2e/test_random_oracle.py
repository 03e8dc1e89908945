"""The planner against the oracle on random documents in random schedules; and oracles that are wrong in one rule."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, event, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from functions.shared.dsl.checker import check
from functions.shared.dsl.compiled import compile_document
from functions.shared.engine.interpreter import Answer, LeafResult, Stuck, run_in_memory
from tests.e2e.oracle import ASKS, SOMEBODY, Expected, Oracle, Result, differences, masked
from tests.e2e.random_documents import CHILDREN, FAILS, GIVES_UP, Document, documents, features
from tests.e2e.wrong_oracles import WRONG_ORACLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.shared.engine.plan import Open, Start

EXAMPLES = int(os.environ.get("AGENTPLANE_RANDOM_EXAMPLES", "200"))
INPUT: Document = {"numbers": [3, 1, 2]}
BY_NAME = {child["name"]: child for child in CHILDREN}


def planned(document: Document, seed: int) -> Expected:
    """Run the engine's own planner over the document in memory, in a schedule of its own."""
    compiled = compile_document(document)
    chance = random.Random(seed)
    outcome = run_in_memory(compiled, INPUT, _work, _answer, choose=lambda paths: chance.randrange(len(paths)))
    results = {path: Result(record.status, masked(record.output)) for path, record in outcome.records.items()}
    return Expected(outcome.status, masked(outcome.output), results)


def _work(start: Start) -> LeafResult:
    python = start.config["python"]
    inputs: Any = start.config.get("inputs")
    if isinstance(python, str) and python.startswith(ASKS):
        return _ask(python.removeprefix(ASKS).rstrip("'"), start)
    fails = python in (FAILS, GIVES_UP) or (python == "result = 'fails at 7'" and inputs["item"] == 7)
    return LeafResult(error={"code": "boom", "message": ""}) if fails else LeafResult(start.path)


def _ask(said: str, start: Start) -> LeafResult:
    if start.answers:
        answer = start.answers[-1]
        return LeafResult([start.path, answer["outcome"], SOMEBODY if answer["decided_by"] else None])
    who, _, on_timeout = said.partition(" ")
    return LeafResult(asks={"message": who, "on_timeout": on_timeout or "fail"})


def _answer(wait: Open) -> Answer:
    match wait.kind:
        case "approval" if wait.data["message"] == "nobody":
            return Answer("timed_out")
        case "approval":
            outcome = str(wait.data["message"])
            return Answer(outcome, {"outcome": outcome, "form": {}, "decided_by": SOMEBODY})
        case "event":
            return Answer("timed_out") if wait.name.startswith("never") else Answer("answered", wait.name)
        case "child":
            assert wait.child is not None
            called = Oracle(BY_NAME[wait.child.ref], BY_NAME, wait.child.input).run()
            if called.status == "failed":
                return Answer("failed", {"code": "boom"})
            return Answer("answered", called.output)
        case _:
            return Answer("timed_out")


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(document=documents(), seed=st.integers(0, 2**32))
def test_random_documents_come_to_what_the_language_says(document: Document, seed: int) -> None:
    assert check(document).workflow is not None
    expected = Oracle(document, BY_NAME, INPUT).run()
    event(expected.status)
    for feature in sorted(features(document)):
        event(feature)
    assert differences(expected, planned(document, seed)) == []


@pytest.mark.parametrize("wrong", WRONG_ORACLES)
def test_an_oracle_that_is_wrong_in_one_rule_is_found_out(wrong: type[Oracle]) -> None:
    assert _finds_a_difference(wrong), "the comparison is blind to this rule"


@pytest.mark.parametrize(
    ("rule", "mutant"),
    [
        ("functions.shared.engine.walk.reason_to_skip", lambda *_: None),
        ("functions.shared.engine.walk.is_failure", lambda *_: False),
        ("functions.shared.engine.loop.is_met", lambda *_: True),
    ],
)
def test_an_engine_that_is_wrong_in_one_rule_is_found_out(
    rule: str, mutant: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule, mutant)  # a mutation, not a stand-in: the comparison must not survive it
    assert _finds_a_difference(Oracle), "the comparison is blind to this rule"


def _finds_a_difference(oracle: type[Oracle]) -> bool:
    def is_seen(document: Document) -> bool:
        try:
            found = planned(document, 0)
        except Stuck:
            return True
        return differences(oracle(document, BY_NAME, INPUT).run(), found) != []

    quick = settings(
        max_examples=2000,
        derandomize=True,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    try:
        find(documents(), is_seen, settings=quick)
    except NoSuchExample:
        return False
    return True
