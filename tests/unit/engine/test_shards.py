"""Long lists in shards: how they are cut, what each shard does, and what belongs to all of them."""

from decimal import Decimal

import pytest

from functions.shared.engine.for_each import slices
from functions.shared.engine.interpreter import Outcome
from functions.shared.engine.planner import Memo, Shard, Wait
from tests.unit.engine.drive import WORK, Fails, after, cost, done, play, started, statuses, workflow

LIST = {"input": {"list": "array"}}
MANY = list(range(450))


def each(items: object = "input.list", **more: object) -> dict[str, object]:
    return {"for_each": items, **WORK, **more}


def test_a_long_list_is_spread_over_shards_that_share_max_parallel() -> None:
    planned = after(workflow({"a": each(max_parallel=8)}, **LIST), input={"list": MANY})
    wait = planned.open[0]
    assert (wait.kind, wait.path, planned.start) == ("shards", "a", ())
    assert [(shard.start, shard.stop) for shard in wait.shards] == [
        (0, 90),
        (90, 180),
        (180, 270),
        (270, 360),
        (360, 450),
    ]
    assert [shard.max_parallel for shard in wait.shards] == [2, 2, 2, 1, 1]


@pytest.mark.parametrize(("count", "parallel"), [(201, 2), (10_000, 100), (1_601, 3), (999, 16)])
def test_shards_cover_every_item_once_and_share_all_of_max_parallel(count: int, parallel: int) -> None:
    shards = slices("a", count, parallel)
    assert [index for shard in shards for index in range(shard.start, shard.stop)] == list(range(count))
    assert sum(shard.max_parallel for shard in shards) == parallel
    assert len(shards) <= 16


def test_sequential_lists_and_short_ones_run_inline() -> None:
    assert started(after(workflow({"a": each(max_parallel=1)}, **LIST), input={"list": MANY})) == ["a[0]"]
    assert after(workflow({"a": each()}, **LIST), input={"list": MANY[:200]}).open == ()


def test_a_shard_plans_only_its_slice_and_ends_with_it() -> None:
    compiled = workflow({"a": each(), "b": WORK}, **LIST)
    shard = Shard("a", 2, 4, 1)
    planned = after(compiled, shard=shard, input={"list": MANY})
    assert started(planned) == ["a[2]"]
    assert planned.finish is None
    end = after(compiled, done("a[2]", parent="a"), done("a[3]", parent="a"), shard=shard, input={"list": MANY})
    assert end.finish is not None
    assert end.finish.status == "succeeded"


def test_a_shard_inside_an_item_sees_the_scopes_around_it() -> None:
    body = {"x": {"transform": "${{ item }}"}, "a": {"for_each": "input.list", "transform": "placeholder"}}
    body["a"] = {
        "for_each": "input.list",
        "tool": {"name": "web_fetch", "with": {"url": "${{ item }}${{ steps.x.output }}"}},
    }
    compiled = workflow({"g": {"for_each": ["p", "q"], "steps": body}}, **LIST)
    planned = after(compiled, done("g[1].x", "q", parent="g[1]"), shard=Shard("g[1].a", 0, 1, 1), input={"list": MANY})
    assert planned.start[0].path == "g[1].a[0]"
    assert planned.start[0].config["with"] == {"url": "0q"}


def test_a_failed_item_fails_its_shard_and_the_step() -> None:
    outcome = play({"a": each()}, {"a[300]": Fails()}, given={"list": MANY}, top=LIST)
    assert outcome.error == {"code": "boom", "message": "a[300] broke", "path": "a[300]"}


def test_the_first_failed_shard_ends_the_step_and_asks_the_others_to_stop() -> None:
    error = {"code": "boom", "message": "a[300] broke", "path": "a[300]"}
    answered = Wait("t", "shards", "a", "a", answered=True, outcome="failed", payload=error)
    planned = after(workflow({"a": each()}, **LIST), waits=(answered,), input={"list": MANY})
    assert planned.close == ("t",)
    assert planned.finish is not None
    assert planned.finish.error == error


def test_items_that_shards_recorded_are_loaded_once_and_collected() -> None:
    compiled = workflow({"a": each()}, **LIST)
    answered = (Wait("t", "shards", "a", "a", answered=True, outcome="answered"),)
    memo = Memo()
    facts = {"waits": answered, "input": {"list": MANY}}
    assert after(compiled, **facts).load == ("a",)
    items = [done(f"a[{index}]", index, parent="a") for index in range(450)]
    assert after(compiled, *items, **facts).record[0].output == MANY
    assert memo.loaded == set()


