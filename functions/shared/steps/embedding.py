"""Texts as vectors, by the provider of the embedding model. Without a model, or when it fails, there are none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from functions.shared.dsl.catalogue import missing_key, refusal_of
from functions.shared.steps.base import Usage
from functions.shared.steps.llm import litellm_module, prepare_models
from functions.shared.steps.model_errors import explain
from functions.shared.steps.model_usage import usage_of
from functions.shared.steps.providers import address_and_key, key_name

MODEL_VARIABLE = "AGENTPLANE_EMBEDDING_MODEL"
MAX_TEXTS = 64
_MAX_CHARACTERS = 24_000  # about the 8,000 tokens that the common models take


@dataclass(frozen=True, slots=True)
class Embedded:
    """One vector a text, in order; or none of them, and why: a code such as no_model, model_key_missing, timed_out."""

    model: str
    vectors: list[list[float]] | None
    why: str | None = None
    usage: Usage | None = None


async def embed(texts: Sequence[str], environment: Mapping[str, str], *, timeout_s: float = 8.0) -> Embedded:
    """Embed at most `MAX_TEXTS` texts with the environment's model. Never raises: search by words goes on without."""
    model = environment.get(MODEL_VARIABLE, "")
    if not model:
        return Embedded("", None, "no_model")
    if refusal_of(model, environment) is not None:
        return Embedded(model, None, "unknown_provider")
    if missing_key(model, environment) is not None:
        return Embedded(model, None, "model_key_missing")
    base, key = address_and_key(model, environment)
    await prepare_models()  # the first time takes seconds, which are not the provider's
    try:
        async with asyncio.timeout(timeout_s):
            response = await litellm_module().aembedding(
                model=model,
                input=[text[:_MAX_CHARACTERS] for text in texts],
                timeout=timeout_s,
                api_base=base,
                api_key=key,
                num_retries=0,
                max_retries=0,
            )
    except TimeoutError:
        return Embedded(model, None, "timed_out")
    except Exception as error:  # noqa: BLE001  litellm raises many kinds; all of them are told apart in one place
        return Embedded(model, None, explain(error, model, key_name(model), key).code)
    vectors = [[float(number) for number in item["embedding"]] for item in response.data]
    return Embedded(model, vectors, usage=usage_of(litellm_module(), response, model))
