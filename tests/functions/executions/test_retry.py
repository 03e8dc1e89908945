from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from functions.executions.keep import choose_kept, endings
from functions.shared.dsl.checker import check
from functions.shared.dsl.compiled import Compiled, compile_document
from functions.shared.errors import InvalidInput
from tests.functions.executions.documents import CODE_FAILS, PLAIN

if TYPE_CHECKING:
    from functions.shared.jsonvalue import JsonObject
    from tests.functions.running import Plane

# The state decides whether it breaks, so that a retry can succeed.
REPAIRED = """\
name: repaired
steps:
  first: {state: {increment: first, component: test}}
  each:
    for_each: [1, 2, 3]
    state: {increment: each, component: test}
  flag: {state: {get: flag, component: test}, on_error: continue}
  breaks:
    needs: [first, each, flag]
    steps:
      inner: {state: {increment: inner, component: test}}
      fails: {needs: [inner], when: "${{ steps.flag.output != 1 }}", fail: not yet}
  last: {needs: [breaks], transform: done}
"""


def _compiled(text: str) -> Compiled:
    checked = check(text)
    assert checked.is_valid, checked.problems
    assert checked.document is not None
    return compile_document(checked.document)


SHAPES = """\
name: shapes
steps:
  a: {transform: 1}
  b: {needs: [a], transform: 1}
  each:
    for_each: [1, 2, 3]
    steps:
      x: {transform: "${{ item }}"}
      y: {needs: [x], transform: 1}
  rounds:
    needs: [b]
    loop: {max: 3}
    steps:
      draft: {transform: 1}
      judge: {needs: [draft], transform: 1}
  c: {needs: [rounds, each], transform: 1}
  aside: {when: "${{ false }}", transform: 1}
  after_aside: {needs: [aside, a], transform: 1}
on_error: {steps: {tell: {emit: {event: broken}}}}
"""
ITEMS = {f"each[{n}]{part}": "succeeded" for n in range(3) for part in ("", ".x", ".y")}
ROUNDS = {f"rounds[{n}]{part}": "succeeded" for n in range(3) for part in ("", ".draft", ".judge")}
ALL = {
    **dict.fromkeys(("a", "b", "each", "rounds", "c", "after_aside"), "succeeded"),
    "aside": "skipped",
    "on_error.tell": "succeeded",
    **ITEMS,
    **ROUNDS,
}


@pytest.mark.parametrize(
    ("again", "changes", "dropped"),
    [
        # From a step: it and what depends on it.
        ("c", {}, {"c"}),
        ("b", {}, {"b", "rounds", "c", *ROUNDS}),
        ("a", {}, {"a", "b", "rounds", "c", "after_aside", *ROUNDS}),
        ("each", {}, {"each", "c", *ITEMS}),
        # From inside: the other items and the rounds before stay.
        ("each[1]", {}, {"each", "c", "each[1]", "each[1].x", "each[1].y"}),
        ("each[1].y", {}, {"each", "c", "each[1]", "each[1].y"}),
        ("each.y", {}, {"each", "c", *(f"each[{n}]{part}" for n in range(3) for part in ("", ".y"))}),
        (
            "rounds[1].judge",
            {},
            {"rounds", "c", "rounds[1]", "rounds[1].judge", "rounds[2]", "rounds[2].draft", "rounds[2].judge"},
        ),
        ("rounds.draft", {}, {"rounds", "c", *ROUNDS}),
        # What failed, what was cut off and what never ran.
        (None, {"c": "failed"}, {"c"}),
        (
            None,
            {"each": "failed", "each[2]": "failed", "each[2].y": "failed", "c": None},
            {"each", "each[2]", "each[2].y"},
        ),
        (
            None,
            {"rounds": "cancelled", "rounds[2]": None, "rounds[2].judge": "cancelled", "c": None},
            {"rounds", "rounds[2].judge"},
        ),
        (None, {"a": "failed"}, {"a", "b", "rounds", "c", "after_aside", *ROUNDS}),
    ],
)
def test_what_succeeded_is_kept_unless_its_inputs_change(
    again: str | None, changes: dict[str, str | None], dropped: set[str]
):
    records = {path: status for path, status in {**ALL, **changes}.items() if status is not None}
    kept = choose_kept(_compiled(SHAPES), records, again)
    assert len(kept) == len(set(kept))
    assert set(kept) == {path for path, status in records.items() if status == "succeeded"} - dropped - {
        "on_error.tell"
    }


