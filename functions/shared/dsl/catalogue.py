"""Names that documents may use and that other parts implement: tools, and model providers with their variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from functions.shared.dsl.problems import nearest

TOOL_NAMES = frozenset({"http_request", "web_fetch", "json_query", "csv_read", "text_template"})

# What litellm reads, by the prefix of a model id: any one of these is enough. Empty: no key at all.
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
# Where another address may be given, first one wins.
ADDRESS_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "openai": ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    "anthropic": ("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"),
    "gemini": ("GEMINI_API_BASE",),
    "ollama": ("OLLAMA_API_BASE",),
    "ollama_chat": ("OLLAMA_API_BASE",),
    "mistral": ("MISTRAL_API_BASE",),
    "groq": ("GROQ_API_BASE",),
    "deepseek": ("DEEPSEEK_API_BASE",),
    "openrouter": ("OPENROUTER_API_BASE",),
    "xai": ("XAI_API_BASE",),
    "lm_studio": ("LM_STUDIO_API_BASE",),
    "hosted_vllm": ("HOSTED_VLLM_API_BASE",),
    "llamafile": ("LLAMAFILE_API_BASE",),
    "litellm_proxy": ("LITELLM_PROXY_API_BASE",),
}
# These use the identity of the machine that they are called from, so the operator has to say that they may.
CLOUD_PROVIDERS = ("bedrock", "sagemaker", "sagemaker_chat", "vertex_ai")
PROVIDERS_VARIABLE = "AGENTPLANE_MODEL_PROVIDERS"
_BARE = {"gpt-": "openai", "o1": "openai", "o3": "openai", "o4": "openai", "chatgpt-": "openai", "claude-": "anthropic"}
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+,-]*(/[A-Za-z0-9_@][A-Za-z0-9._:@+,-]*)*")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a model may not be called, and the way out.

    never: no setting changes it · unknown: nobody has heard of the provider · not_set_up: the operator has to allow it.
    """

    message: str
    hint: str
    reason: Literal["never", "unknown", "not_set_up"]


def provider_of(model: str) -> str | None:
    """Give the provider of a litellm model id, None when the id does not say."""
    if "/" in model:
        return model.split("/", 1)[0]
    return next((provider for prefix, provider in _BARE.items() if model.startswith(prefix)), None)


def refusal_of(model: str, environment: Mapping[str, str]) -> Refusal | None:
    """Say why a model may not be called. None: its provider is known, or the operator has set it up.

    Some of litellm's providers take an address out of the model id, others a default one inside the machine: only
    those that are listed here, or by the operator, are ever reached.
    """
    shown = repr(model[:100])
    if "://" in model:
        hint = "The operator of the plane sets a provider's address, such as OPENAI_BASE_URL."
        return Refusal(f"{shown} holds an address; a model is written provider/model", hint, "never")
    if not _MODEL.fullmatch(model):
        message = f"{shown} is not the id of a model"
        return Refusal(message, "Write provider/model, such as openai/gpt-4o-mini.", "never")
    provider = provider_of(model)
    if provider is None:
        message = f"{shown} names no provider"
        return Refusal(message, "Write provider/model, such as openai/gpt-4o-mini.", "never")
    if provider in KEY_VARIABLES or provider in _listed(environment):
        return None
    variables = ADDRESS_VARIABLES.get(provider, ())
    if any(environment.get(variable) for variable in variables):
        return None
    if variables:
        message = f"The provider {provider} of {shown} has no address"
        return Refusal(message, f"Set {variables[0]} where the steps run.", "not_set_up")
    allow = f"list {provider} in {PROVIDERS_VARIABLE} where the steps run"
    if provider in CLOUD_PROVIDERS:
        message = f"The provider {provider} of {shown} acts with the runner's own identity and is not allowed"
        return Refusal(message, f"The operator of the plane may {allow}.", "not_set_up")
    guess = nearest(provider, [*KEY_VARIABLES, *ADDRESS_VARIABLES, *CLOUD_PROVIDERS])
    meant = f"Did you mean `{guess}`? Otherwise" if guess else "If it is one that litellm knows,"
    return Refusal(f"There is no provider {provider} for {shown}", f"{meant} {allow}.", "unknown")


def missing_key(model: str, environment: Mapping[str, str]) -> str | None:
    """Give the environment variable that this model needs and that is not set; None when none is known.

    Whoever sends a provider's calls to a server of his own may not need a key there.
    """
    provider = provider_of(model) or ""
    variables = KEY_VARIABLES.get(provider, ())
    either = (*variables, *ADDRESS_VARIABLES.get(provider, ()))
    if not variables or any(environment.get(variable) for variable in either):
        return None
    return variables[0]


def _listed(environment: Mapping[str, str]) -> set[str]:
    return {name.strip() for name in environment.get(PROVIDERS_VARIABLE, "").split(",")} - {""}
