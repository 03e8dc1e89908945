"""Paths, back-off, look-ups and the interpreter by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.engine.interpreter import Answer, LeafResult, Stuck, run_in_memory
from functions.shared.engine.paths import address_of, ancestors, index_of, item, join, parent_of, segments
from functions.shared.engine.plan import Start
from functions.shared.engine.retry import RetryPolicy, delay_s
from functions.shared.engine.verification import settle
from tests.unit.engine.drive import WORK, cost, done, play, workflow


def test_paths_are_taken_apart_and_put_together() -> None:
    path = item(join(item(join("", "a"), 1), "b"), 23)
    assert path == "a[1].b[23]"
    assert parent_of(path) == "a[1].b"
    assert list(ancestors(path)) == ["a[1].b", "a[1]", "a"]
    assert segments(path) == [("a", 1), ("b", 23)]
    assert (address_of(path), index_of(path), index_of("a.b")) == ("a.b", 23, None)


@given(st.integers(1, 500), st.floats(0, 1))
def test_back_off_doubles_up_to_its_longest_and_jitter_takes_off_at_most_half(attempt: int, jitter: float) -> None:
    policy = RetryPolicy(max_attempts=500, first_s=0.5, longest_s=30)
    full = min(0.5 * 2.0 ** min(attempt - 1, 60), 30)
    assert full / 2 <= delay_s(policy, attempt, jitter) <= full
    constant = RetryPolicy(backoff="constant", first_s=2)
    assert delay_s(constant, attempt, 0) == 2


LOST = Start("a", "", "http", {}, 2, RetryPolicy(), 60)
LOOK_UP = Start("a", "", "tool", {}, 1, RetryPolicy(), 60, effect="at_most_once", verifies=LOST)


def test_a_look_up_that_finds_the_effect_gives_the_step_its_output() -> None:
    record = settle(LOOK_UP, done("a", {"found": True, "output": {"id": 7}}, kind="tool"))
    assert not isinstance(record, Start)
    assert (record.kind, record.status, record.output, record.attempts) == ("http", "succeeded", {"id": 7}, 1)


def test_a_look_up_over_http_answers_in_its_body() -> None:
    record = settle(LOOK_UP, done("a", {"status": 200, "body": {"found": True, "output": 1}}, kind="tool"))
    assert not isinstance(record, Start)
    assert record.output == 1


def test_a_look_up_that_finds_nothing_starts_the_step_again() -> None:
    assert settle(LOOK_UP, done("a", {"found": False}, kind="tool")) is LOST


@pytest.mark.parametrize(
    "record",
    [
        done("a", {"found": "maybe"}, kind="tool"),
        done("a", kind="tool", status="failed", error={"code": "x", "message": "y"}),
    ],
)
def test_a_look_up_that_does_not_tell_leaves_the_outcome_unknown(record: object) -> None:
    settled = settle(LOOK_UP, record)  # type: ignore[arg-type]
    assert not isinstance(settled, Start)
    assert settled.error is not None
    assert settled.error["code"] == "outcome_unknown"


def test_the_interpreter_plays_any_schedule() -> None:
    outcome = play({"a": WORK, "b": WORK}, choose=lambda candidates: len(candidates) - 1)
    assert outcome.started == ["b", "a"]


def test_the_interpreter_runs_shards_and_adds_up_costs() -> None:
    steps = {"e": {"for_each": "input.list", **WORK}}
    outcome = play(steps, {"e": cost("0.01", 1)}, given={"list": [0] * 300}, top={"input": {"list": "array"}})
    assert outcome.output == {"e": [1] * 300}
    assert outcome.records["e"].details == {"items": 300, "failed": 0, "steps": 300, "spent_usd": "3.00"}


def test_the_interpreter_goes_on_from_the_records_of_an_interrupted_execution() -> None:
    compiled = workflow({"a": WORK, "b": {"needs": ["a"], **WORK}})
    outcome = run_in_memory(compiled, {}, lambda _: LeafResult(2), records=[done("a", 1)])
    assert outcome.started == ["b"]
    assert outcome.output == {"a": 1, "b": 2}


def test_the_interpreter_says_when_it_is_stuck() -> None:
    compiled = workflow({"a": WORK})

    def leaf(start: Start) -> LeafResult:
        raise Stuck(start.path)

    with pytest.raises(Stuck, match="a"):
        run_in_memory(compiled, {}, leaf, lambda _: Answer())