def test_a_long_list_gives_the_same_in_shards_as_inline() -> None:
    results = {"a": lambda start: start.path, "a[7]": Fails()}
    spread = play({"a": each(on_item_error="continue")}, results, given={"list": MANY}, top=LIST)
    inline = play({"a": each(on_item_error="continue", max_parallel=1)}, results, given={"list": MANY}, top=LIST)
    assert spread.records["a"] == inline.records["a"]


def test_a_cancelled_shard_stops_its_items() -> None:
    compiled = workflow({"a": each()}, **LIST)
    planned = after(
        compiled, shard=Shard("a", 0, 3, 2), running={"a[0]": 1, "a[1]": 1}, input={"list": MANY}, cancel="cancelled"
    )
    assert planned.stop == ("a[0]", "a[1]")
    assert planned.finish is not None
    assert planned.finish.status == "cancelled"


# Winding down

BODY = {"a": WORK, "b": {"needs": ["a"], **WORK}, "release": {"needs": ["b"], "requires": "ended", **WORK}}
GROUPS = {"g": {"for_each": "input.list", "steps": BODY}}
BEGUN = (done("g[7].a", parent="g[7]"), done("g[300].a", parent="g[300]"), done("g[2]", parent="g", kind="item"))


def shards_of(path: str, **more: object) -> Wait:
    return Wait("t", "shards", path, path, **more)


@pytest.mark.parametrize("is_answered", [False, True])
def test_what_shards_have_begun_is_wound_down_by_them_and_not_by_the_root(is_answered: bool) -> None:
    wait = shards_of("g", answered=True, outcome="answered") if is_answered else shards_of("g")
    planned = after(workflow(GROUPS, **LIST), *BEGUN, waits=(wait,), input={"list": MANY}, cancel="cancelled")
    assert started(planned) == []
    assert [(record.path, record.status) for record in planned.record] == [("g", "cancelled")]
    assert planned.close == (() if is_answered else ("t",))
    assert planned.finish is not None
    assert planned.finish.status == "cancelled"


def test_a_failure_beside_a_list_in_shards_leaves_its_items_to_them() -> None:
    compiled = workflow({"other": WORK, **GROUPS, "last": {"requires": "ended", "needs": ["g"], **WORK}}, **LIST)
    broken = done("other", status="failed", error={"code": "boom", "message": "no"})
    planned = after(compiled, broken, *BEGUN, waits=(shards_of("g"),), input={"list": MANY})
    assert [(record.path, record.status) for record in planned.record] == [("g", "cancelled")]
    assert planned.close == ("t",)
    assert started(planned) == ["last"]


@pytest.mark.parametrize("at", ["g", "outer.g", "outer[1].g"])
def test_a_list_in_shards_deeper_down_is_left_to_them_too(at: str) -> None:
    outer = {"steps": GROUPS, **({"for_each": [1, 2]} if "[" in at else {})}
    compiled = workflow(GROUPS if at == "g" else {"outer": outer}, **LIST)
    begun = done(f"{at}[7].a", parent=f"{at}[7]")
    planned = after(compiled, begun, waits=(shards_of(at),), input={"list": MANY}, cancel="timed_out")
    assert started(planned) == []
    assert planned.close == ("t",)
    assert not [record for record in planned.record if record.path.startswith(f"{at}[")]


def test_a_shard_winds_down_its_own_items_and_not_those_that_a_retry_carried_for_others() -> None:
    compiled = workflow(GROUPS, **LIST)
    shard = Shard("g", 0, 90, 2)
    planned = after(compiled, *BEGUN, shard=shard, input={"list": MANY}, cancel="cancelled")
    assert started(planned) == ["g[7].release"]
    end = after(
        compiled,
        *BEGUN,
        *planned.record,
        done("g[7].release", parent="g[7]"),
        shard=shard,
        cancel="cancelled",
        input={"list": MANY},
    )
    assert [record.path for record in end.record] == ["g[7]"]
    assert end.finish is not None


def test_a_failed_item_of_a_shard_ends_no_items_of_the_others() -> None:
    broken = done("g[8]", parent="g", kind="item", status="failed", error={"code": "boom", "message": "no"})
    planned = after(workflow(GROUPS, **LIST), *BEGUN, broken, shard=Shard("g", 7, 90, 2), input={"list": MANY})
    assert started(planned) == ["g[7].release"]
    assert {record.path for record in planned.record} == {"g[7].b"}


# limits.max_steps


