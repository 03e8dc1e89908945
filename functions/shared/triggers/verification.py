"""Whether a message is its sender's: four ways to sign one. Constant time, and never skipped."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.shared.jsonvalue import JsonObject

Scheme: TypeAlias = Literal["standard", "github", "stripe", "hmac"]
TOLERANCE_S = 300
MAX_MESSAGE_ID = 200
MAX_TIMESTAMP = 20


class NotVerified(Exception):
    """The message is not what it has to be. `code` says how; the text names no secret."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Verified:
    """A message that its sender signed, and the id by which it is known again."""

    message_id: str


def verify(
    scheme: Scheme,
    verification: JsonObject,
    secrets: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: float | None = None,
) -> Verified:
    """Check a message against any of the secrets. `headers` by lower-case name. Raises NotVerified."""
    match scheme:
        case "standard":
            return _standard(secrets, headers, body)
        case "github":
            signature = _header(headers, "x-hub-signature-256")
            _check_hmac(secrets, body, signature.removeprefix("sha256="), "hex", is_whole=signature[:7] == "sha256=")
            return Verified(_id_or_hash(headers.get("x-github-delivery"), body))
        case "stripe":
            return _stripe(secrets, headers, body, time.time() if now is None else now)
        case "hmac":
            return _plain(verification, secrets, headers, body)


def _standard(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> Verified:
    from standardwebhooks import Webhook, WebhookVerificationError  # noqa: PLC0415  only this scheme needs it

    message_id = _header(headers, "webhook-id")
    timestamp = _header(headers, "webhook-timestamp")
    _header(headers, "webhook-signature")
    if not _is_time(timestamp):
        raise NotVerified("bad_timestamp", "webhook-timestamp must be seconds since 1970.")
    if abs(time.time() - int(timestamp)) > TOLERANCE_S:
        raise NotVerified("old_timestamp", f"webhook-timestamp is more than {TOLERANCE_S} s from now.")
    for secret in secrets:
        try:
            Webhook(secret).verify(body, dict(headers), json_parse=False)
        except (WebhookVerificationError, ValueError):  # ValueError: what is no signature at all
            continue
        return Verified(_id_or_hash(message_id, body))
    raise _bad_signature()


def _stripe(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: float) -> Verified:
    parts = [part.strip().partition("=") for part in _header(headers, "stripe-signature").split(",")]
    timestamp = next((value for name, _, value in parts if name == "t"), "")
    signatures = [value for name, _, value in parts if name == "v1"][:10]
    if not _is_time(timestamp):
        raise NotVerified("bad_timestamp", "Stripe-Signature needs t=<seconds since 1970>.")
    if abs(now - int(timestamp)) > TOLERANCE_S:
        raise NotVerified("old_timestamp", f"Its t is more than {TOLERANCE_S} s from now.")
    signed = timestamp.encode() + b"." + body
    if not any([_is_hmac(secrets, signed, each, "hex") for each in signatures]):  # noqa: C419  all are compared
        raise _bad_signature()
    return Verified(_id_or_hash(_event_id(body), body))


def _plain(verification: JsonObject, secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> Verified:
    name = str(verification["header"]).lower()
    prefix = str(verification.get("prefix") or "")
    encoding = cast("Literal['hex', 'base64']", verification.get("encoding") or "hex")
    signature = _header(headers, name)
    _check_hmac(secrets, body, signature.removeprefix(prefix), encoding, is_whole=signature.startswith(prefix))
    id_header = verification.get("id_header")
    return Verified(_id_or_hash(headers.get(str(id_header).lower()) if id_header else None, body))


def _check_hmac(
    secrets: Sequence[str], signed: bytes, signature: str, encoding: Literal["hex", "base64"], *, is_whole: bool
) -> None:
    if not _is_hmac(secrets, signed, signature, encoding) or not is_whole:
        raise _bad_signature()


def _is_hmac(secrets: Sequence[str], signed: bytes, signature: str, encoding: Literal["hex", "base64"]) -> bool:
    try:
        given = bytes.fromhex(signature) if encoding == "hex" else base64.b64decode(signature, validate=True)
    except (ValueError, binascii.Error):
        given = b""
    expected = [hmac.digest(secret.encode(), signed, sha256) for secret in secrets]
    return any([hmac.compare_digest(given, each) for each in expected])  # noqa: C419  all are compared


def _is_time(text: str) -> bool:
    """Whether a text is whole seconds; Python reads no number of thousands of digits."""
    return text.isascii() and text.isdecimal() and len(text) <= MAX_TIMESTAMP


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "").strip()
    if not value:
        raise NotVerified("missing_signature", f"The header {name} is missing.")
    return value


def _event_id(body: bytes) -> str | None:
    try:
        document = json.loads(body)
    except ValueError:
        return None
    found = cast("JsonObject", document).get("id") if isinstance(document, dict) else None
    return found if isinstance(found, str) else None


def _id_or_hash(message_id: str | None, body: bytes) -> str:
    """Know a message by its sender's id, else by what it says; an id that is no short plain text is hashed too."""
    text = (message_id or "").strip()
    if text and len(text) <= MAX_MESSAGE_ID and text.isprintable():
        return text
    return "sha256:" + sha256(text.encode("utf-8", "replace") + b"\n" + body).hexdigest()


def _bad_signature() -> NotVerified:
    return NotVerified("bad_signature", "The signature is not that of this message with this hook's secret.")
