"""Schema shorthand, and accepting values against it."""

from __future__ import annotations

import time
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.shared.dsl.checker import check
from functions.shared.dsl.schema import accept, accept_input, schema_problems, to_json_schema
from functions.shared.dsl.shorthand import pattern_problems

ORDER: dict[str, Any] = {
    "text": {"type": "string", "max_length": 5},
    "locale": {"type": "string", "default": "en"},
    "count": {"type": "integer", "min": 1, "max": 9},
    "tags": {"type": "array", "items": "string", "optional": True, "max_length": 2},
    "address": {"properties": {"zip": "string", "country": {"type": "string", "default": "DE"}}},
    "label": {"enum": ["refund", "other"]},
    "anything": {"type": "object", "optional": True},
}
GOOD: dict[str, Any] = {"text": "abc", "count": 1, "address": {"zip": "1"}, "label": "refund"}


def found(value: Any) -> list[tuple[str, str]]:
    return [(problem.pointer, problem.code) for problem in accept(ORDER, value).problems]


def test_shorthand_becomes_json_schema() -> None:
    assert to_json_schema(
        {"a": "string", "b": {"type": "integer", "min": 1, "optional": True, "description": "B"}}
    ) == {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "integer", "minimum": 1, "description": "B"}},
        "required": ["a"],
        "additionalProperties": False,
    }


def test_json_schema_stays_as_it_is() -> None:
    for schema in ({"type": "object", "properties": {"a": {}}}, {"$schema": "x", "type": "array"}):
        assert to_json_schema(schema) == schema
    assert to_json_schema(to_json_schema(ORDER)) == to_json_schema(ORDER)


def test_defaults_are_filled_in_at_every_depth() -> None:
    accepted = accept(ORDER, GOOD)
    assert accepted.problems == []
    assert accepted.value == {**GOOD, "locale": "en", "address": {"zip": "1", "country": "DE"}}
    assert "locale" not in GOOD


def test_every_wrong_field_is_named_at_once() -> None:
    value = {"txt": "x", "count": 0, "tags": ["a", 1, "c"], "address": {"zipp": "1"}, "label": "refnd", "locale": None}
    assert found(value) == [
        ("/address/zip", "missing"),
        ("/address/zipp", "undeclared"),
        ("/count", "out_of_range"),
        ("/label", "not_allowed"),
        ("/locale", "wrong_type"),
        ("/tags", "too_long"),
        ("/tags/1", "wrong_type"),
        ("/text", "missing"),
        ("/txt", "undeclared"),
    ]


def test_a_problem_says_what_is_allowed_and_what_was_meant() -> None:
    problems = {problem.pointer: problem for problem in accept(ORDER, {**GOOD, "label": "refnd", "tetx": 1}).problems}
    assert problems["/label"].allowed == ["refund", "other"]
    assert problems["/label"].did_you_mean == "refund"
    assert problems["/tetx"].did_you_mean == "text"
    wrong = accept(ORDER, {**GOOD, "count": "5"}).problems[0]
    assert wrong.message == 'count must be an integer, not "5"'
    assert wrong.hint == "Send it without quotes."


def test_an_object_without_properties_is_open_and_true_is_no_number() -> None:
    assert found({**GOOD, "anything": {"x": [1]}}) == []
    assert found({**GOOD, "count": True}) == [("/count", "wrong_type")]


def test_pointers_are_escaped() -> None:
    assert accept({"a": "string"}, {"a": "x", "b/c~d": 1}).problems[0].pointer == "/b~1c~0d"


def test_undeclared_inputs_are_refused_also_without_a_declaration_and_with_json_schema() -> None:
    def workflow(declared: Any) -> Any:
        document = {"name": "x", "steps": {"a": {"transform": 1}}, **({"input": declared} if declared else {})}
        checked = check(document)
        assert checked.workflow is not None
        return checked.workflow

    for declared in (None, {"type": "object", "properties": {}}):
        accepted = accept_input(workflow(declared), {"x": 1})
        assert [problem.code for problem in accepted.problems] == ["undeclared"]
    is_open = {"type": "object", "properties": {}, "additionalProperties": True}
    assert accept_input(workflow(is_open), {"x": 1}).problems == []


