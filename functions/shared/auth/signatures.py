"""Signed requests: HTTP Message Signatures (RFC 9421) with Ed25519, bodies by Content-Digest (RFC 9530).

A key that was made with a public key is worth nothing without the private one: who finds it in a log cannot sign. What
is seen of a request on its way can be sent again for `MAX_AGE`; a change must therefore carry an Idempotency-Key, by
which sending it again only gives the first answer.

@authority is not asked for: behind a gateway or a domain of one's own the host that arrives is another one. The key
belongs to one plane anyway, and `authorization` is covered.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from functions.shared.errors import NextStep, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_AGE = timedelta(seconds=300)
CLOCK_SKEW = timedelta(seconds=30)
ALWAYS = ("@method", "@path", "@query", "authorization")
WHEN_SENT = ("agentplane-agent", "idempotency-key", "if-match")
READS = frozenset({"GET", "HEAD"})
_KEY_BYTES = 32
_LONGEST = 4_000  # characters of Signature-Input, and of Signature
_HINT = (
    "Cover @method, @path, @query and authorization; the Content-Digest of a body; the Idempotency-Key of a change; "
    "AgentPlane-Agent and If-Match when they are sent. Say created, and as keyid the first 14 characters of the key."
)
_DOCS = NextStep("read how requests are signed", "GET", "/problems/signature_invalid")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it came. `url` absolute, its path and query as they were sent; the host does not matter."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


def verify_signature(request: SignedRequest, *, signing_key: str, key_id: str) -> None:
    """Verify the one signature of a request by a public key (base64). Raises Unauthenticated `signature_invalid`."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415  only where signed
    from http_message_signatures.algorithms import ED25519  # noqa: PLC0415  # pyright: ignore[reportPrivateImportUsage]
    from http_message_signatures.exceptions import HTTPMessageSignaturesException  # noqa: PLC0415
    from http_message_signatures.resolvers import MappingKeyResolver  # noqa: PLC0415
    from http_message_signatures.signatures import HTTPMessageVerifier  # noqa: PLC0415

    for name in ("signature-input", "signature"):
        if len(request.headers.get(name, "")) > _LONGEST:
            raise invalid(f"{name} is longer than {_LONGEST} characters.")
    public_key = Ed25519PublicKey.from_public_bytes(base64.b64decode(signing_key))
    verifier = HTTPMessageVerifier(
        signature_algorithm=ED25519,
        key_resolver=MappingKeyResolver(public_keys={key_id: public_key}, private_keys={}),
    )
    verifier.max_clock_skew = CLOCK_SKEW
    try:
        # Exactly one signature: the library refuses to choose among several without a tag.
        (result,) = verifier.verify(  # pyright: ignore[reportUnknownMemberType]  its messages have no type
            request, max_age=MAX_AGE - CLOCK_SKEW, body=request.body
        )
    except HTTPMessageSignaturesException as error:
        raise invalid(_reason(error)) from None
    for name in _needed(request):
        if f'"{name}"' not in result.covered_components:
            raise invalid(f"It does not cover {name}.")


def required() -> Unauthenticated:
    """Give the refusal of a request that is not signed though its key asks for it."""
    return Unauthenticated(
        "Requests with this API key must be signed, and this one is not.",
        code="signature_required",
        hint="Sign it with the private key that belongs to the key.",
        next=[_DOCS],
    )


def invalid(why: str) -> Unauthenticated:
    """Give the refusal of a signature, with the reason."""
    return Unauthenticated(f"The signature is not valid. {why}", code="signature_invalid", hint=_HINT, next=[_DOCS])


def read_signing_key(text: str) -> str:
    """Give a public key in its one form: base64 of 32 bytes. Raises ValueError."""
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != _KEY_BYTES or not any(raw):
        raise ValueError("not base64 of the 32 bytes of a public Ed25519 key")
    return base64.b64encode(raw).decode()


def _needed(request: SignedRequest) -> Iterator[str]:
    yield from ALWAYS
    if request.method not in READS:
        yield "idempotency-key"
    yield from (name for name in WHEN_SENT if name in request.headers)


def _reason(error: Exception) -> str:
    said = str(error)
    return f"{said[:200].rstrip('.')}." if said else "It does not fit the request."