UNTIDY = """\
name: untidy
steps:
  open: {state: {increment: open, component: test}}
  breaks: {needs: [open], when: "${{ steps.open.output == 1 }}", fail: not yet}
  use: {needs: [open], state: {increment: use, component: test}}
  close: {needs: [use], requires: ended, state: {increment: close, component: test}}
"""


@pytest.mark.parametrize(
    ("reason", "is_kept"), [("stopped", False), ("cancelled", False), ("when_false", True), ("needs_skipped", True)]
)
def test_clean_up_is_kept_unless_a_stop_was_why_its_need_never_ran(reason: str, is_kept: bool):
    records: list[JsonObject] = [
        {"path": "open", "status": "succeeded", "reason": None},
        {"path": "breaks", "status": "failed", "reason": None},
        {"path": "use", "status": "skipped", "reason": reason},
        {"path": "close", "status": "succeeded", "reason": None},
    ]
    document = _compiled(UNTIDY)
    assert ("close" in choose_kept(document, endings(records), None)) is is_kept


async def test_a_retry_cleans_up_again_behind_what_a_failure_had_stopped(plane: Plane):
    await plane.store(UNTIDY)
    failed = await plane.start("untidy", wait=20)
    assert failed["status"] == "failed"
    path = f"/api/executions/{failed['id']}"
    before = {step["path"]: step["status"] for step in (await plane.get(f"{path}/steps"))["data"]}
    assert before == {"open": "succeeded", "breaks": "failed", "use": "skipped", "close": "succeeded"}
    await plane.agent.post(f"{path}/retry", json={}, headers={"Prefer": "wait=20"})
    steps = {step["path"]: step for step in (await plane.get(f"{path}/steps"))["data"]}
    assert (steps["open"]["is_carried"], steps["close"]["is_carried"]) == (True, False)


def test_a_step_that_is_not_there_is_refused_with_the_nearest_one():
    with pytest.raises(InvalidInput) as caught:
        choose_kept(_compiled(SHAPES), ALL, "rounds.drft")
    assert caught.value.errors[0].did_you_mean == "rounds.draft"


async def test_a_retry_keeps_what_succeeded_and_runs_the_rest_again(plane: Plane):
    await plane.store(REPAIRED)
    failed = await plane.start("repaired", wait=20)
    assert (failed["status"], failed["error"]["path"]) == ("failed", "breaks.fails")
    await plane.agent.post("/api/executions", json={})  # another request in between changes nothing
    path = f"/api/executions/{failed['id']}"

    answer = await plane.agent.post(f"{path}/retry", json={}, headers={"Prefer": "wait=20"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["status"], answer.json()["gen"]) == ("failed", 1)
    steps = {step["path"]: step for step in (await plane.get(f"{path}/steps"))["data"]}
    assert steps["first"]["is_carried"]
    assert steps["each[1]"]["is_carried"]
    assert steps["breaks.inner"]["is_carried"]
    assert not steps["breaks.fails"]["is_carried"]
    counted = await plane.org.connection.fetch(
        "select key, value #>> '{}' as value from plane.state where org_id = $1 and component = 'test'", plane.org.id
    )
    assert {row["key"]: row["value"] for row in counted} == {"first": "1", "each": "3", "inner": "1"}

    again = await plane.agent.post(f"{path}/retry", json={"from": "first"}, headers={"Prefer": "wait=20"})
    assert (again.json()["status"], again.json()["gen"]) == ("failed", 2)
    counted = await plane.org.connection.fetch(
        "select key, value #>> '{}' as value from plane.state where org_id = $1 and component = 'test'", plane.org.id
    )
    assert {row["key"]: row["value"] for row in counted} == {"first": "2", "each": "3", "inner": "2"}


async def test_only_what_ended_badly_is_retried(plane: Plane):
    await plane.store(PLAIN)
    await plane.store(CODE_FAILS)
    good = await plane.start("plain", wait=20, input={"who": "Ada"})
    answer = await plane.agent.post(f"/api/executions/{good['id']}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "already_succeeded")
    bad = await plane.start("fragile", wait=20, input={"go": True})
    unknown = await plane.agent.post(f"/api/executions/{bad['id']}/retry", json={"from": "brakes"})
    assert unknown.status_code == 422
    assert unknown.json()["errors"][0]["did_you_mean"] == "breaks"


async def test_a_queued_execution_is_not_retried(still_plane: Plane):
    await still_plane.store(PLAIN)
    execution = await still_plane.start("plain", input={"who": "Ada"})
    answer = await still_plane.agent.post(f"/api/executions/{execution['id']}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "still_running")