def test_a_reference_out_of_the_schema_is_never_followed() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/schema.json"}}}
    assert [problem.code for problem in accept(schema, {"a": 1}).problems] == ["bad_schema"]
    assert schema_problems(schema) == [
        "`$ref: http://127.0.0.1:9/schema.json` leads out of the schema; only `#/...` is allowed"
    ]
    looping: dict[str, Any] = {"$schema": "x", "$ref": "#"}
    assert [problem.code for problem in accept(looping, 1).problems] == ["bad_schema"]


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("(?=a)b", "look"),
        ("(?<!a)b", "look"),
        (r"(a)\1", "1"),
        ("(a", None),
        ("(a{1000}){1000}", "Repeat"),
        ("((a{9}){99}){99}", "Repeat"),
        (r"\w{3000}", "Repeat"),
        ("a" * 5_000, "Repeat"),
    ],
)
def test_a_pattern_that_cannot_be_matched_in_linear_time_is_refused(pattern: str, hint: str | None) -> None:
    ((message, said),) = pattern_problems(pattern)
    assert message.startswith("`pattern` ")
    assert (hint is None) == (said is None)
    assert hint is None or hint in (said or "")
    assert schema_problems({"$schema": "x", "pattern": pattern})
    assert schema_problems({"$schema": "x", "patternProperties": {pattern: {}}})
    assert schema_problems({"$schema": "x", "propertyNames": {"pattern": pattern}})


@pytest.mark.parametrize(
    "pattern",
    [
        "^[a-z][a-z0-9_]*$",
        "(a|b)*c",
        "(?:x{1,3})+",
        r"^\d{4}-\d{2}$",
        r"\p{L}+",
        r"\x{41}{2}",
        "[]{9999}]{3}",
        "(a+)+$",
    ],
)
def test_an_ordinary_pattern_is_accepted(pattern: str) -> None:
    assert pattern_problems(pattern) == []


EXPLODING = "^(a|a)*$"
A_TEXT = "a" * 40 + "!"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"x": {"type": "string", "pattern": EXPLODING}}, {"x": A_TEXT}),
        ({"$schema": "x", "patternProperties": {EXPLODING: False}, "additionalProperties": False}, {A_TEXT: 1}),
        ({"$schema": "x", "propertyNames": {"pattern": EXPLODING}}, {A_TEXT: 1}),
        (
            {
                "$schema": "x",
                "properties": {"x": {"$schema": "http://json-schema.org/draft-07/schema#", "pattern": EXPLODING}},
            },
            {"x": A_TEXT},
        ),
    ],
)
def test_a_pattern_that_would_explode_answers(schema: Any, value: Any) -> None:
    assert len(accept(schema, value).problems) == 1


def test_patterns_search_and_split_declared_from_undeclared_properties() -> None:
    schema: Any = {"$schema": "x", "patternProperties": {"b": {"type": "integer"}}, "additionalProperties": False}
    assert accept(schema, {"abc": 1}).problems == []
    assert [(each.pointer, each.code) for each in accept(schema, {"abc": "1", "d": 1}).problems] == [
        ("/abc", "wrong_type"),
        ("/d", "undeclared"),
    ]
    assert [each.code for each in accept({"x": {"type": "string", "pattern": "b$"}}, {"x": "b\n"}).problems] == [
        "wrong_pattern"
    ]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"$schema": "x", "items": {"pattern": "[01]*1[01]{1000}y"}}, ["01" * 1_000] * 100),
        (
            {
                "$schema": "x",
                "$ref": "#/$defs/0",
                "$defs": {
                    **{str(at): {"anyOf": [{"$ref": f"#/$defs/{at + 1}"}] * 2} for at in range(20)},
                    "20": {"type": "integer"},
                },
            },
            "text",
        ),
        ({"$schema": "x", "items": {"enum": list(range(9_000))}}, [8_999] * 5_000),
    ],
    ids=["patterns", "references", "enum"],
)
def test_a_value_whose_check_would_take_too_long_is_refused(schema: Any, value: Any) -> None:
    assert "too_large" in [problem.code for problem in accept(schema, value).problems]


def test_items_are_unique_by_their_value() -> None:
    schema: Any = {"$schema": "x", "uniqueItems": True}
    assert accept(schema, [1, True, "1", [1], {"a": 1, "b": 2}]).problems == []
    for twice in ([1, 1.0], [[1], [1.0]], [{"a": 1, "b": 2}, {"b": 2, "a": 1}]):
        assert len(accept(schema, twice).problems) == 1


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["text", "count", "label", "address", "x"]), st.integers() | st.text() | st.none())
)
def test_accepting_agrees_with_the_json_schema(value: dict[str, Any]) -> None:
    filled = accept(ORDER, value)
    is_valid = jsonschema.Draft202012Validator(to_json_schema(ORDER)).is_valid(filled.value)
    assert is_valid is not bool(filled.problems)


def test_accepting_is_fast_once_the_schema_is_known() -> None:
    accept(ORDER, GOOD)
    start = time.perf_counter()
    for _ in range(100):
        accept(ORDER, GOOD)
    assert time.perf_counter() - start < 1
