"""API keys: `ap_live_<43 base62>_<6 hex>`. The last part is a checksum: a mistyped key never reaches the database."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from hashlib import sha256
from string import ascii_letters, digits
from typing import Literal
from zlib import crc32

KeyKind = Literal["agent", "operator", "runner"]

_ALPHABET = digits + ascii_letters
_RANDOM_LENGTH = 43  # 256 bits
_PREFIX_LENGTH = 14
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


def new_key(kind: KeyKind = "agent") -> NewKey:
    """Make a key with 256 random bits; a runner's starts `ap_run_`, all others `ap_live_`."""
    stem = "ap_run_" if kind == "runner" else "ap_live_"
    body = stem + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    secret = f"{body}_{_checksum(body)}"
    return NewKey(secret, secret[:_PREFIX_LENGTH], hash_key(secret))


def hash_key(secret: str) -> str:
    """Give the hex sha256 of a key: what is presented to the database instead of the key."""
    return sha256(secret.encode()).hexdigest()


def is_key(text: str) -> bool:
    """Tell whether the text has the form and the checksum of a key."""
    match = _FORM.fullmatch(text)
    return match is not None and match[2] == _checksum(match[1])


def _checksum(body: str) -> str:
    return f"{crc32(body.encode()) & 0xFFFFFF:06x}"
