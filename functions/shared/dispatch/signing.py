"""Signs what the plane's functions send each other: who can only write to a queue cannot make a runner work."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Self

from functions.shared.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.shared.config import Settings
    from functions.shared.jsonvalue import Json, JsonObject

_SIGNED = {"doorbell": ("execution_id", "frame", "queue", "org_id"), "chore": ("chore",)}


class Signer:
    """Signs doorbells and chores with the first key, and knows what any of its keys has signed."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [key.encode() for key in keys]

    @classmethod
    def from_settings(cls, settings: Settings) -> Self | None:
        """Give the signer of a deployed function; None on a plane without queues. Raises Unavailable without a key."""
        text = settings.doorbell_key.get_secret_value() if settings.doorbell_key else ""
        if keys := [key.strip() for key in text.split(",") if key.strip()]:
            return cls(keys)
        if not settings.stage and not settings.queue_urls:
            return None
        raise Unavailable(
            "Messages to and from queues cannot be signed: there is no key.",
            code="doorbell_key_missing",
            hint="Set AGENTPLANE_DOORBELL_KEY, or AGENTPLANE_DOORBELL_KEY_PARAMETER: agentplane deploy --init",
        )

    def signed(self, message: Mapping[str, Json]) -> JsonObject:
        """Give the message with `sig`: HMAC-SHA256 in base64url over its kind and its ids."""
        return {**message, "sig": _signature(self._keys[0], message)}

    def is_signed(self, message: Mapping[str, Json]) -> bool:
        """Say whether one of the keys has signed it. Takes the same time whichever it is."""
        said = message.get("sig")
        if not isinstance(said, str) or not said.isascii():
            return False
        return max(hmac.compare_digest(_signature(key, message), said) for key in self._keys)


def _signature(key: bytes, message: Mapping[str, Json]) -> str:
    kind = "chore" if "chore" in message else "doorbell"
    text = json.dumps([kind, *(message.get(name) for name in _SIGNED[kind])])
    return urlsafe_b64encode(hmac.digest(key, text.encode(), "sha256")).rstrip(b"=").decode()
