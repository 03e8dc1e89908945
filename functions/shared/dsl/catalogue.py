"""Names that documents may use and that other parts implement: tools, and the key variables of model providers."""

from __future__ import annotations

from collections.abc import Mapping

TOOL_NAMES = frozenset({"http_request", "web_fetch", "json_query", "csv_read", "text_template"})

# What litellm reads, by the prefix of a model id: any one of these is enough. Empty: no key at all.
# A provider that is not here is not checked.
KEY_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "ollama": (),
    "ollama_chat": (),
    "azure": ("AZURE_API_KEY",),
    "azure_ai": ("AZURE_AI_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "groq": ("GROQ_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "xai": ("XAI_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY",),
    "cohere": ("COHERE_API_KEY",),
    "cohere_chat": ("COHERE_API_KEY",),
    "together_ai": ("TOGETHERAI_API_KEY", "TOGETHER_API_KEY"),
    "fireworks_ai": ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"),
    "perplexity": ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
    "cerebras": ("CEREBRAS_API_KEY",),
    "replicate": ("REPLICATE_API_KEY", "REPLICATE_API_TOKEN"),
    "huggingface": ("HF_TOKEN", "HUGGINGFACE_API_KEY"),
}
_BARE = {"gpt-": "openai", "o1": "openai", "o3": "openai", "o4": "openai", "chatgpt-": "openai", "claude-": "anthropic"}


def provider_of(model: str) -> str | None:
    """Give the provider of a litellm model id, None when the id does not say."""
    if "/" in model:
        return model.split("/", 1)[0]
    return next((provider for prefix, provider in _BARE.items() if model.startswith(prefix)), None)


def missing_key(model: str, environment: Mapping[str, str]) -> str | None:
    """Give the environment variable that this model needs and that is not set; None when none is known."""
    variables = KEY_VARIABLES.get(provider_of(model) or "", ())
    if not variables or any(environment.get(variable) for variable in variables):
        return None
    return variables[0]
