"""Sealed secrets open for their owner only, and with any master key that the plane still has."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from pydantic import SecretStr

from functions.shared.config import Settings
from functions.shared.errors import Internal, PlaneError, Unavailable
from functions.shared.sealing import Sealer, new_master_key

ORG = "5b0a6c0e-0000-4000-8000-000000000001"
TEXT = "sk-live-ünïcode-0123456789"


def sealer(*keys: str) -> Sealer:
    return Sealer.from_settings(Settings(master_key=SecretStr(",".join(keys))))


def changed(sealed: Any, field: str, at: int) -> Any:
    raw = bytearray(base64.b64decode(sealed[field]))
    raw[at] ^= 1
    return {**sealed, field: base64.b64encode(raw).decode()}


def test_what_was_sealed_opens_again():
    known = sealer(new_master_key())
    assert known.open(ORG, "STRIPE", known.seal(ORG, "STRIPE", TEXT)) == TEXT
    assert known.open(ORG, "EMPTY", known.seal(ORG, "EMPTY", "")) == ""


def test_a_sealed_secret_shows_nothing_and_never_the_same_twice():
    known = sealer(new_master_key())
    one, two = known.seal(ORG, "A", TEXT), known.seal(ORG, "A", TEXT)
    assert one["text"] != two["text"]
    assert one["wrapped"] != two["wrapped"]
    for form in (TEXT, base64.b64encode(TEXT.encode()).decode(), TEXT.encode().hex()):
        assert form not in json.dumps(one)


@pytest.mark.parametrize(
    ("org", "name", "version"),
    [("6cb38cf7-2c8e-41d6-b9e5-8e814b4b5fae", "A", 1), (ORG, "B", 1), (ORG, "A", 2), (ORG, "", 1), (ORG, 'A", 1', 1)],
)
def test_a_row_that_was_moved_does_not_open(org: str, name: str, version: int):
    known = sealer(new_master_key())
    sealed = known.seal(ORG, "A", TEXT, 1)
    with pytest.raises(Internal) as refused:
        known.open(org, name, sealed, version)
    assert refused.value.code == "secret_damaged"
    assert TEXT not in str(refused.value)


@pytest.mark.parametrize("field", ["text", "wrapped"])
@pytest.mark.parametrize("at", [0, 11, 12, -1])
def test_one_bit_changed_is_found(field: str, at: int):
    known = sealer(new_master_key())
    with pytest.raises(Internal, match="cannot be opened"):
        known.open(ORG, "A", changed(known.seal(ORG, "A", TEXT), field, at))


@pytest.mark.parametrize(
    "broken",
    [{"text": None}, {"text": ""}, {"text": "%%%"}, {"wrapped": 7}, {"v": 2}, {"alg": "none"}, {"text": "AAAA"}],
)
def test_what_is_not_a_sealed_secret_is_refused(broken: Any):
    known = sealer(new_master_key())
    with pytest.raises(Internal):
        known.open(ORG, "A", {**known.seal(ORG, "A", TEXT), **broken})


def test_parts_of_two_secrets_do_not_go_together():
    known = sealer(new_master_key())
    one, two = known.seal(ORG, "A", TEXT), known.seal(ORG, "A", "other")
    with pytest.raises(Internal):
        known.open(ORG, "A", {**one, "text": two["text"]})


def test_a_former_master_key_still_opens_and_the_present_one_seals():
    former, present = new_master_key(), new_master_key()
    old = sealer(former).seal(ORG, "A", TEXT)
    both = sealer(present, former)
    assert both.open(ORG, "A", old) == TEXT
    assert not both.is_current(old)
    assert both.is_current(both.seal(ORG, "A", TEXT))


def test_sealing_again_makes_the_former_key_superfluous():
    former, present = new_master_key(), new_master_key()
    old = sealer(former).seal(ORG, "A", TEXT, 3)
    renewed = sealer(present, former).reseal(ORG, "A", old, 3)
    assert sealer(present).open(ORG, "A", renewed, 3) == TEXT
    assert renewed["text"] == old["text"]
    with pytest.raises(Unavailable) as refused:
        sealer(former).open(ORG, "A", renewed, 3)
    assert refused.value.code == "master_key_missing"


def test_what_does_not_open_is_not_sealed_again():
    former, present = new_master_key(), new_master_key()
    broken = changed(sealer(former).seal(ORG, "A", TEXT), "text", -1)
    with pytest.raises(Internal):
        sealer(present, former).reseal(ORG, "A", broken)


def test_another_master_key_opens_nothing():
    sealed = sealer(new_master_key()).seal(ORG, "A", TEXT)
    other = sealer(new_master_key())
    with pytest.raises(Unavailable):
        other.open(ORG, "A", sealed)
    with pytest.raises(Internal):
        other.open(ORG, "A", {**sealed, "key": other.current})


def test_without_a_master_key_the_way_out_is_said():
    nothing = Sealer.from_settings(Settings(master_key=None))
    assert not nothing.is_ready
    with pytest.raises(Unavailable) as refused:
        nothing.seal(ORG, "A", TEXT)
    assert refused.value.code == "sealing_not_configured"
    assert "openssl rand -base64 32" in str(refused.value.hint)


@pytest.mark.parametrize("text", ["short", base64.b64encode(b"x" * 16).decode(), "%" * 44])
def test_a_master_key_of_another_form_is_refused_without_being_shown(text: str):
    with pytest.raises(PlaneError) as refused:
        sealer(text)
    assert refused.value.code == "sealing_not_configured"
    assert text not in str(refused.value)


def test_the_id_of_a_key_tells_nothing_of_it():
    key = new_master_key()
    shown = sealer(key).current
    assert shown not in base64.b64decode(key).hex()
    assert shown == sealer(key).current
