"""What a step's handler or wait needs: templates evaluated, durations in seconds, times with their zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from functions.shared.dsl.durations import DurationError, seconds
from functions.shared.dsl.expressions import ExpressionError, evaluate
from functions.shared.dsl.rendering import render_config
from functions.shared.dsl.templates import OPEN
from functions.shared.engine.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.dsl.compiled import CompiledStep
    from functions.shared.dsl.models import Workflow
    from functions.shared.jsonvalue import Json, JsonObject


class RenderError(Exception):
    """A template, duration or time of a step that cannot be used; it becomes the step's failure."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def expression_failed(name: str, error: ExpressionError) -> RenderError:
    """Say which field held the expression that could not be evaluated."""
    hint = f" {error.hint}" if error.hint else ""
    return RenderError(f"expression_{error.code}", f"`{name}` cannot be evaluated: {error.message}.{hint}")


def rendered(name: str, value: Json, names: Mapping[str, object]) -> Json:
    """Evaluate `value`, the field called `name`; raises RenderError."""
    try:
        return evaluate(value, names)
    except ExpressionError as error:
        raise expression_failed(name, error) from error


def config_of(step: CompiledStep, names: Mapping[str, object]) -> JsonObject:
    """Give the step's spec with the same keys as in the document, but not its objects; raises RenderError."""
    if step.is_plain:
        return cast("JsonObject", _copied(step.config))
    try:
        return cast("JsonObject", render_config(step.kind, step.config, names))
    except ExpressionError as error:
        raise expression_failed(step.kind, error) from error


def _copied(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _copied(entry) for key, entry in value.items()}
    return [_copied(entry) for entry in value] if isinstance(value, list) else value


def duration(name: str, value: Json, names: Mapping[str, object]) -> float:
    """Give seconds from a duration, or from an expression that gives one; raises RenderError."""
    is_written_out = isinstance(value, str) and OPEN not in value
    return seconds_of(name, value if is_written_out else rendered(name, value, names))


def seconds_of(name: str, value: Json) -> float:
    """Give seconds from an evaluated duration; raises RenderError."""
    try:
        return seconds(value if isinstance(value, str) else repr(value))
    except DurationError as error:
        raise RenderError("invalid_duration", f"`{name}`: {error}") from error


def moment(name: str, value: Json) -> str:
    """Give an RFC 3339 time, UTC where no offset is said; raises RenderError."""
    try:
        at = datetime.fromisoformat(cast("str", value))
    except (TypeError, ValueError) as error:
        message = f"`{name}`: {value!r} is not a time; write one such as 2030-01-31T09:00:00Z"
        raise RenderError("invalid_time", message) from error
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).isoformat()


def timeout_of(step: CompiledStep, workflow: Workflow, names: Mapping[str, object]) -> float:
    """Seconds that one attempt of a leaf step may take; raises RenderError."""
    return duration("timeout", step.step.timeout or workflow.defaults.timeout, names)


def retry_of(step: CompiledStep, workflow: Workflow, names: Mapping[str, object]) -> RetryPolicy:
    """Give the step's retry policy; what happens at most once is never tried again by itself. Raises RenderError."""
    if step.step.effect == "at_most_once":
        return RetryPolicy(max_attempts=1)
    retry = step.step.retry or workflow.defaults.retry
    first = duration("retry.first", retry.first, names)
    return RetryPolicy(retry.max_attempts, retry.backoff, first, duration("retry.longest", retry.longest, names))
