"""The simulator's default answers fit the schema that was asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.dsl.schema import accept, to_json_schema
from functions.shared.jsonvalue import JsonObject
from functions.shared.simulator.sample import sample


def _fields(children: st.SearchStrategy[JsonObject]) -> st.SearchStrategy[JsonObject]:
    names = st.sampled_from(["label", "score", "note", "order_ids", "id", "ok", "total"])
    return st.dictionaries(names, children, min_size=1, max_size=4)


def _between(low_key: str, high_key: str, kind: str, lowest: int, highest: int) -> st.SearchStrategy[JsonObject]:
    bounds = st.tuples(st.integers(lowest, highest), st.integers(0, 50))
    both = bounds.map(lambda pair: {"type": kind, low_key: pair[0], high_key: pair[0] + pair[1]})
    return st.one_of(both, st.integers(lowest, highest).map(lambda low: {"type": kind, low_key: low}))


LEAVES = st.one_of(
    st.sampled_from(["string", "integer", "number", "boolean", "object", "array"]).map(lambda kind: {"type": kind}),
    st.lists(st.text(max_size=5), min_size=1, max_size=3, unique=True).map(lambda enum: {"enum": enum}),
    _between("min", "max", "integer", -50, 50),
    _between("min", "max", "number", -50, 50),
    _between("min_length", "max_length", "string", 0, 60),
)
FIELDS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        _fields(inner).map(lambda fields: {"type": "object", "properties": fields}),
        st.tuples(inner, st.integers(0, 3)).map(lambda p: {"type": "array", "items": p[0], "min_length": p[1]}),
    ),
    max_leaves=6,
)


@given(_fields(FIELDS), st.text(max_size=40))
def test_a_simulated_value_fits_its_schema(shorthand: JsonObject, seed: str) -> None:
    schema = to_json_schema(shorthand)
    value = sample(schema, seed)
    assert accept(schema, value).problems == []
    assert sample(schema, seed) == value


@pytest.mark.parametrize(
    ("seed", "schema", "value"),
    [
        ("Refund 30 dollars", {"type": "number"}, 30),
        ("Round 0. Score it", {"type": "integer", "minimum": 0, "maximum": 10}, 6),
        ("Round 1. Score it", {"type": "integer", "minimum": 0, "maximum": 10}, 9),
        ("Nothing", {"type": "string", "format": "date"}, "2026-01-15"),
        ("Nothing", {"type": ["null", "boolean"]}, True),
        ("Nothing", {"const": 5}, 5),
        ("Nothing", {"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ("Nothing", {"$ref": "#/$defs/x", "$defs": {"x": {"enum": ["found"]}}}, "found"),
        ("Nothing", {"type": "integer", "description": "Note: minimum value: 4, maximum value: 4."}, 4),
    ],
)
def test_simulated_values_quote_the_question(seed: str, schema: JsonObject, value: object) -> None:
    assert sample(schema, seed) == value


def test_ids_are_taken_from_the_question() -> None:
    schema = to_json_schema({"order_ids": {"type": "array", "items": "string"}, "order_id": "string"})
    assert sample(schema, "A-1001 and B-2, again A-1001") == {"order_ids": ["A-1001", "B-2"], "order_id": "A-1001"}
