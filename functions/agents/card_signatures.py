"""The signatures of a card: JWS (RFC 7515) over its canonical JSON (RFC 8785), by keys of the origin that serves it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from functions.agents.cards import Signature
    from functions.shared.jsonvalue import Json, JsonObject

ALGORITHMS = ("ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA")
_KEY_TYPES = {"ES": "EC", "RS": "RSA", "PS": "RSA", "Ed": "OKP"}
# What must stand in a card even when it is empty (A2A 1.0, 8.4.1); other empty fields are not part of what is signed.
_REQUIRED = frozenset(
    [
        "name",
        "description",
        "version",
        "supportedInterfaces",
        "capabilities",
        "defaultInputModes",
        "defaultOutputModes",
        "skills",
        "id",
        "tags",
        "url",
        "protocolBinding",
        "protocolVersion",
        "organization",
    ]
)


@dataclass(frozen=True, slots=True)
class Header:
    """The protected header of a signature. `jku`: where its key is; None: at the usual place."""

    algorithm: str
    key_id: str
    jku: str | None


@dataclass(eq=False)
class BadSignature(Exception):
    """A signature proves nothing, and why."""

    why: str


def read_header(signature: Signature) -> Header:
    """Read a protected header. Raises BadSignature for one that cannot be checked or must not be trusted."""
    try:
        said: Any = json.loads(_decoded(signature.protected))
        algorithm, key_id, jku = said["alg"], said["kid"], said.get("jku")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadSignature("its protected header is not JSON with alg and kid") from None
    if algorithm not in ALGORITHMS:
        raise BadSignature(f"its algorithm {str(algorithm)[:20]!r} is not one of {', '.join(ALGORITHMS)}")
    if "crit" in said or not isinstance(key_id, str) or not isinstance(jku, str | None):
        raise BadSignature("its protected header asks for what this plane does not know")
    return Header(algorithm, key_id, jku)


def verify(signature: Signature, header: Header, card: JsonObject, keys: Iterable[Mapping[str, Any]]) -> None:
    """Check one signature with the keys of a JWKS. Raises BadSignature."""
    from jwt import PyJWK, PyJWS  # noqa: PLC0415  signed cards are few
    from jwt.exceptions import PyJWTError  # noqa: PLC0415

    key = _key(header, keys)
    try:
        public = PyJWK.from_dict({**key}, algorithm=header.algorithm)
    except (PyJWTError, ValueError, TypeError):
        raise BadSignature(f"the key {header.key_id!r} cannot be used with {header.algorithm}") from None
    for payload in signed_forms(card):
        compact = f"{signature.protected}.{_encoded(payload)}.{signature.signature}"
        try:
            PyJWS().decode_complete(compact, public, algorithms=[header.algorithm])
        except (PyJWTError, ValueError):
            continue
        return
    raise BadSignature(f"it is not made by the key {header.key_id!r} over this card")


def signed_forms(card: JsonObject) -> Sequence[bytes]:
    """Give what may have been signed: the card without its signatures, less its empty fields, or with them.

    The protocol asks for the first; signers that leave nothing out make the second.
    """
    import rfc8785  # noqa: PLC0415

    bare = {name: value for name, value in card.items() if name != "signatures"}
    try:
        return list(
            dict.fromkeys((rfc8785.dumps(cast("Any", _without_defaults(bare))), rfc8785.dumps(cast("Any", bare))))
        )
    except (ValueError, RecursionError):
        raise BadSignature("the card has no canonical form: a number in it is too large") from None


def _without_defaults(value: Json) -> Json:
    if isinstance(value, list):
        return [_without_defaults(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _without_defaults(inner)
        for name, inner in value.items()
        if name in _REQUIRED or (inner is not None and inner not in ("", [], {}))
    }


def _key(header: Header, keys: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    found = [key for key in keys if key.get("kid") == header.key_id]
    if len(found) != 1:
        raise BadSignature(f"its key {header.key_id!r} is {'there twice' if found else 'not there'}")
    key = found[0]
    wrong_use = key.get("use", "sig") != "sig" or "verify" not in key.get("key_ops", ["verify"])
    wrong_kind = (
        key.get("kty") != _KEY_TYPES[header.algorithm[:2]] or key.get("alg", header.algorithm) != header.algorithm
    )
    if wrong_use or wrong_kind:
        raise BadSignature(f"its key {header.key_id!r} is not one for {header.algorithm} signatures")
    return key


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encoded(payload: bytes) -> str:
    return base64.urlsafe_b64encode(payload).rstrip(b"=").decode()
