"""Packing by priority: what fits, what is shortened, what is counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from functions.me.items import Item
from functions.me.packing import pack, tokens_of

FRAME = {"agent": {"name": "a"}, "max_tokens": 1000}


def item(number: int, size: int = 0, kind: str = "state") -> Item:
    return Item(kind, str(number), f"title {number}", None, [], {"text": "x" * size} if size else {})


def test_a_token_is_four_characters_of_the_json() -> None:
    assert tokens_of({}) == 1
    assert tokens_of("abcdef") == 2
    assert tokens_of({"a": "b" * 93}) == 26


def test_all_is_whole_when_there_is_room() -> None:
    packed = pack([item(1, 100), item(2, 100)], 1000, FRAME)

    assert [each["details"] for each in packed.items] == [{"text": "x" * 100}] * 2
    assert packed.omitted == {}


def test_what_is_too_long_is_shortened_and_the_next_is_not() -> None:
    packed = pack([item(1, 5000), item(2, 100)], 300, FRAME)

    assert "details" not in packed.items[0]
    assert "details" in packed.items[1]


def test_what_does_not_fit_is_counted_by_its_kind() -> None:
    packed = pack([item(number, kind="state" if number % 2 else "memory") for number in range(100)], 300, FRAME)

    assert len(packed.items) + sum(packed.omitted.values()) == 100
    assert set(packed.omitted) == {"state", "memory"}


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.sampled_from(["state", "memory", "execution"])), max_size=60),
    st.integers(100, 4000),
)
def test_whatever_comes_it_fits_in_order_and_nothing_is_lost(sizes: list[tuple[int, str]], max_tokens: int) -> None:
    items = [item(number, size, kind) for number, (size, kind) in enumerate(sizes)]
    packed = pack(items, max_tokens, FRAME)

    assert tokens_of({**FRAME, "items": [*packed.items], "omitted": {**packed.omitted}}) <= max_tokens
    chosen = [int(str(each["id"])) for each in packed.items]
    assert chosen == sorted(chosen)
    assert len(chosen) + sum(packed.omitted.values()) == len(items)
