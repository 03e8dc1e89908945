"""What a trigger starts: its input worked out and checked against what the workflow declares. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from functions.shared.dsl.compiled import compile_document
from functions.shared.dsl.expressions import ExpressionError
from functions.shared.dsl.schema import accept_input
from functions.shared.triggers.mapping import map_input

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from functions.shared.jsonvalue import Json, JsonObject


class CannotStart(Exception):
    """It cannot be started. `code` and the text are kept for its owner."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def as_json(self) -> JsonObject:
        """Give what is kept."""
        return {"code": self.code, "message": str(self)}


def input_for(workflow: str, document: JsonObject | None, mapping: Json, scope: Mapping[str, object]) -> JsonObject:
    """Give the input of an execution. `document` None: there is nothing that runs. Raises CannotStart."""
    if document is None:
        raise CannotStart("not_runnable", f"There is no workflow {workflow} (in this version) that the engine runs.")
    given = evaluated(mapping, scope)
    if not isinstance(given, dict):
        raise CannotStart("invalid_input", "The input is not an object; map what came to fields.")
    accepted = accept_input(compile_document(document).workflow, given)
    if accepted.problems:
        said = "; ".join(f"{problem.pointer}: {problem.message}" for problem in accepted.problems[:5])
        raise CannotStart("invalid_input", f"The input does not fit {workflow}: {said}")
    return cast("JsonObject", accepted.value)


def scheduled_input(fields: dict[str, Any], document: JsonObject | None, at: datetime) -> JsonObject:
    """Give the input of a firing. Raises CannotStart."""
    scope = {
        "schedule": {"id": fields["id"], "name": fields["name"]},
        "fire_at": at.isoformat().replace("+00:00", "Z"),
    }
    return input_for(fields["workflow"], document, fields["input"], scope)


def evaluated(mapping: Json, scope: Mapping[str, object]) -> Json:
    """Evaluate a mapping. Raises CannotStart `bad_expression`."""
    try:
        return map_input(mapping, scope)
    except ExpressionError as error:
        raise CannotStart("bad_expression", error.message) from None
