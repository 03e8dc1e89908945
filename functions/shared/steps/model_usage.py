"""What a model call took, in tokens and money. An unknown price is unknown, never 0."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from functions.shared.steps.base import Usage
from functions.shared.steps.providers import is_local, provider_of

_PLACES = Decimal("0.000000001")


def usage_of(litellm: Any, response: Any, model: str) -> Usage:  # noqa: ANN401  litellm has no usable types
    """Read the usage of one response. Local models cost a known 0."""
    usage = getattr(response, "usage", None)
    input_tokens = int(getattr(usage, "prompt_tokens", 0) or 0)
    output_tokens = int(getattr(usage, "completion_tokens", 0) or 0)
    cost = Decimal(0) if is_local(model) else _cost(litellm, response, model, input_tokens + output_tokens)
    return Usage(
        model, provider_of(model) or "unknown", input_tokens, output_tokens, cost, is_cost_unknown=cost is None
    )


def add_usage(earlier: Usage | None, more: Usage) -> Usage:
    """Sum two usages; the later model is the one that is named. Known costs add up even beside an unknown one."""
    if earlier is None:
        return more
    costs = [usage.cost_usd for usage in (earlier, more) if usage.cost_usd is not None]
    return Usage(
        model=more.model,
        provider=more.provider,
        input_tokens=earlier.input_tokens + more.input_tokens,
        output_tokens=earlier.output_tokens + more.output_tokens,
        cost_usd=sum(costs, Decimal(0)) if costs else None,
        is_cost_unknown=earlier.is_cost_unknown or more.is_cost_unknown,
        calls=earlier.calls + more.calls,
    )


def _cost(litellm: Any, response: Any, model: str, tokens: int) -> Decimal | None:  # noqa: ANN401
    """Ask litellm's price table; None without an entry, without a price in it, or without tokens to count."""
    if tokens == 0:
        return None
    try:
        entry = litellm.model_cost[litellm.get_model_info(model)["key"]]
        cost = Decimal(repr(float(litellm.completion_cost(completion_response=response, model=model))))
    except Exception:  # noqa: BLE001  whatever is wrong with a price, the answer is good: the cost is unknown
        return None
    if cost == 0 and not any("cost" in name for name in entry):
        return None
    return cost.quantize(_PLACES)
