"""Keeps secrets unreadable in the database: each has a data key of its own, which the plane's master key wraps.

A sealed secret is JSON: {v, alg, key, wrapped, text}. `key` names the master key that wrapped the data key; `wrapped`
and `text` are base64 of a 96-bit nonce and AES-256-GCM's ciphertext with its tag. What belongs to whom is authenticated
with both (organisation, name, version), so that a row moved elsewhere opens nothing. Rotation wraps data keys anew; the
text itself stays as it is.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Self, cast

from functions.shared.errors import Internal, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from functions.shared.config import Settings
    from functions.shared.jsonvalue import JsonObject

ALGORITHM = "A256GCM"
FORMAT = 1
_KEY_BYTES = 32
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One master key. `id` names it without telling anything about it."""

    id: str
    bits: bytes

    @classmethod
    def of(cls, text: str) -> Self:
        """Read base64 of 32 bytes. Raises ValueError."""
        try:
            bits = base64.b64decode(text.strip(), altchars=b"-_" if set(text) & set("-_") else None, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("a master key is base64") from None
        if len(bits) != _KEY_BYTES:
            raise ValueError(f"a master key has {_KEY_BYTES} bytes, this has {len(bits)}")
        return cls(sha256(b"agentplane master key\0" + bits).hexdigest()[:12], bits)


class Sealer:
    """Seals with the first master key and opens with all of them. Without any it refuses both."""

    def __init__(self, keys: Sequence[MasterKey]) -> None:
        self._keys = {key.id: key for key in keys}
        self._current = keys[0] if keys else None

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Use AGENTPLANE_MASTER_KEY: one key, or several with commas, the one that seals first. Raises Unavailable."""
        text = "" if settings.master_key is None else settings.master_key.get_secret_value()
        try:
            return cls([MasterKey.of(part) for part in text.split(",") if part.strip()])
        except ValueError as error:
            raise Unavailable(
                f"AGENTPLANE_MASTER_KEY cannot be used: {error}.",
                code="sealing_not_configured",
                hint="Make one with `openssl rand -base64 32`.",
            ) from None

    @property
    def is_ready(self) -> bool:
        """Whether there is a key to seal with."""
        return self._current is not None

    @property
    def current(self) -> str:
        """Give the id of the key that seals now. Raises Unavailable `sealing_not_configured`."""
        return self._sealing_key().id

    def seal(self, org_id: str | UUID, name: str, text: str, version: int = 1) -> JsonObject:
        """Give what may be stored. Raises Unavailable `sealing_not_configured`."""
        master = self._sealing_key()
        owner = _owner(org_id, name, version)
        data_key = secrets.token_bytes(_KEY_BYTES)
        return {
            "v": FORMAT,
            "alg": ALGORITHM,
            "key": master.id,
            "wrapped": _encrypt(master.bits, data_key, owner + master.id.encode()),
            "text": _encrypt(data_key, text.encode(), owner),
        }

    def open(self, org_id: str | UUID, name: str, sealed: JsonObject, version: int = 1) -> str:
        """Give the text. Raises Unavailable without its master key, Internal `secret_damaged` if it was changed."""
        owner = _owner(org_id, name, version)
        data_key = self._data_key(sealed, owner, name)
        return _decrypt(data_key, sealed.get("text"), owner, name).decode()

    def is_current(self, sealed: JsonObject) -> bool:
        """Whether the key that seals now has wrapped it."""
        return sealed.get("key") == self._sealing_key().id

    def reseal(self, org_id: str | UUID, name: str, sealed: JsonObject, version: int = 1) -> JsonObject:
        """Wrap the same data key with the key that seals now. Raises as `open`: what does not open is not touched."""
        self.open(org_id, name, sealed, version)
        master = self._sealing_key()
        owner = _owner(org_id, name, version)
        data_key = self._data_key(sealed, owner, name)
        wrapped = _encrypt(master.bits, data_key, owner + master.id.encode())
        return {**sealed, "key": master.id, "wrapped": wrapped}

    def _sealing_key(self) -> MasterKey:
        if self._current is None:
            raise Unavailable(
                "This plane has no master key, so it cannot keep secrets.",
                code="sealing_not_configured",
                hint="Set AGENTPLANE_MASTER_KEY to the output of `openssl rand -base64 32`, and keep a copy elsewhere.",
            )
        return self._current

    def _data_key(self, sealed: JsonObject, owner: bytes, name: str) -> bytes:
        key_id = sealed.get("key")
        if sealed.get("v") != FORMAT or sealed.get("alg") != ALGORITHM:
            raise _damaged(name)
        master = self._keys.get(key_id) if isinstance(key_id, str) else None
        if master is None:
            raise Unavailable(
                f"{name} was sealed with the master key {str(key_id)[:20]}, which this plane does not have.",
                code="master_key_missing",
                hint="Add the former master key to AGENTPLANE_MASTER_KEY, after the present one and a comma.",
            )
        return _decrypt(master.bits, sealed.get("wrapped"), owner + master.id.encode(), name)


def new_master_key() -> str:
    """Make a master key, as AGENTPLANE_MASTER_KEY takes it."""
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def _owner(org_id: str | UUID, name: str, version: int) -> bytes:
    """Write whose it is, so that no two owners are written alike."""
    return json.dumps(["agentplane secret", FORMAT, str(org_id).lower(), name, version]).encode()


def _encrypt(key: bytes, text: bytes, owner: bytes) -> str:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  only who seals loads it

    nonce = secrets.token_bytes(_NONCE_BYTES)
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, text, owner)).decode()


def _decrypt(key: bytes, sealed: object, owner: bytes, name: str) -> bytes:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    try:
        raw = base64.b64decode(cast("str", sealed), validate=True)
        return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], owner)
    except (InvalidTag, ValueError, TypeError):
        raise _damaged(name) from None


def _damaged(name: str) -> Internal:
    return Internal(
        f"{name} cannot be opened: what is stored is not what was sealed for it.",
        code="secret_damaged",
        hint="Set its value again.",
    )
