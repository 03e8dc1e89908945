"""One HTTP request with redirects: the engine of the http step and of the tools that go out."""

from __future__ import annotations

import asyncio
import re
import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpcore
import httpx

from functions.shared.steps.base import HttpPolicy, StepFailed
from functions.shared.steps.network import GuardedTransport

USER_AGENT = "AgentPlane/0.1"
_MAX_URL = 8_000
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEPT_ACROSS_ORIGINS = frozenset({"accept", "accept-language", "content-type", "user-agent", "idempotency-key"})
_OWNED_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request. `secret_headers`, by lower-case name, go to the origin of `url` only, whatever they are called."""

    method: str
    url: httpx.URL
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    content: bytes | None = None
    secret_headers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer, decoded. Header names are lower case; cookies are left out."""

    status: int
    headers: dict[str, str]
    body: bytes
    url: str
    redirects: int

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text, by its charset, else UTF-8; what cannot be read is replaced."""
        header = httpx.Response(200, headers={"content-type": self.headers.get("content-type", "")})
        try:
            return self.body.decode(header.charset_encoding or "utf-8", errors="replace")
        except LookupError:
            return self.body.decode("utf-8", errors="replace")


def parse_url(text: str) -> httpx.URL:
    """Read an http or https address. Raises StepFailed `invalid_url`."""
    try:
        url = httpx.URL(text.strip())
        host = url.host
    except (httpx.InvalidURL, ValueError, UnicodeError) as error:
        raise StepFailed("invalid_url", f"{text[:200]!r} is not a URL: {error}") from None
    if len(text) > _MAX_URL:
        raise StepFailed("invalid_url", f"The URL has {len(text)} characters; {_MAX_URL} are allowed.")
    if url.scheme not in ("http", "https"):
        raise StepFailed("invalid_url", f"{text[:200]!r} must begin with https:// or http://.")
    if not host or not _HOST.fullmatch(url.raw_host.decode("ascii")):
        raise StepFailed("invalid_url", f"{text[:200]!r} names no host.")
    if url.port is not None and not 0 < url.port < 65_536:  # noqa: PLR2004  as many ports as there are
        raise StepFailed("invalid_url", f"{url.port} is not a port.")
    if url.userinfo:
        raise StepFailed("invalid_url", f"Credentials do not belong in the URL of {host}; use `auth`.")
    return url


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse headers that the connection itself sets, and line breaks. Raises StepFailed `invalid_config`."""
    for name, value in headers.items():
        if name.lower() in _OWNED_HEADERS:
            raise StepFailed("invalid_config", f"The header {name} is set by the connection and cannot be given.")
        if not name or not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            raise StepFailed("invalid_config", f"{name[:60]!r} is not the name of a header.")
        if any(char in value for char in "\r\n\0"):
            raise StepFailed("invalid_config", f"The value of the header {name} holds a line break.")
        if not value.isascii():
            raise StepFailed("invalid_config", f"The value of the header {name} holds a character beyond ASCII.")


async def fetch(request: Outgoing, policy: HttpPolicy, *, timeout_s: float) -> Fetched:
    """Send and follow redirects; every hop is checked anew. Raises StepFailed.

    Codes: invalid_url, address_refused, dns_failed, connect_failed, tls_failed, timed_out, connection_lost,
    too_many_redirects, too_large, bad_encoding.
    """
    async with plain_failures(shown(request.url), timeout_s):
        return await _follow(request, policy)


