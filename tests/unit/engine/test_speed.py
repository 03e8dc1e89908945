"""The work of a plan grows with the live records, not with their square: calls are counted, not seconds."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from functions.shared.dsl.compiled import Compiled
from functions.shared.engine.plan import Start
from functions.shared.engine.planner import Facts, Memo, Record, plan
from functions.shared.engine.tally import Tally
from functions.shared.jsonvalue import JsonObject
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


class Counted(dict[str, Record]):
    """Records that count how often somebody looks one up."""

    looked_up = 0

    def get(self, key: str, default: Any = None) -> Any:
        self.looked_up += 1
        return super().get(key, default)


def looked_up(compiled: Compiled, count: int, given: JsonObject, end: Callable[[list[str]], str]) -> list[int]:
    """Run with one memo, one result a plan as an owner does; answers the look-ups of each plan. `end` picks a start."""
    records, running, memo, each_plan = Counted(), dict[str, Start](), Memo(), list[int]()
    for ended in range(count):
        records.looked_up = 0
        planned = plan(
            compiled, Facts(given, records=records, running=attempts(running), tally=Tally(ended, ended)), memo
        )
        each_plan.append(records.looked_up)
        records.update({record.path: record for record in planned.record})
        running.update({start.path: start for start in planned.start})
        start = running.pop(end(list(running)))
        records[start.path] = Record(start.path, start.parent, start.kind, "succeeded", output=1)
    return each_plan


def attempts(running: dict[str, Start]) -> dict[str, int]:
    return {path: start.attempt for path, start in running.items()}


def test_a_plan_of_steps_in_a_row_looks_at_a_few_records_however_many_there_are() -> None:
    steps = {f"s{at}": {**WORK, **({"needs": [f"s{at - 1}"]} if at else {})} for at in range(1_000)}
    first, *rest = looked_up(workflow(steps), 1_000, {}, lambda paths: paths[0])
    assert first <= 3 * 1_000  # once for each owner
    assert max(rest) <= 20


def test_a_plan_of_a_for_each_looks_at_a_few_records_however_many_there_are() -> None:
    compiled = workflow({"e": {"for_each": "input.list", "max_parallel": 1, **WORK}}, **LIST)
    assert max(looked_up(compiled, 1_000, {"list": [0] * 1_000}, lambda paths: paths[0])) <= 20


def test_an_item_that_takes_long_makes_no_plan_look_at_all_the_others() -> None:
    compiled = workflow({"e": {"for_each": "input.list", "max_parallel": 4, **WORK}}, **LIST)
    assert max(looked_up(compiled, 190, {"list": [0] * 200}, lambda paths: paths[-1])) <= 40


def test_a_plan_of_a_loop_looks_at_a_few_records_however_many_rounds_there_were() -> None:
    compiled = workflow({"l": {"loop": {"max": 1_000, "until": "loop.index < 0"}, "steps": {"x": WORK}}})
    assert max(looked_up(compiled, 900, {}, lambda paths: paths[0])) <= 40


def test_a_step_is_not_blocked_by_a_need_that_ended_before() -> None:
    """What waited for one need after the other begins with the last, whatever order they end in."""
    steps = {"a": WORK, "b": WORK, "c": WORK, "last": {**WORK, "needs": ["a", "b", "c"]}}
    for order in (["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]):
        compiled, memo, records = workflow(steps), Memo(), dict[str, Record]()
        running = dict.fromkeys(order, 1)
        started = [start.path for start in plan(compiled, Facts({}), memo).start]
        assert sorted(started) == sorted(order)
        for name in order:
            del running[name]
            records[name] = Record(name, "", "code", "succeeded")
            started = [start.path for start in plan(compiled, Facts({}, records=records, running=running), memo).start]
            assert started == ([] if running else ["last"])
