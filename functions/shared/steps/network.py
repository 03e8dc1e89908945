"""Where a request may connect to: names are resolved once, every address is checked, the checked one is used.

The check sits in the connection itself, so neither a second DNS answer nor an unusual spelling of an address can
pass it: `http://2130706433/`, `http://0x7f.1/` and `http://evil.example/` all are what they resolve to.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, TypeAlias, cast

import httpcore
import httpx

from functions.shared.steps.base import HttpPolicy, StepFailed

Address: TypeAlias = IPv4Address | IPv6Address
SocketOption: TypeAlias = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

_REFUSED_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' shared space
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's metadata and agent, inside a public range
        "169.254.0.0/16",  # link-local, the clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
_PUBLIC_V6 = IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "3fff::/20")  # Teredo, ORCHID, documentation
)
_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")


def is_public(address: Address) -> bool:
    """Tell whether an address is out on the internet. IPv4 inside IPv6 counts as what it leads to."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    inner = _inner_v4(address)
    if inner is not None:
        return is_public(inner)
    return address in _PUBLIC_V6 and not any(address in network for network in _REFUSED_V6)


def _inner_v4(address: IPv6Address) -> IPv4Address | None:
    """Give the IPv4 address that an IPv4-mapped, NAT64 or 6to4 address stands for."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _SIX_TO_FOUR:
        return IPv4Address((int(address) >> 80) & 0xFFFFFFFF)
    return None


async def resolve_name(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver; it also reads decimal, octal and hexadecimal spellings of addresses."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def checked_addresses(host: str, port: int, policy: HttpPolicy) -> list[str]:
    """Give the addresses that may be connected to. One refused address refuses the host.

    Raises StepFailed `dns_failed` (may be tried again) or `address_refused`.
    """
    found: Sequence[str] = ()
    with suppress(OSError, UnicodeError):
        found = await (policy.resolve or resolve_name)(host, port)
    if not found:
        raise StepFailed("dns_failed", f"The name {host} could not be resolved.", retryable=True)
    if is_allowed_private(host, port, policy):
        return list(found)
    for text in found:
        if not _is_public_text(text):
            raise StepFailed(
                "address_refused",
                f"{host} leads to {text}, which is not on the public internet. The operator of the plane can allow "
                f"it by listing {host}:{port} in AGENTPLANE_ALLOW_PRIVATE_HOSTS.",
            )
    return list(found)


def is_allowed_private(host: str, port: int, policy: HttpPolicy) -> bool:
    """Tell whether the operator listed this host, or host:port."""
    name = host.lower().rstrip(".").strip("[]")
    written = f"[{name}]" if ":" in name else name
    wanted = (name, written, f"{written}:{port}")
    return any(listed.lower() in wanted for listed in policy.allow_private)


def _is_public_text(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return False
    return is_public(address)


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to checked addresses only; TLS still verifies the name of the URL."""

    def __init__(self, policy: HttpPolicy) -> None:
        self._policy = policy
        self._inner = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the interface of httpcore
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await checked_addresses(host, port, self._policy)
        last: Exception | None = None
        for address in addresses[:4]:
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout=timeout, local_address=local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last or httpcore.ConnectError(f"no address of {host} could be reached")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  the interface of httpcore
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        del timeout, socket_options
        raise StepFailed("address_refused", f"Sockets in the file system are not reachable: {path}")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class GuardedTransport(httpx.AsyncBaseTransport):
    """The transport of every http step and tool. Errors of the connection become StepFailed."""

    def __init__(self, policy: HttpPolicy) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_ssl_context(), max_connections=10, network_backend=GuardedBackend(policy)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(
            scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
        )
        response = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=url,
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(cast("AsyncIterator[bytes]", response.stream), response),
            extensions=cast("dict[str, Any]", response.extensions),  # pyright: ignore[reportUnknownMemberType]
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    """A body that is read as it arrives."""

    def __init__(self, stream: AsyncIterator[bytes], response: httpcore.Response) -> None:
        self._stream = stream
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        await self._response.aclose()


@lru_cache(maxsize=1)
def _ssl_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()
