"""How a model's provider is reached: address and key, from the environment variables that litellm names."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping

from functions.shared.dsl import catalogue

PROVIDER_KEYS = frozenset(name for names in catalogue.KEY_VARIABLES.values() for name in names)
# What litellm appends to an address that it reads itself, but not to one that it is given.
_SUFFIXES = {"anthropic": "/v1/messages"}
_LOCAL = frozenset({"ollama", "ollama_chat", "lm_studio", "llamafile"})


def provider_of(model: str) -> str:
    """Give the provider's name of a litellm id; empty when the id does not say."""
    return catalogue.provider_of(model) or ""


def key_name(model: str) -> str:
    """Give the variable that holds a model's key, for messages."""
    provider = provider_of(model)
    return next(iter(catalogue.KEY_VARIABLES.get(provider, ())), f"{provider.upper() or 'PROVIDER'}_API_KEY")


def address_and_key(model: str, environment: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Give the base address and the key to pass on; None leaves it to litellm."""
    provider = provider_of(model)
    address = _address(provider, environment)
    variables = catalogue.KEY_VARIABLES.get(provider, ())
    key = next((environment[name] for name in variables if environment.get(name)), None)
    if address is not None and variables and key is None:
        key = "none"
    return address, key


def lent(environment: Mapping[str, str], *, is_lent: bool, own: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """Give the process's environment as an organisation's models are called with it.

    The organisation's `own` provider keys come first, and alone for their provider; the process's are there where they
    are lent.
    """
    own = {name: value for name, value in (own or {}).items() if name in PROVIDER_KEYS}
    if is_lent and not own:
        return environment
    kept = (names for names in catalogue.KEY_VARIABLES.values() if not is_lent or not own.keys().isdisjoint(names))
    return ChainMap(own, {name: "" for names in kept for name in names}, dict(environment))


def is_local(model: str) -> bool:
    """Tell whether a model runs on a machine of one's own: its calls cost 0, and that is known."""
    return provider_of(model) in _LOCAL and not model.lower().endswith(("-cloud", ":cloud"))


def _address(provider: str, environment: Mapping[str, str]) -> str | None:
    variables = catalogue.ADDRESS_VARIABLES.get(provider, ())
    address = next((environment[name] for name in variables if environment.get(name)), None)
    suffix = _SUFFIXES.get(provider, "")
    if address is None or not suffix or address.rstrip("/").endswith(suffix):
        return address
    return address.rstrip("/") + suffix
