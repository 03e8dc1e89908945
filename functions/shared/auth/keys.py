"""API keys: `ap_live_<43 base62>_<6 hex>`. The last part is a checksum: a mistyped key never reaches the database."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from hmac import digest as hmac_sha256
from string import ascii_letters, digits
from typing import TYPE_CHECKING, Literal
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Sequence

KeyKind = Literal["agent", "operator", "runner"]

_ALPHABET = digits + ascii_letters
_RANDOM_LENGTH = 43  # 256 bits
_PREFIX_LENGTH = 14
MAX_PEPPERS = 4
_FORM = re.compile(rf"(ap_(?:live|run)_[0-9A-Za-z]{{{_RANDOM_LENGTH}}})_([0-9a-f]{{6}})")

SCOPES: tuple[str, ...] = (
    "agents:read",
    "agents:write",
    "state:read",
    "state:write",
    "memory:read",
    "memory:write",
    "workflows:read",
    "workflows:write",
    "executions:read",
    "executions:write",
    "handoffs:read",
    "handoffs:write",
    "escalations:read",
    "escalations:write",
    "interpret:run",
    "webhooks:read",
    "webhooks:write",
    "triggers:read",
    "triggers:write",
    "templates:read",
    "templates:write",
    "observe:read",
    "observe:write",
    "keys:manage",
    "approvals:decide",
    "audit:read",
    "members:manage",
    "limits:manage",
    "secrets:manage",
    "secrets:use",
    "policies:manage",
    "data:manage",
)
OPERATOR_ONLY = frozenset(
    {
        "webhooks:write",
        "triggers:write",
        "keys:manage",
        "approvals:decide",
        "audit:read",
        "members:manage",
        "limits:manage",
        "secrets:manage",
        "secrets:use",
        "policies:manage",
        "data:manage",
    }
)
AGENT_SCOPES: tuple[str, ...] = tuple(scope for scope in SCOPES if scope not in OPERATOR_ONLY)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. Only `prefix` and `key_hash` may be stored; `secret` is shown once."""

    secret: str
    prefix: str
    key_hash: str


def new_key(kind: KeyKind = "agent", peppers: Sequence[str] = ("",)) -> NewKey:
    """Make a key with 256 random bits; a runner's starts `ap_run_`, all others `ap_live_`. Kept by the first pepper."""
    stem = "ap_run_" if kind == "runner" else "ap_live_"
    body = stem + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    secret = f"{body}_{_checksum(body)}"
    return NewKey(secret, secret[:_PREFIX_LENGTH], hash_key(secret, peppers[:1]))


def hash_key(secret: str, peppers: Sequence[str] = ("",)) -> str:
    """Give what is presented to the database instead of the key: HMAC-SHA256 with each pepper, in hex, by spaces.

    Without a pepper (empty) it is the sha256. A database that leaks tells nothing that could be tried against it.
    """
    if len(peppers) == 1:
        return _presented(secret, peppers[0])
    return " ".join(_presented(secret, pepper) for pepper in peppers)


@lru_cache(maxsize=8)
def read_peppers(text: str) -> tuple[str, ...]:
    """Read `current,former` peppers. `current,`: before there was one, keys were kept without."""
    return tuple(part.strip() for part in text.split(",")[:MAX_PEPPERS])


def is_key(text: str) -> bool:
    """Tell whether the text has the form and the checksum of a key."""
    match = _FORM.fullmatch(text)
    return match is not None and match[2] == _checksum(match[1])


def _presented(secret: str, pepper: str) -> str:
    if not pepper:
        return sha256(secret.encode()).hexdigest()
    return hmac_sha256(pepper.encode(), secret.encode(), "sha256").hex()


def _checksum(body: str) -> str:
    return f"{crc32(body.encode()) & 0xFFFFFF:06x}"
