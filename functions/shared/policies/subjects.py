"""What a policy is about, in every spelling that it may have: one spelling that fits is enough."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from functions.shared.policies.policy import SubjectKind

_SAME_PROVIDER = {"ollama_chat": "ollama", "cohere_chat": "cohere", "text-completion-openai": "openai"}


@dataclass(frozen=True, slots=True)
class Subject:
    """A tool, a host or a model. `names`: its spellings, the first is shown."""

    kind: SubjectKind
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.names[0]


def tool_subject(name: str) -> Subject:
    """Give a tool's subject."""
    return Subject("tool", (name,))


def host_subject(host: str, port: int | None = None) -> Subject:
    """Give a host's subject: an address in one form however it was written, with and without its port."""
    name = _plain_host(host)
    written = f"[{name}]" if ":" in name else name
    return Subject("host", (name,) if port is None else (name, f"{written}:{port}"))


def model_subject(model: str, provider: str) -> Subject:
    """Give a model's subject. `provider`: what leads there, also where the id does not say it."""
    bare = model.removeprefix(f"{provider}/") if provider else model
    providers = dict.fromkeys((provider, _SAME_PROVIDER.get(provider, provider)))
    full = [f"{name}/{bare}" for name in providers if name]
    return Subject("model", tuple(dict.fromkeys((*full, model, bare))))


def _plain_host(host: str) -> str:
    name = host.strip().strip("[]").rstrip(".").lower()
    with suppress(ValueError, UnicodeError):
        if not name.isascii():
            name = name.encode("idna").decode("ascii")
    with suppress(ValueError):
        address = ip_address(name)
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return str(mapped or address)
    # 2130706433, 0x7f.1 and 0177.0.0.1 are addresses, too, as the resolver reads them.
    if name and all(part[:1].isdigit() for part in name.split(".")):
        with suppress(OSError):
            return socket.inet_ntoa(socket.inet_aton(name))
    return name
