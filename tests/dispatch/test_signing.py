"""Who can only write to a queue cannot make a runner work."""

from __future__ import annotations

import pytest

from functions.shared.config import Settings
from functions.shared.dispatch.messages import read_messages
from functions.shared.dispatch.signing import Signer
from functions.shared.errors import Unavailable
from tests.dispatch.conftest import records

ID = "0e4c1b3e-6f0a-4d53-9d86-2f6a7f0c9a11"
MESSAGE = {"execution_id": ID, "frame": "sources/3", "queue": "default", "org_id": "o"}
SIGNED = Signer(["k"]).signed(MESSAGE)
DEEP = range(800, 1000)  # around what can just be read, but no longer written


def test_what_was_signed_is_known_whatever_the_order_of_its_fields() -> None:
    assert Signer(["k"]).is_signed(dict(reversed(SIGNED.items())))


@pytest.mark.parametrize(
    "changed",
    [
        MESSAGE,
        SIGNED | {"sig": None},
        SIGNED | {"sig": ""},
        SIGNED | {"sig": "ü"},
        SIGNED | {"execution_id": ID[::-1]},
        SIGNED | {"frame": ""},
        SIGNED | {"queue": "llm"},
        SIGNED | {"org_id": "p"},
        SIGNED | {"chore": "triggers"},
        {"chore": "triggers", "sig": SIGNED["sig"]},
        Signer(["another"]).signed(MESSAGE),
    ],
)
def test_nothing_else_is(changed: dict[str, str]) -> None:
    assert not Signer(["k"]).is_signed(changed)


def test_fields_cannot_be_moved_over_their_borders() -> None:
    one = Signer(["k"]).signed({"execution_id": "a", "frame": 'b","c', "queue": "d", "org_id": ""})
    assert not Signer(["k"]).is_signed(one | {"frame": "b", "queue": 'c","d'})


def test_a_key_is_rotated_without_losing_a_message() -> None:
    former, both, new = Signer(["old"]), Signer(["new", "old"]), Signer(["new"])
    assert both.is_signed(former.signed(MESSAGE))
    assert both.is_signed(new.signed(MESSAGE))
    assert new.is_signed(both.signed(MESSAGE))
    assert not new.is_signed(former.signed(MESSAGE))


def test_a_deployed_function_without_a_key_says_so_and_a_local_plane_needs_none() -> None:
    assert Signer.from_settings(Settings(stage="", doorbell_key=None)) is None
    for settings in (
        Settings(stage="dev"),
        Settings(queue_urls={"default": "q"}),
        Settings(stage="d", doorbell_key=","),
    ):
        with pytest.raises(Unavailable) as refused:
            Signer.from_settings(settings)
        assert refused.value.code == "doorbell_key_missing"


def test_a_message_that_makes_no_sense_is_dropped_and_keeps_no_other_from_its_turn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    signer = Signer(["k"])
    poison = [
        "not json",
        "[" * 200_000,
        "[]",
        "null",
        '"text"',
        {},
        MESSAGE,
        signer.signed(MESSAGE | {"execution_id": "no uuid"}),
        signer.signed({"frame": ""}),
        signer.signed({"chore": 1}),
        *(f'{{"execution_id": {"[" * depth}{"]" * depth}, "sig": ""}}' for depth in DEEP),
    ]
    read = read_messages(records(*poison, SIGNED, signer.signed({"chore": "triggers"}))["Records"], signer)
    assert [(each.id, each.delivery) for each in read] == [(f"m{len(poison)}", 1), (f"m{len(poison) + 1}", 1)]
    assert read[1].what == "triggers"
    dropped = [record for record in caplog.records if getattr(record, "event", "") == "message_dropped"]
    assert len(dropped) == len(poison)
    assert "sig" not in caplog.text
