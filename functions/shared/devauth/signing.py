"""The key that signs development tokens: ES256, one a data folder."""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

if TYPE_CHECKING:
    from functions.shared.jsonvalue import JsonObject

_FILE = "sign-in-key.pem"
_COORDINATE_BYTES = 32


class SigningKey:
    """An ES256 key pair with its key id (RFC 7638 thumbprint)."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private
        numbers = private.public_key().public_numbers()
        x, y = (_base64(each.to_bytes(_COORDINATE_BYTES, "big")) for each in (numbers.x, numbers.y))
        thumbprint = f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'
        self.id = _base64(sha256(thumbprint.encode()).digest())
        self.jwks: JsonObject = {
            "keys": [
                {
                    "alg": "ES256",
                    "crv": "P-256",
                    "ext": True,
                    "key_ops": ["verify"],
                    "kid": self.id,
                    "kty": "EC",
                    "use": "sig",
                    "x": x,
                    "y": y,
                }
            ]
        }

    @classmethod
    def of_folder(cls, folder: Path) -> SigningKey:
        """Give the folder's key, made when there is none yet; readable by nobody else."""
        path = folder / _FILE
        if not path.exists():
            made = ec.generate_private_key(ec.SECP256R1())
            pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            partial = path.with_name(f".{_FILE}.{os.getpid()}")
            partial.touch(mode=0o600)
            partial.write_bytes(pem)
            partial.replace(path)
        private = load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{path} must hold an elliptic curve key; delete it to get a new one")
        return cls(private)

    def sign(self, claims: dict[str, Any]) -> str:
        """Give the claims as a signed token."""
        return jwt.encode(claims, self._private, algorithm="ES256", headers={"kid": self.id})

    def read(self, token: str, *, issuer: str) -> dict[str, Any]:
        """Give the claims of a token of ours that has not expired. Raises jwt.InvalidTokenError."""
        return jwt.decode(
            token,
            self._private.public_key(),
            algorithms=["ES256"],
            audience="authenticated",
            issuer=issuer,
            options={"require": ["exp", "sub"]},
        )


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
