"""The llm step: one question to a model, answered as text or as data that fits a schema.

The only module that imports litellm, and only inside a call: the import takes seconds and 170 MB.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, cast

from functions.shared.dsl.catalogue import missing_key, refusal_of
from functions.shared.dsl.kinds import Llm
from functions.shared.dsl.schema import to_json_schema
from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.steps.base import Context, Done, StepFailed, Usage
from functions.shared.steps.config import read_config
from functions.shared.steps.model_errors import explain
from functions.shared.steps.model_output import MAX_REPAIRS, ask_for, instruction, read_answer, repair
from functions.shared.steps.model_usage import add_usage, usage_of
from functions.shared.steps.providers import address_and_key, key_name, provider_of

# Anthropic, Gemini and Ollama take a schema with every model, whatever litellm's table says of the single one.
_TAKE_SCHEMAS = frozenset({"anthropic", "gemini", "ollama", "ollama_chat"})
_SETTINGS = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # prices from the installed package, not from the network
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_MODE": "PRODUCTION",  # otherwise the import reads .env files
}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, whichever model answers."""

    messages: list[JsonObject]
    schema: JsonObject | None
    temperature: float | None
    max_tokens: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a model."""

    text: str
    finish: str
    id: str


async def run_llm(config: JsonObject, context: Context) -> Done:
    """Give the object of `output`, else `{text}`. Usage counts every call: repairs, and models that were tried before.

    Codes: model_missing, model_key_missing, model_key_refused, model_not_found, rate_limited, quota_exhausted,
    overloaded, provider_error, provider_unreachable, timed_out (these five may be tried again), context_length,
    content_filtered, request_refused, unknown_provider, output_truncated, invalid_output, budget_exhausted.
    """
    spec = read_config(Llm, config)
    question = _question(spec)
    models = [_resolve(name, context) for name in (spec.model, *spec.fallback)]
    deadline = time.monotonic() + context.timeout_s
    used: Usage | None = None
    tried: list[Json] = []
    for place, model in enumerate(models):
        left = len(models) - place
        conversation = Conversation(model, question, context, used)
        try:
            share = (deadline - time.monotonic()) / left
            done = await conversation.finish(time.monotonic() + share)
        except StepFailed as failure:
            used = failure.usage or used
            if not failure.retryable or left == 1:
                raise _with_usage(failure, used, tried) from None
            tried.append({"model": model, "code": failure.code})
            continue
        return replace(done, details={**done.details, **({"fallbacks": tried} if tried else {})})
    raise StepFailed("model_missing", "No model was named.")


def warm() -> None:
    """Import litellm now, in a thread of its own if the caller must not wait."""
    litellm_module()


async def prepare_models() -> None:
    """Import litellm without holding up the event loop; at once when it is there."""
    if not _litellm.cache_info().currsize:
        await asyncio.to_thread(litellm_module)


async def close_models() -> None:
    """Close the connections to providers that this event loop holds."""
    if _litellm.cache_info().currsize:
        await litellm_module().close_litellm_async_clients()


class Conversation:
    """The calls to one model: the question and at most two repairs."""

    def __init__(self, model: str, question: Question, context: Context, used: Usage | None) -> None:
        self._model = model
        self._question = question
        self._context = context
        self._used = used
        self._ignored: list[Json] = []

    async def finish(self, deadline: float) -> Done:
        """Ask until the answer fits. Raises StepFailed, with the usage so far."""
        try:
            return await self._finish(deadline)
        except StepFailed as failure:
            raise _with_usage(failure, self._used) from None

    async def _finish(self, deadline: float) -> Done:
        self._require_provider()
        self._require_key()
        await prepare_models()
        self._require_route()
        schema = self._question.schema
        if schema is None:
            answer = await self._call(self._question.messages, None, deadline)
            return Done({"text": answer.text}, self._used, self._details(answer, 0))
        is_native = self._takes_schema()
        wanted = ask_for(schema) if is_native else None
        messages = self._question.messages if is_native else instruction(self._question.messages, schema)
        for repairs in range(MAX_REPAIRS):
            answer = await self._call(messages, wanted, deadline)
            read = read_answer(schema, answer.text)
            if not read.problems:
                return Done(read.value, self._used, self._details(answer, repairs))
            self._refuse_cut(answer, repairs)
            messages = repair(messages, answer.text, read.problems)
        answer = await self._call(messages, wanted, deadline)
        read = read_answer(schema, answer.text)
        details = self._details(answer, MAX_REPAIRS)
        if not read.problems:
            return Done(read.value, self._used, details)
        raise StepFailed(
            "invalid_output",
            f"{self._model} did not fit the schema in {MAX_REPAIRS + 1} tries: {'; '.join(read.problems[:5])}",
            details={**details, "problems": list(read.problems[:20])},
        )

    def _refuse_cut(self, answer: Answer, repairs: int) -> None:
        """An answer that was cut at the limit of tokens would be cut again."""
        if answer.finish == "length":
            raise StepFailed(
                "output_truncated",
                f"{self._model} reached the limit of tokens before its JSON was complete. Raise `max_tokens`.",
                details=self._details(answer, repairs),
            )

    def _require_key(self) -> None:
        variable = missing_key(self._model, self._context.environment)
        if variable is not None:
            raise StepFailed(
                "model_key_missing",
                f"The model {self._model} needs {variable}, and there is none. "
                f"Set the organisation's with PUT /api/secrets/{variable}.",
                details={"model": self._model, "variable": variable},
            )

    def _require_provider(self) -> None:
        """Refuse what could lead anywhere but to a provider, before litellm reads the model's name."""
        refused = refusal_of(self._model, self._context.environment)
        if refused is not None:
            details: JsonObject = {"model": self._model[:200]}
            raise StepFailed("unknown_provider", f"{refused.message}. {refused.hint}", details=details)

    def _require_route(self) -> None:
        try:
            litellm_module().get_llm_provider(model=self._model)
        except Exception:  # noqa: BLE001  litellm raises a plain bad request here, as for everything else
            raise StepFailed(
                "unknown_provider", f"{self._model!r} names no provider that litellm knows; write provider/model."
            ) from None

    def _takes_schema(self) -> bool:
        if provider_of(self._model) in _TAKE_SCHEMAS:
            return True
        return bool(litellm_module().supports_response_schema(model=self._model))

    async def _call(self, messages: list[JsonObject], wanted: JsonObject | None, deadline: float) -> Answer:
        self._check_budget()
        left = max(0.0, deadline - time.monotonic())
        try:
            async with asyncio.timeout(left):
                response = await self._respond(messages, wanted, left)
        except TimeoutError:
            raise StepFailed("timed_out", f"{self._model} did not answer in time.", retryable=True) from None
        except Exception as error:  # noqa: BLE001  litellm raises many kinds; all of them are told apart in one place
            _, key = address_and_key(self._model, self._context.environment)
            raise explain(error, self._model, key_name(self._model), key) from None
        self._used = add_usage(self._used, usage_of(litellm_module(), response, self._model))
        choice = response.choices[0]
        answer = Answer(choice.message.content or "", str(choice.finish_reason or ""), str(response.id or ""))
        if answer.finish == "content_filter":
            raise StepFailed("content_filtered", f"{self._model} withheld its answer.", details={"model": self._model})
        return answer

    async def _respond(self, messages: list[JsonObject], wanted: JsonObject | None, left: float) -> Any:  # noqa: ANN401
        """Call, if need be without the temperature: some models take none, and one line must switch the model."""
        litellm = litellm_module()
        arguments = self._arguments(messages, wanted, left)
        try:
            return await litellm.acompletion(**arguments)
        except litellm.UnsupportedParamsError:
            if "temperature" not in arguments:
                raise
        self._ignored = ["temperature"]
        del arguments["temperature"]
        return await litellm.acompletion(**arguments)

    def _arguments(self, messages: list[JsonObject], wanted: JsonObject | None, left: float) -> dict[str, Any]:
        base, key = address_and_key(self._model, self._context.environment)
        options = {
            "temperature": None if self._ignored else self._question.temperature,
            "max_tokens": self._question.max_tokens,
            "response_format": wanted,
        }
        return {
            **{name: value for name, value in options.items() if value is not None},
            "model": _wire_name(self._model),
            "messages": messages,
            "timeout": max(1.0, left),
            "api_base": base,
            "api_key": key,
            "num_retries": 0,
            "max_retries": 0,
        }

    def _check_budget(self) -> None:
        budget, used = self._context.budget_usd, self._used
        if budget is not None and used is not None and used.cost_usd is not None and used.cost_usd >= budget:
            raise StepFailed(
                "budget_exhausted",
                f"The step has used {used.cost_usd} USD of {budget} USD and stops before another call.",
            )

    def _details(self, answer: Answer, repairs: int) -> JsonObject:
        prompt = json.dumps([self._question.messages, self._question.schema], sort_keys=True, ensure_ascii=False)
        details: JsonObject = {
            "model": self._model,
            "prompt_sha256": hashlib.sha256(prompt.encode()).hexdigest(),
            "response_id": answer.id,
            "finish_reason": answer.finish,
            "repairs": repairs,
        }
        if self._ignored:
            details["ignored"] = self._ignored
        return details


