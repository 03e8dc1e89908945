"""How things read, and how what agents send is parted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.pages.shown import shown
from functions.pages.words import actor_name, deadline, label_of, moment, title_of

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("away", "text", "mood"),
    [
        (timedelta(seconds=10), "just now", "soon"),
        (timedelta(minutes=59, seconds=40), "in 1 hour", "soon"),
        (timedelta(hours=3, minutes=59), "in 4 hours", ""),
        (timedelta(hours=23, minutes=50), "in 1 day", ""),
        (timedelta(days=-2), "2 days ago", "late"),
        (timedelta(minutes=-1), "1 minute ago", "late"),
    ],
)
def test_times_are_said_from_now(away: timedelta, text: str, mood: str) -> None:
    said = deadline((NOW + away).isoformat(), NOW)
    assert said is not None
    assert (said.text, said.mood) == (text, mood)


def test_a_time_says_itself_in_full_and_for_programs() -> None:
    said = moment("2026-01-05T09:07:00+02:00", NOW)
    assert said is not None
    assert (said.full, said.iso) == ("5 January 2026, 07:07 UTC", "2026-01-05T07:07:00Z")
    assert moment(None, NOW) is None


@pytest.mark.parametrize(
    ("reason", "title", "text"),
    [
        ("Refund?", "Refund?", ""),
        ("Refund?\nBecause.\n", "Refund?", "Because."),
        ("  \n", "Needs a decision", ""),
        ("word " * 60, "word " * 27 + "word …", ("word " * 60).strip()),
        ("x" * 300, "x" * 140 + " …", "x" * 300),
    ],
)
def test_a_reason_is_parted_into_title_and_text_and_nothing_is_lost(reason: str, title: str, text: str) -> None:
    assert title_of(reason) == (title, text)


def test_names_read_as_words() -> None:
    assert [label_of(each) for each in ("needs_more-work", "a", "", "ALREADY")] == [
        "Needs more work",
        "A",
        "",
        "ALREADY",
    ]
    assert actor_name({"kind": "person", "label": "a@b.c"}) == "a@b.c"
    assert actor_name({"kind": "agent_key", "label": "bot"}) == "Key bot"
    assert actor_name({"kind": "plane", "label": "refund"}) == "Workflow refund"
    assert actor_name(None) == "The plane"


CONTEXT: dict[str, Any] = {
    "deep": {"a": {"b": {"c": {"d": 1}}}},
    "table": [{"x": 1, "y": None}, {"x": True}],
    "list": ["a", 1],
    "mixed": [{"x": [1]}, 2],
    "long": "x" * 2000,
    "zero": 0,
    "no": False,
    "empty": "",
}


def test_context_of_any_shape_is_shown_what_is_brief_first() -> None:
    rows = {row.label: row for row in shown(CONTEXT)}
    assert list(rows) == ["Zero", "No", "Empty", "List", "Table", "Deep", "Long", "Mixed"]
    assert (rows["Zero"].text, rows["No"].text, rows["Empty"].text) == ("0", "No", "(empty)")
    assert rows["Table"].cells == [["1", "—"], ["Yes", "—"]]
    assert rows["Deep"].rows[0].rows[0].rows[0].form == "json"
    assert rows["Mixed"].form == "json"


@pytest.mark.parametrize("value", [None, [], {}])
def test_nothing_is_shown_as_nothing(value: Any) -> None:
    assert shown(value) == []


def test_what_is_cut_says_so() -> None:
    assert shown({"many": list(range(60))})[0].cut == "10 more are not shown"
    assert shown({str(number): number for number in range(60)})[-1].cut == "10 more fields are not shown"


def test_a_context_that_is_no_object_is_shown_too() -> None:
    assert shown("words")[0].text == "words"
