"""What litellm's exceptions mean: which code, whether to try again, and what to do. By type and status, not by text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from functions.shared.jsonvalue import JsonObject
from functions.shared.steps.base import StepFailed
from functions.shared.steps.fetch import retry_after

_SHOWN = 500
_TRANSIENT = frozenset({"rate_limited", "overloaded", "timed_out", "provider_unreachable", "provider_error"})
_BY_KIND = {  # the more special ones first: litellm derives several from its BadRequestError
    "AuthenticationError": "model_key_refused",
    "PermissionDeniedError": "model_key_refused",
    "LiteLLMUnknownProvider": "unknown_provider",
    "ContextWindowExceededError": "context_length",
    "ContentPolicyViolationError": "content_filtered",
    "RateLimitError": "rate_limited",
    "Timeout": "timed_out",
    "APITimeoutError": "timed_out",
    "NotFoundError": "model_not_found",
}
_BY_STATUS = {
    401: "model_key_refused",
    403: "model_key_refused",
    404: "model_not_found",
    408: "timed_out",
    429: "rate_limited",
    503: "overloaded",
    529: "overloaded",
}
_MESSAGES = {
    "model_key_refused": "The provider refused the key in {variable} for the model {model}: {said}",
    "unknown_provider": "{model} names no known provider; write it as provider/model.",
    "context_length": "The prompt is longer than {model} takes: {said}",
    "content_filtered": "The provider of {model} refused the content: {said}",
    "rate_limited": "The provider limits calls of {model}: {said}",
    "quota_exhausted": "The account behind {variable} has no quota left for {model}: {said}",
    "timed_out": "{model} did not answer in time.",
    "model_not_found": "The provider does not know the model {model}: {said}",
    "overloaded": "The provider of {model} is overloaded: {said}",
    "provider_unreachable": "No connection to the provider of {model}: {said}",
    "request_refused": "The provider of {model} refused the request: {said}",
    "provider_error": "The provider of {model} failed: {said}",
}


def explain(error: Exception, model: str, variable: str, key: str | None) -> StepFailed:
    """Give the failure of a model call. `variable` names the key's variable; `key` is kept out of the message."""
    said = _said(error, key)
    status = getattr(error, "status_code", None)
    code = _code(error, status if isinstance(status, int) else 0, said)
    details: JsonObject = {"model": model, "error": type(error).__name__, "provider_message": said}
    if isinstance(status, int):
        details["status"] = status
    if code in ("model_key_refused", "quota_exhausted"):
        details["variable"] = variable
    return StepFailed(
        code,
        _MESSAGES[code].format(model=model, variable=variable, said=said),
        retryable=code in _TRANSIENT,
        retry_after=_retry_after(error) if code in _TRANSIENT else None,
        details=details,
    )


def _code(error: Exception, status: int, said: str) -> str:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    code = next((code for kind, code in _BY_KIND.items() if kind in kinds), None) or _BY_STATUS.get(status)
    if code == "rate_limited" and "insufficient_quota" in said:
        return "quota_exhausted"
    if code is not None:
        return code
    if "overloaded" in said.lower():
        return "overloaded"
    if _has_cause(error, "ConnectError", "ClientConnectorError", "ConnectionError", "gaierror"):
        return "provider_unreachable"
    return "request_refused" if 400 <= status < 500 else "provider_error"  # noqa: PLR2004  HTTP's own classes


def _said(error: Exception, key: str | None) -> str:
    """Give the provider's words on one line, without the key."""
    text = " ".join(str(getattr(error, "message", "") or error).split())
    if key:
        text = text.replace(key, "[key]")
    return text[:_SHOWN]


def _retry_after(error: Exception) -> float | None:
    response = getattr(error, "response", None)
    for headers in (getattr(error, "litellm_response_headers", None), getattr(response, "headers", None)):
        if isinstance(headers, Mapping):
            lowered = {str(k).lower(): str(v) for k, v in cast("Mapping[object, object]", headers).items()}
            after = retry_after(lowered)
            if after is not None:
                return after
    return None


def _has_cause(error: BaseException, *names: str) -> bool:
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None:
            return False
        if any(kind.__name__ in names for kind in type(seen).__mro__):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
