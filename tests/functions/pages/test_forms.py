"""Forms: fields from a schema, and what was posted as JSON again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.pages.forms import PREFIX, Field, fields_of, read

FORM: dict[str, Any] = {
    "title": "string",
    "text": {"type": "string", "default": "one\ntwo"},
    "amount": {"type": "number", "default": 12.5, "min": 0, "max": 100},
    "count": {"type": "integer", "default": 3},
    "pick": {"enum": ["a", 2, None], "default": 2},
    "sure": {"type": "boolean", "default": True},
    "unsure": {"type": "boolean", "optional": True},
    "tags": {"type": "array", "items": "string", "default": ["x", "y"]},
    "any": {"type": "object", "default": {"k": [1]}},
    "address": {"properties": {"street": "string", "zip": {"type": "integer", "default": 10115}}},
    "a/b~c": {"type": "string", "default": "odd name"},
}


def by_label(form: dict[str, Any] = FORM) -> dict[str, Field]:
    return {each.label: each for each in fields_of(form)}


def sent(form: dict[str, Any], **changes: str | None) -> dict[str, str]:
    """What a browser sends when somebody changes these fields, by label, and presses the button."""
    posted: dict[str, str] = {}
    for each in fields_of(form):
        value = changes.get(each.label, "true" if each.is_checked else None if each.control == "check" else each.value)
        if each.control == "choice" and each.label not in changes:
            value = next((option.value for option in each.options if option.is_chosen), each.options[0].value)
        if value is not None:
            posted[each.name] = value
    return posted


def test_each_type_has_its_control() -> None:
    assert {label: each.control for label, each in by_label().items()} == {
        "Title": "text",
        "Text": "long",
        "Amount": "number",
        "Count": "integer",
        "Pick": "choice",
        "Sure": "check",
        "Unsure": "choice",
        "Tags": "list",
        "Any": "json",
        "Street": "text",
        "Zip": "integer",
        "A/b~c": "text",
    }
    assert by_label()["Street"].group == "Address"
    assert "Between 0 and 100." in by_label()["Amount"].hint


def test_defaults_that_nobody_edits_come_back_as_they_were() -> None:
    filled = read(FORM, sent(FORM, Title="t", Street="s"), is_whole=True)
    assert filled.errors == {}
    assert filled.values == {
        "title": "t",
        "text": "one\ntwo",
        "amount": 12.5,
        "count": 3,
        "pick": 2,
        "sure": True,
        "tags": ["x", "y"],
        "any": {"k": [1]},
        "address": {"street": "s", "zip": 10115},
        "a/b~c": "odd name",
    }


def test_edits_keep_their_types() -> None:
    changes = {"Amount": "99", "Count": "-1", "Pick": "null", "Sure": None, "Unsure": "false", "Tags": "\r\n p \r\nq"}
    filled = read(FORM, sent(FORM, Title="t", Street="s", Text="", Any="[]", **changes), is_whole=False)
    assert filled.errors.keys() == {f"{PREFIX}/any"}
    filled = read(FORM, sent(FORM, Title="t", Street="s", Text="", **changes), is_whole=True)
    assert filled.errors == {}
    assert {name: filled.values[name] for name in ("text", "amount", "count", "pick", "sure", "unsure", "tags")} == {
        "text": "",
        "amount": 99,
        "count": -1,
        "pick": None,
        "sure": False,
        "unsure": False,
        "tags": ["p", "q"],
    }


@pytest.mark.parametrize(
    ("label", "text", "error"),
    [
        ("Amount", "much", "Write a number, such as 12.5."),
        ("Amount", "1e999", "Write a number, such as 12.5."),
        ("Amount", "", "Fill this in: it may not be empty."),
        ("Amount", "101", "101 is greater than the maximum of 100."),
        ("Count", "1.5", "Write a whole number, such as 12."),
        ("Pick", '"b"', "Choose one of the values."),
        ("Any", "{", "This is not JSON"),
        ("Zip", "x", "Write a whole number, such as 12."),
    ],
)
def test_what_does_not_fit_is_said_at_its_field(label: str, text: str, error: str) -> None:
    posted = sent(FORM, Title="t", Street="s", **{label: text})
    filled = read(FORM, posted, is_whole=False)
    shown = {each.label: each for each in fields_of(FORM, posted, filled)}
    assert shown[label].error.startswith(error)
    assert shown[label].value == text
    assert [each.label for each in shown.values() if each.error] == [label]


def test_only_a_whole_form_needs_what_has_no_default() -> None:
    assert read(FORM, sent(FORM), is_whole=False).errors == {}
    missing = read(FORM, sent(FORM), is_whole=True).errors
    assert missing == {f"{PREFIX}/title": "Fill this in.", f"{PREFIX}/address/street": "Fill this in."}


def test_json_schema_is_a_form_too() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    assert read(schema, {f"{PREFIX}/n": "2"}, is_whole=True).values == {"n": 2}
    assert read(schema, {}, is_whole=True).errors == {f"{PREFIX}/n": "Fill this in."}


def test_what_the_form_does_not_have_is_not_sent_on() -> None:
    assert read({"a": "string"}, {f"{PREFIX}/a": "1", f"{PREFIX}/b": "2", "outcome": "x"}, is_whole=True).values == {
        "a": "1"
    }


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.one_of(
            st.text(max_size=9)
            .filter(lambda text: "\r" not in text)
            .map(lambda text: {"type": "string", "default": text}),
            st.floats(allow_nan=False, allow_infinity=False).map(lambda number: {"type": "number", "default": number}),
            st.booleans().map(lambda choice: {"type": "boolean", "default": choice}),
            st.lists(st.sampled_from([1, "1", None, True]), min_size=1).map(lambda e: {"enum": e, "default": e[0]}),
        ),
        max_size=4,
    )
)
def test_any_defaults_come_back_as_they_were(form: dict[str, Any]) -> None:
    posted: dict[str, str] = {}
    for each in fields_of(form):
        if each.control == "check":
            posted |= {each.name: "true"} if each.is_checked else {}
        else:
            posted[each.name] = next((o.value for o in each.options if o.is_chosen), each.value)
    filled = read(form, posted, is_whole=True)
    assert filled.errors == {}
    for name, field in form.items():
        assert filled.values[name] == field["default"]
        assert type(filled.values[name]) is type(field["default"]) or field.get("type") == "number"
