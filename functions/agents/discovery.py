"""Fetches the card of an A2A agent, checks it and its signature, and gives the agent to register."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn, cast

from functions.agents.card_signatures import BadSignature, read_header, verify
from functions.agents.cards import Card, agent_of, read_card
from functions.shared.errors import InvalidInput

if TYPE_CHECKING:
    import httpx

    from functions.shared.jsonvalue import JsonObject
    from functions.shared.steps.base import HttpPolicy, StepFailed
    from functions.shared.steps.fetch import Fetched

WELL_KNOWN = "/.well-known/agent-card.json"
USUAL_KEYS = "/.well-known/jwks.json"
MAX_BYTES = 256_000
TIMEOUT_S = 8.0
MAX_REDIRECTS = 3
_TEMPORARY = frozenset({"dns_failed", "connect_failed", "timed_out", "connection_lost"})
_PLAIN_HTTP_STATUS = 200


@dataclass(frozen=True, slots=True)
class Discovered:
    """A card that was found. `fields`: of the agent · `key_id`: of the key that signed it."""

    card_url: str
    name: str
    fields: JsonObject
    verified: Literal["signed", "unsigned"]
    key_id: str | None


async def discover(card_url: str, policy: HttpPolicy) -> Discovered:
    """Fetch and check a card. Raises InvalidInput with a code of `card_…` that says why it cannot be.

    Nothing of an answer from an address inside the plane's own network is ever told: it is not even asked.
    """
    url = _address(card_url, policy)
    answer = await _fetch(url, policy, "card")
    card, said = read_card(answer.body)
    key_id = await _signed_by(card, said, url, policy)
    return Discovered(str(url), card.name, agent_of(card, said), "signed" if key_id else "unsigned", key_id)


async def _signed_by(card: Card, said: JsonObject, url: httpx.URL, policy: HttpPolicy) -> str | None:
    """Give the key of the first signature that holds; None without any. Raises InvalidInput when none holds."""
    why: list[str] = []
    for place, signature in enumerate(card.signatures):
        try:
            header = read_header(signature)
            keys = await _keys(header.jku, url, policy)
            verify(signature, header, said, keys)
        except BadSignature as bad:
            why.append(f"signature {place}: {bad.why}")
            continue
        return header.key_id
    if why:
        raise InvalidInput(
            f"The card is signed, and no signature holds: {'; '.join(why)}.",
            code="card_signature_invalid",
            hint="Do not trust this card. Its owner has to sign it with a key of the origin that serves it.",
        )
    return None


async def _keys(jku: str | None, card_url: httpx.URL, policy: HttpPolicy) -> list[dict[str, Any]]:
    from functions.shared.steps.base import StepFailed  # noqa: PLC0415
    from functions.shared.steps.fetch import parse_url  # noqa: PLC0415

    try:
        url = parse_url(jku) if jku is not None else card_url.join(USUAL_KEYS)
    except StepFailed:
        raise BadSignature("its jku is not an address") from None
    if _origin(url) != _origin(card_url):
        raise BadSignature("its jku leads to another origin than the card's")
    try:
        answer = await _fetch(url, policy, "keys")
        said: Any = json.loads(answer.body)
        keys: list[Any] = said["keys"]
    except (InvalidInput, ValueError, KeyError, TypeError, RecursionError):
        raise BadSignature("its keys cannot be read") from None
    return [cast("dict[str, Any]", key) for key in keys if isinstance(key, dict)]


def _address(text: str, policy: HttpPolicy) -> httpx.URL:
    from functions.shared.steps.base import StepFailed  # noqa: PLC0415
    from functions.shared.steps.fetch import parse_url  # noqa: PLC0415
    from functions.shared.steps.network import is_allowed_private  # noqa: PLC0415

    try:
        url = parse_url(text)
    except StepFailed as failed:
        _refuse(failed, "card")
    if url.scheme != "https" and not is_allowed_private(url.host, url.port or 80, policy):
        raise InvalidInput(
            "A card is fetched over https only.", code="card_needs_https", hint="Give an address with https://."
        )
    url = url.copy_with(fragment=None)
    return url.copy_with(path=WELL_KNOWN) if url.path in ("", "/") and not url.query else url


async def _fetch(url: httpx.URL, policy: HttpPolicy, what: str) -> Fetched:
    """Get a document of a card's origin: JSON, small, soon, and from that origin even after redirects."""
    from dataclasses import replace  # noqa: PLC0415

    import httpx  # noqa: PLC0415  the app loads without it

    from functions.shared.steps.base import StepFailed  # noqa: PLC0415
    from functions.shared.steps.fetch import Outgoing, fetch  # noqa: PLC0415

    limited = replace(policy, max_bytes=MAX_BYTES, max_redirects=MAX_REDIRECTS)
    try:
        answer = await fetch(Outgoing("GET", url, {"Accept": "application/json"}), limited, timeout_s=TIMEOUT_S)
    except StepFailed as failed:
        _refuse(failed, what)
    if _origin(httpx.URL(answer.url)) != _origin(url):
        raise InvalidInput(
            "The address leads to another origin, which this one cannot speak for.",
            code="card_redirected",
            hint="Give the address that it leads to.",
        )
    if answer.status != _PLAIN_HTTP_STATUS:
        raise InvalidInput(
            f"There is no card at {url.copy_with(query=None)}: it answered with status {answer.status}.",
            code="card_not_found",
            hint=f"Give the address of a card, or an origin that has one at {WELL_KNOWN}.",
        )
    return answer


def _refuse(failed: StepFailed, what: str) -> NoReturn:
    """Translate; where an address led to is not told, so that nobody can map the plane's own network with it."""
    if failed.code in _TEMPORARY:
        raise InvalidInput(
            f"The {what} could not be fetched: {failed.code.replace('_', ' ')}.",
            code="card_unreachable",
            hint="Is the address right, and the agent running? Then try again in a while.",
        ) from None
    if failed.code == "address_refused":
        raise InvalidInput(
            "This address is not on the public internet.",
            code="card_address_refused",
            hint="Give a public address, or have the plane's operator list the host in AGENTPLANE_ALLOW_PRIVATE_HOSTS.",
        ) from None
    codes = {"too_large": "card_too_large", "invalid_url": "card_url_invalid"}
    raise InvalidInput(
        failed.message if failed.code != "bad_encoding" else "The answer is not encoded as it says.",
        code=codes.get(failed.code, "card_not_readable"),
        hint=f"A card is JSON of at most {MAX_BYTES} bytes at an https address.",
    ) from None


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return (url.scheme, url.host.lower().rstrip("."), url.port or {"http": 80, "https": 443}.get(url.scheme, 0))