def limited(most: int, steps: dict[str, object], count: int = 300) -> Outcome:
    top = {**LIST, "limits": {"max_steps": most}}
    return play(steps, given={"list": list(range(count))}, top=top)


@pytest.mark.parametrize("policy", ["fail", "continue"])
def test_more_items_than_steps_are_left_are_refused_before_any_shard_begins(policy: str) -> None:
    outcome = limited(300, {"first": WORK, "each": each(needs=["first"], on_error=policy)})
    assert outcome.started == ["first"]
    assert outcome.error is not None
    assert (outcome.error["code"], outcome.error["path"]) == ("too_many_steps", "each")
    assert limited(301, {"first": WORK, "each": each(needs=["first"])}).status == "succeeded"


PAIR = {"for_each": "input.list", "steps": {"a": WORK, "b": WORK}}


@pytest.mark.parametrize("policy", ["fail", "continue"])
def test_shards_of_groups_share_the_steps_that_are_left(policy: str) -> None:
    steps = {"first": WORK, "each": {"needs": ["first"], "on_error": policy, "on_item_error": policy, **PAIR}}
    outcome = limited(450, steps)
    assert outcome.error is not None
    assert outcome.error["code"] == "too_many_steps"
    assert len(outcome.started) <= 450
    assert statuses(limited(601, steps))["each"] == "succeeded"


def test_each_shard_ends_at_its_part_of_the_steps() -> None:
    compiled = workflow({"each": PAIR}, **LIST, limits={"max_steps": 301})
    facts = {"shard": Shard("each", 100, 200, 1), "input": {"list": list(range(300))}}
    items = [done(f"each[{at}]", parent="each", kind="item", details={"steps": 2}) for at in (*range(149), 250)]
    assert started(after(compiled, *items, **facts)) == ["each[149].a", "each[149].b"]
    over = after(compiled, *items, done("each[149]", parent="each", kind="item", details={"steps": 2}), **facts)
    assert over.finish is not None
    assert over.finish.error is not None
    assert (over.finish.error["code"], over.finish.error["fatal"]) == ("too_many_steps", "")


# budget_usd


def budgeted(usd: float, each_usd: str, **more: object) -> Outcome:
    body = {"first": WORK, "each": each(needs=["first"], on_error="continue", **more)}
    steps = {"g": {"budget_usd": usd, "on_error": "continue", "steps": body}, "last": {"needs": ["g"], **WORK}}
    results = {"g.first": cost("0.50"), "g.each": cost(each_usd)}
    return play(steps, results, given={"list": list(range(300))}, top=LIST)


def test_the_budget_of_a_group_holds_in_shards_below_it() -> None:
    outcome = budgeted(2, "0.01")
    assert statuses(outcome)["g"] == "failed"
    assert outcome.records["g"].error is not None
    assert outcome.records["g"].error["code"] == "budget_exceeded"
    assert outcome.status == "succeeded"
    spent = sum((record.cost_usd or Decimal(0) for record in outcome.records.values()), Decimal(0))
    assert spent <= Decimal("2.03")


def test_what_is_left_of_a_budget_around_is_shared_by_the_items() -> None:
    outcome = budgeted(3.5, "0.01")
    assert statuses(outcome)["g"] == "succeeded"
    assert Decimal(str(outcome.records["g"].details["spent_usd"])) == Decimal("3.5")


def test_a_start_in_a_shard_says_what_is_left_of_its_part() -> None:
    compiled = workflow({"g": {"budget_usd": 4, "steps": {"first": WORK, "each": each()}}}, **LIST)
    spent = [done("g.first", parent="g", cost_usd=Decimal(1)), done("g.each[9]", parent="g.each", cost_usd=Decimal(1))]
    planned = after(compiled, *spent, shard=Shard("g.each", 100, 200, 1), input={"list": list(range(300))})
    assert [(start.path, start.budget_usd) for start in planned.start] == [("g.each[100]", "1.0")]


def test_clean_up_in_shards_runs_on_a_spent_budget() -> None:
    body = {"first": WORK, "second": {"needs": ["first"], **WORK}, "clean": each(requires="ended", needs=["second"])}
    outcome = play(
        {"g": {"budget_usd": 1, "steps": body}},
        {"g.first": cost("2")},
        given={"list": list(range(300))},
        top={**LIST, "limits": {"max_steps": 20}},
    )
    assert len([path for path in outcome.started if path.startswith("g.clean[")]) == 300
    assert outcome.error is not None
    assert outcome.error["code"] == "budget_exceeded"
