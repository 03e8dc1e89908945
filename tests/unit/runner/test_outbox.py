"""The queue of what waits to be written."""

from __future__ import annotations

from functions.shared.engine.facts import Record
from functions.shared.engine.outbox import Closed, Decided, Opened, Outbox, checkpoint_payload
from functions.shared.engine.plan import Finish, Start
from functions.shared.engine.results import Ended, Spent
from functions.shared.engine.retry import RetryPolicy


def ended(path: str, size: int = 10) -> Ended:
    start = Start(path, "", "http", {}, 1, RetryPolicy(), 60.0)
    return Ended(start, Record(path, "", "http", "succeeded"), Spent(), 5, size)


def decided(path: str) -> Decided:
    return Decided(Record(path, "", "transform", "succeeded", output=1), 10)


def outbox_of(*items: Ended | Decided | Opened | Closed) -> Outbox:
    outbox = Outbox()
    for item in items:
        outbox.put(item)
    return outbox


def test_a_batch_holds_at_most_64_records_and_keeps_the_order() -> None:
    outbox = outbox_of(*(ended(f"s{number}") for number in range(100)))
    first, results = outbox.take()
    assert ([item.record.path for item in first if isinstance(item, Ended)][:2], len(first), results) == (
        ["s0", "s1"],
        64,
        64,
    )
    second, results = outbox.take()
    assert (len(second), results, bool(outbox.items)) == (36, 100, False)


def test_a_batch_holds_at_most_a_megabyte_but_always_one_item() -> None:
    outbox = outbox_of(ended("small"), ended("large", 4_000_000), ended("other"))
    assert [len(outbox.take()[0]) for _ in range(3)] == [1, 1, 1]


def test_decisions_alone_are_not_urgent_but_results_and_waits_are() -> None:
    assert not outbox_of(decided("a")).is_urgent
    assert outbox_of(decided("a"), ended("b")).is_urgent
    assert outbox_of(Opened({"token": "t"}, 10)).is_urgent
    assert outbox_of(Closed("t")).is_urgent


def test_a_refused_batch_goes_back_to_the_front_and_one_at_a_time_from_then_on() -> None:
    outbox = outbox_of(ended("a"), ended("b"), ended("c"))
    items, _ = outbox.take()
    outbox.give_back(items)
    outbox.put(ended("d"))
    taken = [outbox.take(single=True) for _ in range(4)]
    assert [(item.record.path, results) for (item,), results in taken if isinstance(item, Ended)] == [
        ("a", 1),
        ("b", 2),
        ("c", 3),
        ("d", 4),
    ]


def test_what_was_derived_from_an_unrecordable_result_is_forgotten() -> None:
    outbox = outbox_of(ended("a"), decided("b"), Opened({"token": "t"}, 10), ended("c"))
    outbox.keep_results_only()
    assert [item.record.path for item in outbox.items if isinstance(item, Ended)] == ["a", "c"]
    assert len(outbox.items) == 2


def test_only_results_carry_usage_and_only_an_end_carries_a_finish() -> None:
    address = {"execution_id": "e", "frame": "", "epoch": 1, "seq": 2}
    payload = checkpoint_payload(
        address, [ended("a"), decided("b")], in_flight={}, next_status="running", finish=None, lease_s=30
    )
    rows = payload["records"]
    assert isinstance(rows, list)
    assert [("duration_ms" in row, "cost_usd" in row) for row in rows if isinstance(row, dict)] == [
        (True, False),
        (False, False),
    ]
    assert "finish" not in payload
    finish = Finish("succeeded", {"x": 1})
    payload = checkpoint_payload(address, [], in_flight={}, next_status="done", finish=finish, lease_s=30)
    assert payload["finish"] == {"status": "succeeded", "output": {"x": 1}, "error": None}
