"""Signs requests (RFC 9421, Ed25519), for keys that were made with a public key; `pip install agentplane[signing]`.

The signature covers method, path, query, the key, the body's digest and what the headers below ask for.
"""

from __future__ import annotations

import base64
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Self

from agentplane.errors import AgentPlaneError

if TYPE_CHECKING:
    import httpx
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_LABEL = "agentplane"
_KEY_ID_LENGTH = 14  # characters of the API key that everybody may see
_HEADERS = ("authorization", "content-digest", "idempotency-key", "if-match", "agentplane-agent")


class SigningKey:
    """A private Ed25519 key, as base64 of its 32 bytes. `public` is what `POST /api/keys` takes as `signing_key`."""

    def __init__(self, private: str) -> None:
        try:
            raw = base64.b64decode(private, validate=True)
            self._key = _private_key_class().from_private_bytes(raw)
        except ValueError:
            message = "A signing key is base64 of the 32 bytes of a private Ed25519 key."
            raise AgentPlaneError(message) from None
        self.private = private

    @classmethod
    def generate(cls) -> Self:
        """Make a new pair."""
        return cls(base64.b64encode(_private_key_class().generate().private_bytes_raw()).decode())

    @property
    def public(self) -> str:
        """The public key, as base64."""
        return base64.b64encode(self._key.public_key().public_bytes_raw()).decode()

    def sign(self, request: httpx.Request) -> None:
        """Add Content-Digest, Signature-Input and Signature to a request that carries an API key."""
        content = request.content
        if content:
            request.headers["Content-Digest"] = f"sha-256=:{_base64(sha256(content).digest())}:"
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        values = {"@method": request.method.upper(), "@path": path, "@query": f"?{query}"}
        values |= {name: request.headers[name].strip() for name in _HEADERS if name in request.headers}
        names = " ".join(f'"{name}"' for name in values)
        key_id = request.headers["authorization"].partition(" ")[2][:_KEY_ID_LENGTH]
        parameters = f'({names});created={int(time.time())};keyid="{key_id}";alg="ed25519"'
        lines = [*(f'"{name}": {value}' for name, value in values.items()), f'"@signature-params": {parameters}']
        signature = self._key.sign("\n".join(lines).encode())
        request.headers["Signature-Input"] = f"{_LABEL}={parameters}"
        request.headers["Signature"] = f"{_LABEL}=:{_base64(signature)}:"


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _private_key_class() -> type[Ed25519PrivateKey]:
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415  optional
    except ImportError:
        message = "Signing requests needs the package cryptography: pip install agentplane[signing]"
        raise AgentPlaneError(message) from None
    return Ed25519PrivateKey
