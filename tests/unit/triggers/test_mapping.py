"""Inputs of triggers: checked when they are stored, evaluated when something comes."""

from __future__ import annotations

from typing import Any

import pytest

from functions.hooks.receiving import kept_headers, read_body
from functions.shared.dsl.loader import load
from functions.shared.triggers.mapping import HOOK_NAMES, map_input, mapping_problems
from functions.shared.triggers.starting import CannotStart, input_for
from functions.shared.webhooks.message import MAX_BODY_BYTES, body_of, cloud_event
from functions.shared.webhooks.retries import PAUSES_S, pause_before_next

DOCUMENT: Any = load(
    "name: w\ninput: {text: string, n: {type: integer, default: 3}}\nsteps: {a: {transform: 1}}"
).document


def test_a_mapping_is_checked_with_the_place_of_each_problem() -> None:
    mapping: Any = {"a": "${{ body.x }}", "b": {"c": ["${{ bdy.x }}", "${{ 1 + }}"]}, "d": "${{ headers['x'] | nope }}"}
    found = {problem.pointer: problem for problem in mapping_problems(mapping, HOOK_NAMES, "/target/input")}

    assert set(found) == {"/target/input/b/c/0", "/target/input/b/c/1", "/target/input/d"}
    assert found["/target/input/b/c/0"].did_you_mean == "body"
    assert found["/target/input/b/c/1"].code == "bad_expression"


def test_a_mapping_keeps_the_types_of_what_came() -> None:
    scope = {"body": {"n": 0, "ok": False, "list": [1]}}
    assert map_input({"n": "${{ body.n }}", "ok": "${{ body.ok }}", "t": "n is ${{ body.n }}"}, scope) == {
        "n": 0,
        "ok": False,
        "t": "n is 0",
    }


def test_an_input_gets_its_defaults_and_is_held_to_what_is_declared() -> None:
    assert input_for("w", DOCUMENT, {"text": "${{ body }}"}, {"body": "hi"}) == {"text": "hi", "n": 3}
    for mapping, code in (
        ({"text": "${{ body.missing }}"}, "bad_expression"),
        ({"text": 1}, "invalid_input"),
        ({}, "invalid_input"),
        ("${{ body }}", "invalid_input"),
    ):
        with pytest.raises(CannotStart) as refused:
            input_for("w", DOCUMENT, mapping, {"body": "hi"})
        assert refused.value.code == code
    with pytest.raises(CannotStart, match="no workflow w"):
        input_for("w", None, {}, {})


def test_what_comes_is_read_as_what_it_is() -> None:
    assert read_body("application/json", b'{"a": 1}') == {"a": 1}
    assert read_body("application/cloudevents+json; charset=utf-8", b"[1]") == [1]
    assert read_body("text/plain", b'{"a": 1}') == {"a": 1}
    assert read_body("text/plain", b"{not json") == "{not json"
    assert read_body("application/x-www-form-urlencoded", b"payload=%7B%22a%22%3A1%7D&b=2&c=") == {
        "payload": {"a": 1},
        "b": "2",
        "c": "",
    }
    assert read_body("application/x-www-form-urlencoded", b'{"a": "1 + 1"}') == {"a": "1 + 1"}  # as curl -d sends it
    assert read_body("application/x-www-form-urlencoded", b"{a=1") == {"{a": "1"}
    assert read_body("application/octet-stream", b"\x00\xff") == "\ufffd\ufffd"
    assert read_body("", b"") == ""


def test_headers_that_are_kept_hold_no_credentials() -> None:
    sent = {"authorization": "x", "cookie": "x", "x-hub-signature-256": "x", "x-api-key": "x", "x-github-event": "push"}
    assert kept_headers(sent) == {"x-github-event": "push"}
    assert kept_headers({"x-sig": "x", "x-id": "1"}, {"x-sig"}) == {"x-id": "1"}


def test_a_large_event_is_sent_without_its_data() -> None:
    event: Any = {"id": "evt_1", "type": "event.big", "time": "t", "execution_id": None, "path": None}
    small = cloud_event("org", {**event, "data": {"execution_id": "mine"}})
    large = cloud_event("org", {**event, "data": "x" * MAX_BODY_BYTES})

    assert small["data"] == {"execution_id": None, "path": None, "payload": {"execution_id": "mine"}}
    assert len(body_of(large)) < 1_000
    assert isinstance(large["data"], dict)
    assert large["data"]["is_left_out"] is True


def test_pauses_grow_with_chance_and_honour_what_was_asked() -> None:
    assert [pause_before_next(n, chance=0) for n in (1, 2, 9, 10)] == [5, 300, 86_400, None]
    assert pause_before_next(1, chance=1) == 6
    assert pause_before_next(1, 60, chance=1) == 60
    assert pause_before_next(2, 60, chance=0) == 300
    assert pause_before_next(1, 10**9, chance=0) == 86_400
    assert len(PAUSES_S) == 9
