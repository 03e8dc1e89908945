"""Whose message it is: four schemes, each with what must not pass."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from standardwebhooks import Webhook

from functions.shared.triggers.verification import NotVerified, verify
from functions.shared.webhooks.message import new_secret, signed_headers

BODY = b'{"id": "evt_1", "n": 1}'
SECRET = "a secret of some length"


def mac(body: bytes = BODY, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, sha256).hexdigest()


def refusal(*args: Any, **more: Any) -> str:
    with pytest.raises(NotVerified) as refused:
        verify(*args, **more)
    return refused.value.code


def test_what_the_standard_s_package_signed_is_taken_by_either_secret() -> None:
    secret, former = new_secret(), new_secret()
    for signer in (secret, former):
        headers = signed_headers("msg_1", BODY, [signer])
        assert verify("standard", {}, [secret, former], headers, BODY).message_id == "msg_1"


def test_our_signature_is_the_standard_s_also_with_a_time_of_another_zone() -> None:
    secret = new_secret()
    moment = datetime.now(UTC).astimezone(tz=None)
    headers = signed_headers("msg_1", BODY, [secret], moment)
    assert Webhook(secret).verify(BODY, headers) == {"id": "evt_1", "n": 1}
    assert abs(int(headers["webhook-timestamp"]) - moment.timestamp()) < 1


def test_a_standard_message_without_what_it_needs_is_refused() -> None:
    secret = new_secret()
    headers = signed_headers("msg_1", BODY, [secret])
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        without = {key: value for key, value in headers.items() if key != name}
        assert refusal("standard", {}, [secret], without, BODY) == "missing_signature"
    for minutes in (-6, 6):
        old = signed_headers("msg_1", BODY, [secret], datetime.now(UTC) + timedelta(minutes=minutes))
        assert refusal("standard", {}, [secret], old, BODY) == "old_timestamp"
    for changed in (
        {**headers, "webhook-id": "msg_2"},
        {**headers, "webhook-signature": "v1,AAAA"},
        {**headers, "webhook-signature": "nonsense"},
        {**headers, "webhook-signature": headers["webhook-signature"].replace("v1,", "v2,")},
    ):
        assert refusal("standard", {}, [secret], changed, BODY) == "bad_signature"
    for time in ("soon", "9" * 5_000):
        assert refusal("standard", {}, [secret], {**headers, "webhook-timestamp": time}, BODY) == "bad_timestamp"
    assert refusal("standard", {}, [secret], headers, BODY + b" ") == "bad_signature"
    assert refusal("standard", {}, [secret], headers, b"\xff") == "bad_signature"
    assert refusal("standard", {}, [new_secret()], headers, BODY) == "bad_signature"


def test_github_signs_the_body_and_names_the_delivery() -> None:
    headers = {"x-hub-signature-256": f"sha256={mac()}", "x-github-delivery": "72d3162e"}
    assert verify("github", {}, [SECRET], headers, BODY).message_id == "72d3162e"
    for bad in (mac(), f"sha1={mac()}", "sha256=", f"sha256={mac(b'x')}", "sha256=zz"):
        assert refusal("github", {}, [SECRET], {"x-hub-signature-256": bad}, BODY) == "bad_signature"
    assert refusal("github", {}, [SECRET], {"x-github-delivery": "72d3162e"}, BODY) == "missing_signature"


def test_stripe_signs_time_and_body_and_is_known_by_its_event() -> None:
    def signed(at: int, secret: str = SECRET) -> dict[str, str]:
        return {"stripe-signature": f"t={at},v1=00ff,v1={mac(f'{at}.'.encode() + BODY, secret)},v0=x"}

    assert verify("stripe", {}, [SECRET], signed(1_000_000), BODY, now=1_000_100).message_id == "evt_1"
    assert refusal("stripe", {}, [SECRET], signed(1_000_000), BODY, now=1_000_400) == "old_timestamp"
    assert refusal("stripe", {}, [SECRET], signed(1_000_000, "another secret"), BODY, now=1_000_000) == "bad_signature"
    for time in ("", "t=soon,", f"t={'9' * 5_000},"):
        assert (
            refusal("stripe", {}, [SECRET], {"stripe-signature": f"{time}v1={mac()}"}, BODY, now=0) == "bad_timestamp"
        )
    assert refusal("stripe", {}, [SECRET], {"stripe-signature": "t=1000000"}, BODY, now=1_000_000) == "bad_signature"


def test_a_plain_hmac_is_read_as_it_was_said() -> None:
    said = {"header": "X-Sig", "prefix": "v0=", "encoding": "base64", "id_header": "X-Id"}
    signature = base64.b64encode(bytes.fromhex(mac())).decode()
    headers = {"x-sig": f"v0={signature}", "x-id": "7"}
    assert verify("hmac", said, [SECRET], headers, BODY).message_id == "7"
    assert refusal("hmac", said, [SECRET], {**headers, "x-sig": signature}, BODY) == "bad_signature"
    assert refusal("hmac", said, [SECRET], {**headers, "x-sig": f"v0={mac()}"}, BODY) == "bad_signature"
    assert refusal("hmac", said, [SECRET], {"x-id": "7"}, BODY) == "missing_signature"


def test_without_an_id_a_message_is_known_by_what_it_says() -> None:
    def message_id(body: bytes, given: str | None = None) -> str:
        headers = {"x-hub-signature-256": f"sha256={mac(body)}", **({"x-github-delivery": given} if given else {})}
        return verify("github", {}, [SECRET], headers, body).message_id

    assert message_id(BODY) == message_id(BODY)
    assert message_id(BODY) != message_id(BODY + b" ")
    assert message_id(BODY, "x" * 500).startswith("sha256:")