@asynccontextmanager
async def plain_failures(where: str, timeout_s: float) -> AsyncGenerator[None]:
    """Let what is inside take so long, and say plainly what went wrong with the connection. Raises StepFailed."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError:
        raise StepFailed("timed_out", f"{where} did not answer within {timeout_s:g} s.", retryable=True) from None
    except (httpcore.ConnectError, httpx.ConnectError) as error:
        if isinstance(error.__context__, ssl.SSLError) or "CERTIFICATE" in str(error) or "SSL" in str(error):
            raise StepFailed("tls_failed", f"No trusted connection to {where}: {error}") from None
        raise StepFailed("connect_failed", f"No connection to {where}.", retryable=True) from None
    except (httpcore.TimeoutException, httpx.TimeoutException):
        raise StepFailed("timed_out", f"{where} did not answer in time.", retryable=True) from None
    except (httpcore.LocalProtocolError, httpx.LocalProtocolError, httpcore.UnsupportedProtocol) as error:
        raise StepFailed("invalid_config", f"The request to {where} cannot be sent: {error}") from None
    except (httpcore.NetworkError, httpcore.RemoteProtocolError, httpx.TransportError) as error:
        raise StepFailed(
            "connection_lost", f"The connection to {where} broke ({type(error).__name__}).", retryable=True
        ) from None


def shown(url: httpx.URL) -> str:
    """Write a URL for messages, without its query."""
    return str(url.copy_with(query=None, fragment=None))[:300]


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Read a Retry-After header, in seconds from now; None when there is none that makes sense."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    now = datetime.now(UTC).timestamp() if now is None else now
    return max(0.0, at.timestamp() - now)


async def _follow(request: Outgoing, policy: HttpPolicy) -> Fetched:
    # No timeout of its own: the whole, with all redirects, is under the one in fetch().
    async with httpx.AsyncClient(transport=GuardedTransport(policy), trust_env=False, timeout=None) as client:  # noqa: S113
        for hop in range(policy.max_redirects + 1):
            if policy.check_host is not None:
                await policy.check_host(
                    request.url.raw_host.decode("ascii"), request.url.port or _PORTS[request.url.scheme]
                )
            answer = await _send(client, request, policy, hop)
            following = _next_request(request, answer)
            if following is None:
                return answer
            request = following
    raise StepFailed(
        "too_many_redirects", f"More than {policy.max_redirects} redirects, the last to {shown(request.url)}."
    )


async def _send(client: httpx.AsyncClient, request: Outgoing, policy: HttpPolicy, hop: int) -> Fetched:
    headers = {"user-agent": USER_AGENT, "accept": "*/*", **{k.lower(): v for k, v in request.headers.items()}}
    headers["accept-encoding"] = "gzip, deflate"
    message = client.build_request(request.method, request.url, headers=headers, content=request.content)
    response = await client.send(message, stream=True)
    try:
        body = b"" if request.method == "HEAD" else await _read(response, policy.max_bytes, shown(request.url))
    finally:
        await response.aclose()
    kept = {name: value for name, value in response.headers.items() if name not in ("set-cookie", "set-cookie2")}
    return Fetched(response.status_code, kept, body, str(request.url), hop)


def _next_request(request: Outgoing, answer: Fetched) -> Outgoing | None:
    """Build the request of a redirect, or None. Another origin gets no header that could hold a secret."""
    location = answer.headers.get("location")
    if answer.status not in _REDIRECTS or not location:
        return None
    try:
        target = parse_url(str(request.url.join(location)))
    except (httpx.InvalidURL, ValueError):
        raise StepFailed("invalid_url", f"{shown(request.url)} redirects to {location[:200]!r}.") from None
    headers = dict(request.headers)
    if _origin(target) != _origin(request.url):
        kept = _KEPT_ACROSS_ORIGINS - request.secret_headers
        headers = {name: value for name, value in headers.items() if name.lower() in kept}
    method, content = request.method, request.content
    if (answer.status == 303 and method != "HEAD") or (answer.status in (301, 302) and method == "POST"):  # noqa: PLR2004
        method, content = "GET", None
        headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    return replace(request, method=method, url=target, headers=headers, content=content)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return (url.scheme, url.host, url.port)


async def _read(response: httpx.Response, limit: int, where: str) -> bytes:
    """Read and decode while counting decoded bytes, so that a small bomb cannot grow large."""
    encodings = [name.strip() for name in response.headers.get("content-encoding", "").lower().split(",")]
    encodings = [name for name in encodings if name not in ("", "identity")]
    if len(encodings) > 1 or any(name not in ("gzip", "x-gzip", "deflate") for name in encodings):
        raise StepFailed("bad_encoding", f"{where} answered in the encoding {', '.join(encodings)[:60]}, not in gzip.")
    parts: list[bytes] = []
    size = 0
    async for part in _decoded(response.aiter_raw(), encodings[0] if encodings else None, where):
        size += len(part)
        if size > limit:
            raise StepFailed("too_large", f"The answer of {where} is larger than {limit:,} bytes.")
        parts.append(part)
    return b"".join(parts)


async def _decoded(raw: AsyncIterator[bytes], encoding: str | None, where: str) -> AsyncIterator[bytes]:
    if encoding is None:
        async for part in raw:
            yield part
        return
    inflate = zlib.decompressobj(47 if encoding.endswith("gzip") else 15)
    is_first = True
    try:
        async for part in raw:
            if is_first and encoding == "deflate" and part[:1] != b"\x78":
                inflate = zlib.decompressobj(-15)  # some servers send deflate without its zlib header
            is_first = False
            rest = part
            while rest and not inflate.eof:
                yield inflate.decompress(rest, 65_536)
                rest = inflate.unconsumed_tail
        yield inflate.flush()
    except zlib.error:
        raise StepFailed("bad_encoding", f"The answer of {where} is not the {encoding} that it says.") from None
