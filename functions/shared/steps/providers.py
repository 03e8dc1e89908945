"""Which environment variables lead to a provider of models: litellm's own names, so that its manual holds here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Provider:
    """`keys`: any one of them is needed. `bases`: where another address may be given, first one wins."""

    name: str
    keys: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    suffix: str = (
        ""  # what litellm appends to an address that comes from the environment, but not to one that is passed
    )


PROVIDERS: dict[str, Provider] = {
    provider.name: provider
    for provider in (
        Provider("openai", ("OPENAI_API_KEY",), ("OPENAI_BASE_URL", "OPENAI_API_BASE")),
        Provider("anthropic", ("ANTHROPIC_API_KEY",), ("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"), "/v1/messages"),
        Provider("gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY"), ("GEMINI_API_BASE",)),
        Provider("ollama", (), ("OLLAMA_API_BASE",)),
        Provider("ollama_chat", (), ("OLLAMA_API_BASE",)),
        Provider("mistral", ("MISTRAL_API_KEY",), ("MISTRAL_API_BASE",)),
        Provider("groq", ("GROQ_API_KEY",), ("GROQ_API_BASE",)),
        Provider("deepseek", ("DEEPSEEK_API_KEY",), ("DEEPSEEK_API_BASE",)),
        Provider("openrouter", ("OPENROUTER_API_KEY",), ("OPENROUTER_API_BASE",)),
        Provider("xai", ("XAI_API_KEY",), ("XAI_API_BASE",)),
        Provider("together_ai", ("TOGETHERAI_API_KEY", "TOGETHER_AI_API_KEY"), ("TOGETHER_AI_API_BASE",)),
        Provider("fireworks_ai", ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"), ("FIREWORKS_API_BASE",)),
        Provider("perplexity", ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"), ("PERPLEXITY_API_BASE",)),
        Provider("cohere", ("COHERE_API_KEY", "CO_API_KEY"), ("COHERE_API_BASE",)),
        Provider("lm_studio", (), ("LM_STUDIO_API_BASE",)),
        Provider("hosted_vllm", (), ("HOSTED_VLLM_API_BASE",)),
    )
}
_BARE = (("gpt-", "openai"), ("o1", "openai"), ("o3", "openai"), ("o4", "openai"), ("claude-", "anthropic"))
_LOCAL = frozenset({"ollama", "ollama_chat", "lm_studio", "llamafile"})


def provider_of(model: str) -> str:
    """Give the provider's name of a litellm id: what stands before the slash, or what a bare name is known for."""
    head, slash, _ = model.partition("/")
    if slash:
        return head
    return next((name for start, name in _BARE if model.startswith(start)), "")


def missing_key(model: str, environment: Mapping[str, str]) -> str | None:
    """Give the variable that a model needs and that is not set. None: it is set, or not known to be needed.

    Whoever sends a provider's calls to a server of his own may not need a key there.
    """
    provider = PROVIDERS.get(provider_of(model))
    if provider is None or not provider.keys:
        return None
    if any(environment.get(name) for name in (*provider.keys, *provider.bases)):
        return None
    return provider.keys[0]


def key_name(model: str) -> str:
    """Give the variable that holds a model's key, for messages."""
    provider = PROVIDERS.get(provider_of(model))
    return provider.keys[0] if provider and provider.keys else f"{provider_of(model).upper() or 'PROVIDER'}_API_KEY"


def address_and_key(model: str, environment: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Give the base address and the key to pass on; None leaves it to litellm."""
    provider = PROVIDERS.get(provider_of(model))
    if provider is None:
        return None, None
    base = next((environment[name] for name in provider.bases if environment.get(name)), None)
    key = next((environment[name] for name in provider.keys if environment.get(name)), None)
    if base and provider.suffix and not base.rstrip("/").endswith(provider.suffix):
        base = base.rstrip("/") + provider.suffix
    if base and provider.keys and key is None:
        key = "none"
    return base, key


def is_local(model: str) -> bool:
    """Tell whether a model runs on a machine of one's own: its calls cost 0, and that is known."""
    name = model.lower()
    return provider_of(model) in _LOCAL and not name.endswith(("-cloud", ":cloud"))
