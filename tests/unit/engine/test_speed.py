"""The work of a plan grows with the live records, not with their square."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from functions.shared.dsl.compiled import Compiled
from tests.unit.engine.drive import WORK, play, workflow

LIST: dict[str, Any] = {"input": {"list": "array"}}


def best(run: Callable[[], object]) -> float:
    """The fastest of three, in seconds: what else the machine does must not matter."""
    times: list[float] = []
    for _ in range(3):
        began = perf_counter()
        run()
        times.append(perf_counter() - began)
    return min(times)


def each(count: int, compiled: Compiled) -> Callable[[], object]:
    return lambda: play(compiled, given={"list": [0] * count})


def loop(rounds: int) -> Callable[[], object]:
    body = {"x": WORK, "y": {"transform": "${{ steps.x.output.at }}"}}
    compiled = workflow(
        {"l": {"loop": {"max": rounds, "until": "loop.index < 0"}, "steps": body}}, limits={"max_steps": 99_999}
    )
    return lambda: play(compiled)


def test_a_list_of_two_hundred_items_takes_well_under_a_second() -> None:
    assert best(each(200, workflow({"e": {"for_each": "input.list", **WORK}}, **LIST))) < 0.5


def test_a_loop_of_a_thousand_rounds_takes_a_second_or_two() -> None:
    assert best(loop(1_000)) < 3


def test_twice_as_many_rounds_take_nowhere_near_four_times_as_long() -> None:
    assert best(loop(800)) < 3.5 * best(loop(400))


def test_ten_thousand_transforms_are_decided_in_one_plan() -> None:
    compiled = workflow(
        {"e": {"for_each": "input.list", "transform": "${{ item }}"}}, limits={"max_steps": 99_999}, **LIST
    )
    assert best(each(10_000, compiled)) < 3
