"""Keep secrets out of what a step gives back: the guard around every handler."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote, quote_plus

from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.steps.base import Context, Done, Handler, NeedsPerson, StepFailed
from functions.shared.steps.storable import storable

_MIN_LENGTH = 4  # shorter texts would blot out half of every output


@dataclass(slots=True)
class Secrets:
    """Hands out secrets and remembers them, so that they can be taken out of whatever comes back."""

    context: Context
    _known: dict[str, str] = field(default_factory=dict[str, str])

    def __call__(self, name: str) -> str:
        value = self.context.secrets(name)
        self.remember(name, value)
        return value

    def remember(self, name: str, value: str) -> None:
        """Also hide the forms in which a value travels in URLs, JSON and base64."""
        raw = value.encode(errors="surrogatepass")
        encoded = [base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()]
        coded = [form.rstrip("=") for form in encoded]  # with what may follow, it is hidden all the same
        for form in (value, quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1], *encoded, *coded):
            if len(form) >= _MIN_LENGTH:
                self._known[form] = f"[secret {name}]"

    def hide(self, value: Json) -> Json:
        if not self._known:
            return value
        match value:
            case str():
                return self.hide_text(value)
            case list():
                return [self.hide(item) for item in value]
            case dict():
                return {self.hide_text(key): self.hide(item) for key, item in value.items()}
            case _:
                return value

    def hide_text(self, text: str) -> str:
        for form in sorted(self._known, key=len, reverse=True):
            text = text.replace(form, self._known[form])
        return text

    def hide_object(self, value: JsonObject) -> JsonObject:
        return {self.hide_text(key): self.hide(item) for key, item in value.items()}


@dataclass(frozen=True, slots=True)
class Guarded:
    """A handler whose results are storable and hold no secret. Errors other than StepFailed pass unchanged.

    `ready` is what must happen once in a process before the handler can work, and belongs to no step's time.
    """

    handler: Handler
    ready: Callable[[], Awaitable[None]] | None = None

    async def prepare(self) -> None:
        """Get ready: quick once it is done."""
        if self.ready is not None:
            await self.ready()

    async def __call__(self, config: JsonObject, context: Context) -> Done:
        secrets = Secrets(context)
        for name, value in context.private.items():
            secrets.remember(name, value)
        try:
            done = await self.handler(config, replace(context, secrets=secrets))
            return replace(
                done,
                output=storable(secrets.hide(done.output)),
                details=_storable_object(secrets.hide_object(done.details)),
            )
        except NeedsPerson as question:
            raise NeedsPerson(
                secrets.hide_text(question.reason),
                show=storable(secrets.hide(question.show)),
                form=_storable_object(secrets.hide_object(question.form)),
                outcomes=question.outcomes,
                kind=question.kind,
                timeout_s=question.timeout_s,
                on_timeout=question.on_timeout,
                kept=storable(secrets.hide(question.kept)),
                rules=_storable_object(secrets.hide_object(question.rules)),
                usage=question.usage,
            ) from None
        except StepFailed as failure:
            raise StepFailed(
                failure.code,
                secrets.hide_text(failure.message),
                retryable=failure.retryable,
                retry_after=failure.retry_after,
                details=_storable_object(secrets.hide_object(failure.details)),
                usage=failure.usage,
            ) from None


def _storable_object(value: Mapping[str, Json]) -> JsonObject:
    cleaned = storable(dict(value))
    return cleaned if isinstance(cleaned, dict) else {}
