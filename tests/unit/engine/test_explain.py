"""Why an execution went as it did, from the rows of its steps."""

from datetime import UTC, datetime, timedelta
from typing import Any

from functions.shared.engine.explain import explain
from tests.unit.engine.drive import WORK, Fails, play, workflow

BEGAN = datetime(2027, 1, 1, tzinfo=UTC)


def row(path: str, start: float, stop: float, kind: str = "code", **more: Any) -> dict[str, Any]:
    """A step that began and ended so many milliseconds after the execution."""
    times = {
        "started_at": (BEGAN + timedelta(milliseconds=start)).isoformat(),
        "ended_at": (BEGAN + timedelta(milliseconds=stop)).isoformat(),
    }
    return {"path": path, "kind": kind, "status": "succeeded", "attempts": 1, "details": {}, **times, **more}


def paths(explained: Any) -> list[str]:
    return [entry["path"] for entry in explained["critical_path"]]


def rows_of(steps: dict[str, Any], results: dict[str, Any] | None = None, **top: Any) -> Any:
    """Explain a real run; its times are all the same."""
    compiled = workflow(steps, **top)
    outcome = play(compiled, results)
    rows = [
        row(record.path, 0, 1, record.kind, status=record.status, details=record.details, error=record.error)
        for record in outcome.records.values()
    ]
    decisions = explain(compiled, rows)["decisions"]
    assert isinstance(decisions, list)
    return {(entry["path"], entry["code"]): entry for entry in decisions if isinstance(entry, dict)}


def test_the_critical_path_follows_the_needs_that_ended_last() -> None:
    compiled = workflow({"a": WORK, "b": WORK, "c": {"needs": ["a", "b"], **WORK}, "d": {"needs": ["a"], **WORK}})
    explained = explain(compiled, [row("a", 0, 100), row("b", 0, 300), row("c", 300, 400), row("d", 100, 150)])
    assert explained["critical_path"] == [
        {"path": "b", "kind": "code", "ms": 300.0, "share": 0.75},
        {"path": "c", "kind": "code", "ms": 100.0, "share": 0.25},
    ]
    assert explained["critical_ms"] == 400.0


def test_the_critical_path_goes_into_groups_rounds_and_items() -> None:
    body = {"x": WORK, "y": {"needs": ["x"], **WORK}}
    compiled = workflow(
        {
            "l": {"loop": {"max": 2}, "steps": body},
            "e": {"needs": ["l"], "for_each": [1, 2, 3], "max_parallel": 2, **WORK},
        }
    )
    rows = [
        *(row(f"l[{n}].{name}", n * 20 + at, n * 20 + at + 10) for n in (0, 1) for name, at in (("x", 0), ("y", 10))),
        *(row(f"l[{n}]", n * 20 + 20, n * 20 + 20, "round") for n in (0, 1)),
        row("l", 40, 40, "loop", details={"exhausted": True, "rounds": 2}),
        row("e[0]", 40, 100),
        row("e[1]", 40, 60),
        row("e[2]", 60, 130),
        row("e", 130, 130, "for_each"),
    ]
    assert paths(explain(compiled, rows)) == ["l[0].x", "l[0].y", "l[1].x", "l[1].y", "e[1]", "e[2]"]


def test_an_execution_that_still_runs_can_be_explained() -> None:
    compiled = workflow({"g": {"steps": {"x": WORK, "y": {"needs": ["x"], **WORK}}}})
    running = {"path": "g.y", "kind": "code", "status": "running", "attempts": 1}
    assert paths(explain(compiled, [row("g.x", 0, 10), running])) == ["g.x"]
    assert explain(compiled, [])["critical_path"] == []


def test_the_slowest_step_is_one_that_worked() -> None:
    compiled = workflow({"a": WORK, "ok": {"approval": {"message": "ok?"}}})
    slowest = explain(compiled, [row("a", 0, 30), row("ok", 0, 90_000, "approval")])["slowest"]
    assert slowest == {"path": "a", "kind": "code", "ms": 30.0, "share": 1.0}


def test_skips_and_conditions_say_why() -> None:
    found = rows_of(
        {
            "a": {"when": "1 == 1", **WORK},
            "b": {"when": "1 == 2", **WORK},
            "c": {"needs": ["b"], **WORK},
            "d": {"needs": ["a", "c"], **WORK},
        }
    )
    assert found["a", "when_true"]["message"] == "its condition held: 1 == 1"
    assert found["b", "when_false"]["decision"] == "skipped"
    assert found["c", "needs_skipped"]["message"] == "none of its needs ran: b"
    assert found["d", "join"]["message"] == "it requires some of its needs: a ran, though c did not"


def test_failures_clean_up_and_error_steps_say_why() -> None:
    steps = {
        "a": {"on_error": "continue", **WORK},
        "b": {"needs": ["a"], **WORK},
        "c": {"needs": ["b"], **WORK},
        "z": {"needs": ["b"], "requires": "ended", **WORK},
    }
    found = rows_of(steps, {"a": Fails("first"), "b": Fails("second")}, on_error={"steps": {"told": WORK}})
    assert found["a", "first"]["decision"] == "continued"
    assert found["b", "second"]["decision"] == "failed"
    assert found["c", "stopped"]["message"] == "b failed"
    assert found["z", "needs_ended"]["decision"] == "ran"
    assert found["on_error.told", "on_error"]["message"] == "the execution had failed"


def test_loops_and_lists_say_how_they_ended() -> None:
    found = rows_of(
        {
            "l": {"loop": {"max": 3, "until": "loop.index == 1"}, "steps": {"x": WORK}},
            "m": {"loop": {"max": 2}, "steps": {"x": WORK}},
            "e": {"for_each": [1, 2], "on_item_error": "continue", **WORK},
        },
        {"e[0]": Fails()},
    )
    assert found["l", "until_met"]["message"] == "after 2 rounds its condition held: loop.index == 1"
    assert found["m", "max_reached"]["message"] == "it reached its most, 2 rounds"
    assert found["e", "for_each"]["message"] == "2 items, 1 of them failed"
    assert found["e[0]", "boom"]["decision"] == "continued"


def test_costs_are_added_up_by_step_and_unknown_ones_are_marked() -> None:
    compiled = workflow({"e": {"for_each": [1, 2], **WORK}, "a": WORK, "b": WORK})
    rows = [
        row("e[0]", 0, 1, cost_usd="0.3"),
        row("e[1]", 0, 1, cost_usd="0.3"),
        row("a", 0, 1, cost_usd="0.2"),
        row("b", 0, 1, cost_usd=None, is_cost_unknown=True),
    ]
    assert explain(compiled, rows)["cost_drivers"] == [
        {"path": "e", "steps": 2, "cost_usd": "0.600000000", "share": 0.75, "is_cost_unknown": False},
        {"path": "a", "steps": 1, "cost_usd": "0.200000000", "share": 0.25, "is_cost_unknown": False},
        {"path": "b", "steps": 1, "cost_usd": None, "share": None, "is_cost_unknown": True},
    ]


def test_repeated_steps_tell_their_errors() -> None:
    attempts = [{"attempt": 1, "error": {"code": "http_503", "message": "busy"}, "retry_in_s": 1.0}]
    rows = [row("a", 0, 9, attempts=2, details={"attempts": attempts}), row("b", 0, 1)]
    assert explain(workflow({"a": WORK, "b": WORK}), rows)["retries"] == [
        {"path": "a", "attempts": 2, "wasted": 1, "errors": [{"attempt": 1, "code": "http_503", "message": "busy"}]}
    ]
