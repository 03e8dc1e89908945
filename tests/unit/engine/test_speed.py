"""The work of a plan grows with the live records, not with their square: calls are counted, not seconds."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from functions.shared.dsl.compiled import Compiled
from tests.unit.engine.drive import WORK, play, workflow

LIST: dict[str, Any] = {"input": {"list": "array"}}
NEARLY_LINEAR = 2.6  # times the calls for twice the work; four would be its square


def calls(run: Callable[[], object]) -> int:
    """How many Python functions a run enters."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count


def each(count: int, compiled: Compiled) -> Callable[[], object]:
    return lambda: play(compiled, given={"list": [0] * count})


def loop(rounds: int) -> Callable[[], object]:
    body = {"x": WORK, "y": {"transform": "${{ steps.x.output.at }}"}}
    compiled = workflow(
        {"l": {"loop": {"max": rounds, "until": "loop.index < 0"}, "steps": body}}, limits={"max_steps": 99_999}
    )
    return lambda: play(compiled)


def test_twice_as_many_items_are_about_twice_the_work() -> None:
    compiled = workflow({"e": {"for_each": "input.list", **WORK}}, **LIST)
    calls(each(10, compiled))  # what is compiled once is not counted
    assert calls(each(160, compiled)) < NEARLY_LINEAR * calls(each(80, compiled))


def test_twice_as_many_rounds_are_well_under_four_times_the_work() -> None:
    """A round looks at the ones before it, at a call or two each; loops end at a thousand."""
    calls(loop(10))
    assert calls(loop(400)) < 3.2 * calls(loop(200))


def test_twice_as_many_transforms_are_about_twice_the_work() -> None:
    compiled = workflow(
        {"e": {"for_each": "input.list", "transform": "${{ item }}"}}, limits={"max_steps": 99_999}, **LIST
    )
    calls(each(10, compiled))
    assert calls(each(2_000, compiled)) < NEARLY_LINEAR * calls(each(1_000, compiled))
