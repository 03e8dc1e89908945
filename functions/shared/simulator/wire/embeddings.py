"""Embeddings as OpenAI and Ollama speak them: hashed words, so texts that share words are near each other."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence

from functions.shared.jsonvalue import Json, JsonObject

DIMENSIONS = 64
_WORD = re.compile(r"\w+")


def read(body: JsonObject) -> list[str]:
    """Read the texts of `POST /v1/embeddings` or `POST /api/embed`."""
    given = body.get("input")
    return [str(text) for text in given] if isinstance(given, list) else [str(given)]


def write_openai(model: str, texts: Sequence[str]) -> JsonObject:
    """Write OpenAI's answer."""
    data: list[Json] = [
        {"object": "embedding", "index": place, "embedding": list[Json](embed(text))}
        for place, text in enumerate(texts)
    ]
    tokens = sum(len(text.split()) for text in texts)
    usage: JsonObject = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": model, "usage": usage}


def write_ollama(model: str, texts: Sequence[str]) -> JsonObject:
    """Write Ollama's answer."""
    vectors: list[Json] = [list[Json](embed(text)) for text in texts]
    return {"model": model, "embeddings": vectors, "prompt_eval_count": sum(len(text.split()) for text in texts)}


def embed(text: str) -> list[float]:
    """Give a vector of length one. Each word counts by its first four letters, as if the rest were its ending."""
    vector = [0.0] * DIMENSIONS
    for word in _WORD.findall(text.lower()):
        digest = hashlib.sha256(word[:4].encode()).digest()
        vector[digest[0] % DIMENSIONS] += 1.0 if digest[1] % 2 else -1.0
    length = math.sqrt(sum(number * number for number in vector)) or 1.0
    return [number / length for number in vector]
