"""The signature of a request, and which keys ask for one: verified before anything is done.

The database says that a key asks for a signature, when it refuses the first call; a process remembers it, and refuses
from then on by itself what is not signed, or badly.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from functions.shared.auth.signatures import SignedRequest, required, verify_signature

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

    from functions.shared.db.port import ApiKey

MAX_KEPT = 10_000
_PREFIX_LENGTH = 14
_SAFE_IN_PATHS = "/:@!$&'()*+,;=~%"


class SigningKeys:
    """Public keys by what is made of the API key; those that were used last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, str] = OrderedDict()

    def get(self, key_hash: str) -> str | None:
        """Give the public key that the requests of a key must be signed by; None: unknown, or none."""
        return self._kept.get(key_hash)

    def keep(self, key_hash: str, signing_key: str) -> None:
        """Remember it. It never changes: another one belongs to another key."""
        self._kept[key_hash] = signing_key
        self._kept.move_to_end(key_hash)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)

    def forget(self, key_hash: str) -> None:
        """Let go of a key that is no more: its signatures prove nothing."""
        self._kept.pop(key_hash, None)


class RequestSeal:
    """The signature of one request that carries one."""

    __slots__ = ("_key_hash", "_key_id", "_keys", "_request", "signed_by")

    def __init__(self, request: SignedRequest, secret: str, key_hash: str, keys: SigningKeys) -> None:
        self.signed_by: str | None = None
        self._request: SignedRequest | None = request
        self._key_id = secret[:_PREFIX_LENGTH]
        self._key_hash = key_hash
        self._keys = keys

    def verify(self, signing_key: str) -> None:
        """Verify it, once for a public key. Raises Unauthenticated."""
        if self.signed_by == signing_key:
            return
        self._keys.keep(self._key_hash, signing_key)
        if self._request is None:
            raise required()
        verify_signature(self._request, signing_key=signing_key, key_id=self._key_id)
        self.signed_by = signing_key

    def forget(self) -> None:
        """Let go of the request: callers are kept longer than requests are."""
        self._request = None


async def seal_of(request: Request, secret: str, key_hash: str) -> RequestSeal | None:
    """Give the request's signature, if it says that it has one."""
    if "signature-input" not in request.headers:
        return None
    signed = SignedRequest(
        method=request.scope["state"]["method"],
        url=_url(request),
        headers=cast("dict[str, str]", request.headers),
        body=await request.body(),
    )
    return RequestSeal(signed, secret, key_hash, signing_keys_of(request.app))


def check_seal(app: FastAPI, caller: ApiKey) -> bool:
    """Verify the signature of a key that is known to ask for one; tell whether it is. Raises Unauthenticated."""
    signing_key = signing_keys_of(app).get(caller.key_hash)
    if signing_key is None:
        return False
    if caller.seal is None:
        raise required()
    caller.seal.verify(signing_key)
    return True


def signing_keys_of(app: FastAPI) -> SigningKeys:
    """Give the app's memory of public keys."""
    if app.state.signing_keys is None:
        app.state.signing_keys = SigningKeys()
    keys: SigningKeys = app.state.signing_keys
    return keys


def _url(request: Request) -> str:
    """Give the address as it was sent; behind a gateway that hands on decoded paths, as it is written by rule."""
    raw: bytes | None = request.scope["state"]["raw_path"]
    path = raw.decode("latin-1") if raw else quote(request.scope["state"]["path"], safe=_SAFE_IN_PATHS)
    query = cast("bytes", request.scope["query_string"]).decode("latin-1")
    return f"https://plane{path}" + (f"?{query}" if query else "")
