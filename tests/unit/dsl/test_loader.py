"""The strict loader: YAML's hazards, limits, places, and repairs that keep the rest visible."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.shared.dsl.loader import MAX_BYTES, Loaded, load


def document(text: str) -> dict[str, Any]:
    loaded = load(text)
    assert loaded.problems == []
    assert loaded.document is not None
    return loaded.document


def codes(loaded: Loaded) -> list[str]:
    return [problem.code for problem in loaded.problems]


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("true", True), ("false", False), ("True", True), ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"),
        ("y", "y"), ("NO", "NO"), ("12:30", "12:30"), ("1:20:30", "1:20:30"), ("1.10", 1.1), ("2024-01-31",
        "2024-01-31"),
        ("2024-01-31T09:00:00Z", "2024-01-31T09:00:00Z"), ("007", "007"), ("0o17", "0o17"), ("0x1F", "0x1F"),
        ("0b1", "0b1"), ("+1", "+1"), ("+49123", "+49123"), ("1_000", "1_000"), ("-3", -3), ("0", 0), ("1e3", 1000.0),
        (".5", 0.5), ("1.", 1.0), (".inf", ".inf"), (".nan", ".nan"), ("1e999", "1e999"), ("null", None), ("~", None),
        ("", None), ("=", "="), ('"true"', "true"), ("'1'", "1"), ("!!str 1", "1"), ("'~'", "~"), ("24h", "24h"),
    ],
)  # fmt: skip
def test_a_scalar_means_what_yaml_1_2_says(scalar: str, value: object) -> None:
    found = document(f"x: {scalar}")["x"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("key", ["on", "no", "200", "1.10", "null", "true", "2024-01-31", "12:30"])
def test_a_key_is_always_text_as_written(key: str) -> None:
    assert document(f"{key}: 1") == {key: 1}


def test_a_duplicate_key_names_both_lines_and_the_first_one_counts() -> None:
    loaded = load("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n")
    assert [(problem.path, problem.line, problem.column) for problem in loaded.problems] == [("b.c", 4, 3), ("a", 5, 1)]
    assert loaded.problems[1].message == "`a` is there twice: on line 1 and on line 5"
    assert loaded.document == {"a": 1, "b": {"c": 1}}


def test_duplicate_keys_in_json_are_found_too() -> None:
    loaded = load('{"a": 1,\n "a": 2}')
    assert codes(loaded) == ["duplicate_key"]
    assert loaded.document == {"a": 1}


def test_every_value_has_its_place() -> None:
    loaded = load("name: x\nsteps:\n  a:\n    llm: {prompt: hi, model: m}\n  b: [1,\n   2]\n")
    assert loaded.position(("name",)) == (1, 1)
    assert loaded.position(("steps", "a", "llm", "model")) == (4, 23)
    assert loaded.position(("steps", "b", 1)) == (6, 4)
    assert loaded.position(("steps", "a", "nothing", "here")) == (3, 3)


def test_an_expression_inside_of_a_text_has_its_own_place() -> None:
    text = "a: |\n  hello\n   ${{ x }} and ${{ y }}\nb: >-\n  foo\n  bar ${{ z }}\nc: 'x ${{ q }}'\n"
    loaded = load(text)
    assert loaded.document is not None
    body = str(loaded.document["a"])
    assert loaded.position_in_text(("a",), body.index("${{")) == (3, 4)
    assert loaded.position_in_text(("a",), body.rindex("${{")) == (3, 17)
    assert loaded.position_in_text(("b",), str(loaded.document["b"]).index("${{")) == (6, 7)
    assert loaded.position_in_text(("c",), 2) == (7, 7)


def test_an_alias_bomb_is_refused_at_once() -> None:
    lines = ["a: &a [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 10)}]" for n in range(8)]
    start = time.perf_counter()
    loaded = load("\n".join(lines))
    assert time.perf_counter() - start < 0.5
    assert loaded.document is None
    assert codes(loaded) == ["too_many_values"]


def test_aliases_are_counted_and_must_refer_to_something_above() -> None:
    assert document("a: &x {b: 1}\nc: *x") == {"a": {"b": 1}, "c": {"b": 1}}
    assert codes(load("a: &x 1\nb: [" + ", ".join(["*x"] * 51) + "]")) == ["too_many_aliases"]
    assert codes(load("a: *x")) == ["bad_alias"]
    assert codes(load("a: &x [*x]")) == ["bad_alias"]


def test_an_alias_adds_to_the_depth() -> None:
    deep = "[" * 20 + "]" * 20
    assert codes(load(f"a: &x {deep}\nb: {'[' * 15}*x{']' * 15}")) == ["too_deep"]


@pytest.mark.parametrize("depth", [31, 5_000, 40_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    assert codes(load("x: " + "[" * depth)) == ["too_deep"]
    assert codes(load('{"x":' * depth)) == ["too_deep"]


def test_a_large_document_is_refused() -> None:
    assert codes(load("x: " + "a" * MAX_BYTES)) == ["too_large"]
    assert codes(load("[" + "1," * 20_001 + "]")) == ["too_many_values"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: !!python/object/apply:os.system [ls]", "tag_not_allowed"),
        ("a: !!binary aGk=", "tag_not_allowed"),
        ("a: !mine 1", "tag_not_allowed"),
        ("base: &b {x: 1}\na:\n  <<: *b", "merge_key"),
        ("a: 1\n---\nb: 2", "many_documents"),
        ("- a\n- b", "not_an_object"),
        ("just text", "not_an_object"),
        ("", "not_an_object"),
        ("# nothing", "not_an_object"),
        ("? [a]\n: b", "bad_key"),
        ("a: b: c", "yaml_syntax"),
        ("a: 'open", "yaml_syntax"),
        ("a: [1, 2", "yaml_syntax"),
        ("a: 1\n b: 2", "yaml_syntax"),
        ("a: @x", "yaml_syntax"),
        ("a: \x00", "yaml_syntax"),
    ],
)
def test_what_is_not_a_document_is_said_with_a_place(text: str, code: str) -> None:
    loaded = load(text)
    assert loaded.document is None
    assert codes(loaded) == [code]
    assert loaded.problems[0].line is not None


def test_a_byte_order_mark_is_no_content() -> None:
    assert document("\ufeffa: 1") == {"a": 1}


def test_tabs_are_reported_and_read_as_spaces() -> None:
    loaded = load("a:\n\tb: 1\n\tc:\n\t\td: ${{ x\n")
    assert codes(loaded) == ["tab"]
    assert (loaded.problems[0].line, loaded.problems[0].column) == (2, 1)
    assert loaded.document == {"a": {"b": 1, "c": {"d": "${{ x"}}}
    assert loaded.position(("a", "c", "d")) == (4, 3)


def test_unquoted_expressions_are_each_reported_and_still_read() -> None:
    loaded = load("a: {b: ${{ x }}, c: ${{ y['a'] }}}\nd: ${{ z }}\ne: ${{ q | default('m: n') }}\nf: [${{ '}' }}]\n")
    assert [(problem.code, problem.path, problem.line, problem.column) for problem in loaded.problems] == [
        ("unquoted_expression", "a.b", 1, 8),
        ("unquoted_expression", "a.c", 1, 21),
        ("unquoted_expression", "e", 3, 4),
        ("unquoted_expression", "f[0]", 4, 5),
    ]
    assert loaded.problems[0].hint == 'Write "${{ x }}".'
    assert loaded.document == {
        "a": {"b": "${{ x }}", "c": "${{ y['a'] }}"},
        "d": "${{ z }}",
        "e": "${{ q | default('m: n') }}",
        "f": ["${{ '}' }}"],
    }


def test_quoted_expressions_survive_a_repair_beside_them() -> None:
    loaded = load("a: [${{ x }}]\nb: \"${{ q == \\\"z\\\" }}\" # ${{ hi }}\nc: '${{ p == ''u'' }}'\n")
    assert codes(loaded) == ["unquoted_expression"]
    assert loaded.document == {"a": ["${{ x }}"], "b": '${{ q == "z" }}', "c": "${{ p == 'u' }}"}


def test_an_unclosed_expression_is_recognised() -> None:
    loaded = load("a: 1\nb: {x: ${{ y }\n")
    assert codes(loaded) == ["unclosed_expression"]
    assert (loaded.problems[0].line, loaded.problems[0].column) == (2, 8)


def test_a_very_long_key_is_refused_in_json_too() -> None:
    assert codes(load(json.dumps({"k" * 2000: 1}))) == ["bad_key"]


def test_json_text_may_hold_tabs_and_joined_characters() -> None:
    assert document('{\n\t"a":\t"\\ud83d\\ude00",\n\t"b": "x\\ty/\\/"\n}') == {"a": "😀", "b": "x\ty//"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=40), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=40), json_values, max_size=4), st.sampled_from([None, 2, "\t"]), st.booleans())
def test_json_is_read_as_json(value: dict[str, Any], indent: int | str | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert load(text).document == json.loads(text)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab: -[]{}'\"\n\t#&*!|>%@`?,${}x1\\~", max_size=80))
def test_no_text_makes_the_loader_raise(text: str) -> None:
    loaded = load(text)
    assert (loaded.document is None) <= bool(loaded.problems)
