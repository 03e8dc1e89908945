"""Short forms of rendered configurations."""

from __future__ import annotations

import json

from functions.shared.engine.excerpts import EXCERPT_CHARACTERS, excerpt, short


def test_a_small_configuration_is_shown_whole() -> None:
    config = {"url": "https://example.com", "json": {"amount": 5}}
    assert excerpt(config) == config


def test_a_large_configuration_is_cut_but_keeps_its_shape() -> None:
    shown = excerpt({"prompt": "x" * 50_000, "messages": ["y" * 500] * 400})
    assert isinstance(shown, dict)
    assert len(json.dumps(shown, ensure_ascii=False)) <= EXCERPT_CHARACTERS
    assert list(shown) == ["prompt", "messages"]


def test_even_a_configuration_of_endless_keys_fits() -> None:
    shown = excerpt({f"key{number}": number for number in range(10_000)})
    assert isinstance(shown, str)
    assert len(shown) <= EXCERPT_CHARACTERS


def test_bearer_tokens_and_keys_of_ours_are_not_shown() -> None:
    key = "ap_live_" + "a" * 43 + "_abcdef"
    shown = json.dumps(excerpt({"headers": {"Authorization": "Bearer abc.def.ghi"}, "body": key}))
    assert "abc.def.ghi" not in shown
    assert key not in shown


def test_a_message_is_cut_to_what_a_record_holds() -> None:
    assert short("fine") == "fine"
    assert len(short("x" * 5000)) == 2000
