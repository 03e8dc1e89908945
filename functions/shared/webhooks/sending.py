"""One attempt: the request to a receiver, and what its answer means.

No redirect is followed, TLS is verified, every address is checked when the connection is made, and only the
beginning of an answer is read.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import httpx

from functions.shared.errors import FieldProblem
from functions.shared.steps.base import HttpPolicy, StepFailed
from functions.shared.steps.fetch import USER_AGENT, parse_url, plain_failures, retry_after, shown
from functions.shared.steps.network import GuardedTransport, checked_addresses, is_allowed_private

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TIMEOUT_S = 15.0
MAX_URL = 2_000
_EXCERPT_BYTES = 1_000
_GONE = 410


@dataclass(frozen=True, slots=True)
class Attempt:
    """How an attempt went. `gone`: the receiver wants nothing more (410). `retry_after_s`: what it asked for."""

    outcome: Literal["delivered", "failed", "gone"]
    duration_ms: int
    status_code: int | None = None
    error_code: str | None = None
    error: str | None = None
    response: str | None = None
    retry_after_s: float | None = None


async def send(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    policy: HttpPolicy,
    *,
    hidden: Sequence[str] = (),
    timeout_s: float = TIMEOUT_S,
) -> Attempt:
    """Send once. Never raises for what a receiver or the network does. `hidden` never stands in what is kept."""
    began = time.perf_counter()

    def took() -> int:
        return round((time.perf_counter() - began) * 1000)

    sent = {"user-agent": USER_AGENT, "accept-encoding": "identity", **headers}
    try:
        where = parse_url(url)
        async with (
            plain_failures(shown(where), timeout_s),
            # No timeout of its own: plain_failures has it, for the whole.
            httpx.AsyncClient(transport=GuardedTransport(policy), trust_env=False, timeout=None) as client,  # noqa: S113
            client.stream("POST", where, headers=sent, content=body) as answer,
        ):
            excerpt = _hide(await _beginning(answer), hidden)
    except StepFailed as failure:
        return Attempt("failed", took(), error_code=failure.code, error=_hide(failure.message, hidden))
    status = answer.status_code
    if answer.is_success:
        return Attempt("delivered", took(), status, response=excerpt)
    said = f"It answered {status} {httpx.codes.get_reason_phrase(status)}".rstrip() + "."
    if answer.is_redirect:
        said += " Redirects are not followed: register the address that it leads to."
    return Attempt(
        outcome="gone" if status == _GONE else "failed",
        duration_ms=took(),
        status_code=status,
        error_code="http_status",
        error=said,
        response=excerpt,
        retry_after_s=retry_after({name.lower(): value for name, value in answer.headers.items()}),
    )


async def url_problem(text: str, policy: HttpPolicy, pointer: str = "/url") -> FieldProblem | None:
    """Say why an address cannot be a webhook's: not https, or nothing on the public internet."""
    try:
        url = parse_url(text)
        port = url.port or (443 if url.scheme == "https" else 80)
        if url.scheme != "https" and not is_allowed_private(url.host, port, policy):
            message = "A webhook's address begins with https://."
            private = f"AGENTPLANE_ALLOW_PRIVATE_HOSTS='[\"{url.host}:{port}\"]'"
            hint = f"Give the receiver a certificate; for one on your own machine start the plane with {private}."
            return FieldProblem(pointer, "not_https", message, hint)
        await checked_addresses(url.host, port, policy)
    except StepFailed as failure:
        return FieldProblem(pointer, failure.code, failure.message)
    return None


async def _beginning(answer: httpx.Response) -> str:
    parts = b""
    async for part in answer.aiter_raw():
        parts += part
        if len(parts) >= _EXCERPT_BYTES:
            break
    return parts[:_EXCERPT_BYTES].decode("utf-8", errors="replace").replace("\x00", "\ufffd")


def _hide(text: str, hidden: Sequence[str]) -> str:
    for secret in hidden:
        for form in (secret, secret.removeprefix("whsec_")):
            text = text.replace(form, "[secret]")
    return text