def _with_usage(failure: StepFailed, used: Usage | None, tried: list[Json] | None = None) -> StepFailed:
    """Give the same failure with what was used until then, and the models that were tried before."""
    return StepFailed(
        failure.code,
        failure.message,
        retryable=failure.retryable,
        retry_after=failure.retry_after,
        details={**failure.details, "fallbacks": tried} if tried else failure.details,
        usage=used,
    )


def _question(spec: Llm) -> Question:
    if (spec.prompt is None) == (spec.messages is None):
        raise StepFailed("invalid_config", "`llm` takes either `prompt` or `messages`.")
    messages: list[JsonObject] = []
    if spec.system:
        messages.append({"role": "system", "content": spec.system})
    if spec.prompt is not None:
        messages.append({"role": "user", "content": spec.prompt})
    for message in spec.messages or []:
        messages.append({"role": message.role, "content": message.content})  # noqa: PERF401  typed as JSON this way
    return Question(
        messages=messages,
        schema=to_json_schema(cast("JsonObject", spec.output)) if spec.output is not None else None,
        temperature=_number(spec.temperature, "temperature"),
        max_tokens=int(_number(spec.max_tokens, "max_tokens") or 0) or None,
    )


def _number(value: object, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise StepFailed("invalid_config", f"`llm.{name}` is a number of at least 0, not {value!r}.")
    return value


def _resolve(name: str, context: Context) -> str:
    """Give the litellm id of an alias; what is no alias is an id already."""
    model = context.models.get(name)
    if model is not None:
        return model
    if name == "default":
        raise StepFailed("model_missing", "The step names no model and the workflow's `models` has no `default`.")
    return name


def _wire_name(model: str) -> str:
    """Use Ollama's chat protocol, which keeps the roles of messages apart."""
    return f"ollama_chat/{model.removeprefix('ollama/')}" if model.startswith("ollama/") else model


_ONE_IMPORTS = threading.Lock()


def litellm_module() -> Any:  # noqa: ANN401  litellm has no usable types
    """Give litellm, imported by the first call. Threads wait for each other: two at once might get half of it."""
    if not _litellm.cache_info().currsize:
        with _ONE_IMPORTS:
            return _litellm()
    return _litellm()


@lru_cache(maxsize=1)
def _litellm() -> Any:  # noqa: ANN401  litellm has no usable types
    """Import litellm, quiet and offline: no telemetry, no callbacks, no debug output, no look-ups at import."""
    environment: Mapping[str, str] = _SETTINGS
    for name, value in environment.items():
        os.environ.setdefault(name, value)
    module = _imported()
    module.telemetry = False
    module.suppress_debug_info = True
    module.set_verbose = False
    module.drop_params = False
    module.turn_off_message_logging = True
    for callbacks in ("callbacks", "input_callback", "success_callback", "failure_callback"):
        setattr(module, callbacks, [])
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return module


def _imported() -> Any:  # noqa: ANN401  as above
    """Import litellm. A try that fails leaves no half of it behind, on which every later one would fail too."""
    try:
        import litellm  # noqa: PLC0415  seconds; see the top of the file
    except BaseException:
        for name in [name for name in sys.modules if name.partition(".")[0] == "litellm"]:
            del sys.modules[name]
        raise
    return cast("Any", litellm)
