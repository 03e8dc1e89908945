"""Read a rendered spec by the language's own model: after rendering, a value may have any type."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from functions.shared.jsonvalue import JsonObject
from functions.shared.steps.base import StepFailed

SpecT = TypeVar("SpecT", bound=BaseModel)


def read_config(model: type[SpecT], config: JsonObject) -> SpecT:
    """Give the spec, or raise StepFailed `invalid_config` that names every field that is wrong."""
    try:
        return model.model_validate(config)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in problem['loc']) or model.__name__.lower()}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise StepFailed(
            "invalid_config",
            f"The rendered step is not valid: {'; '.join(problems[:10])}",
            details={"problems": list(problems[:50])},
        ) from None
