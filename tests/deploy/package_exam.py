"""Calls what only real calls reach in an unpacked package: run by test_packages_calls.py, in a process of its own.

`python -I -S package_exam.py <folder> <part> <argument>` prints one JSON object. It sees Python's own library and the
package, nothing of the tests.
"""

# ruff: noqa: PLC0415  nothing of the package can be imported before its folder is known
from __future__ import annotations

import asyncio
import importlib
import json
import sys
from typing import Any

MODELS = ("openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash", "ollama/llama3.2")
PAGE = """<html><head><title>Offer</title><meta property="article:published_time" content="2026-03-01"></head><body>
<nav>Home</nav><article><h1>A kettle</h1><p>This kettle boils a litre of water in two minutes, it is made of steel, and
it switches itself off when the water boils. Published on 1 March 2026 in Europe/Berlin.</p>
<p>It costs 49.90 euros, and there is a guarantee of three years on every part of it.</p></article></body></html>"""


def models(address: str) -> dict[str, Any]:
    """Ask every kind of provider, as text and as data; embed; fall back. Everything at the simulator's address."""
    return asyncio.run(_models(address))


async def _models(address: str) -> dict[str, Any]:
    from functions.shared.steps.base import Context, HttpPolicy
    from functions.shared.steps.embedding import embed
    from functions.shared.steps.llm import close_models, run_llm

    environment = {
        "OPENAI_BASE_URL": f"{address}/v1",
        "OPENAI_API_KEY": "key",
        "ANTHROPIC_API_BASE": address,
        "ANTHROPIC_API_KEY": "key",
        "GEMINI_API_BASE": f"{address}/v1beta",
        "GEMINI_API_KEY": "key",
        "OLLAMA_API_BASE": address,
        "AGENTPLANE_EMBEDDING_MODEL": "openai/text-embedding-3-small",
    }
    context = Context("e", "ask", 1, "k", {}, lambda name: name, 60.0, None, None, HttpPolicy(), environment)  # type: ignore[arg-type]
    said: dict[str, Any] = {"text": {}, "data": {}, "cost": {}}
    for model in MODELS:
        done = await run_llm({"model": model, "prompt": "How many?"}, context)
        said["text"][model] = done.output["text"]  # type: ignore[index,call-overload]
        said["cost"][model] = str(done.usage.cost_usd)  # type: ignore[union-attr]
        asked = {"model": model, "prompt": "How many?", "output": {"answer": "string", "count": "integer"}}
        said["data"][model] = (await run_llm(asked, context)).output
    tried = await run_llm({"model": "openai/overloaded", "prompt": "Fall", "fallback": [MODELS[0]]}, context)
    said["fallback"] = tried.details["fallbacks"]
    embedded = await embed(["a", "b"], environment)
    said["vectors"] = len(embedded.vectors or ())
    said["embedding_cost"] = str(embedded.usage.cost_usd)  # type: ignore[union-attr]
    await close_models()
    said["cold"] = sorted(_without_bytecode("litellm", "openai"))
    return said


def _without_bytecode(*packages: str) -> set[str]:
    """Give the loaded modules that had to be compiled."""
    from pathlib import Path

    loaded = {name: one for name, one in sys.modules.items() if name.partition(".")[0] in packages}
    return {
        name
        for name, one in loaded.items()
        if (cached := getattr(one, "__cached__", None)) and not Path(cached).exists()
    }


def pages(_: str) -> dict[str, Any]:
    """Read a page, with its date, and a price."""
    import price_parser
    import trafilatura

    from functions.shared.tools.web_fetch import _readable

    price = price_parser.Price.fromstring("49,90 €")
    date = trafilatura.extract_metadata(PAGE).date
    return {"text": _readable(PAGE), "date": date, "price": str(price.amount), "currency": price.currency}


def clients(region: str) -> dict[str, Any]:
    """Make the AWS clients that functions use; signing needs nothing else."""
    from botocore.session import Session

    session = Session()
    session.set_credentials("id", "secret")
    made = {name: session.create_client(name, region_name=region) for name in ("sqs", "ssm", "lambda", "sts")}
    return {name: client.meta.endpoint_url for name, client in made.items()}


def libraries(names: str) -> dict[str, Any]:
    """Import libraries that handlers load late, by name."""
    return {name: bool(importlib.import_module(name).__name__) for name in names.split(",")}


PARTS = {"models": models, "pages": pages, "clients": clients, "libraries": libraries}

if __name__ == "__main__":
    sys.path.append(sys.argv[1])
    sys.stdout.write(json.dumps(PARTS[sys.argv[2]](sys.argv[3])))
