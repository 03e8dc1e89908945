"""What a tool is: a name, what it takes and gives, and how it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from functions.shared.dsl.kinds import Auth
from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.steps.base import Context, Done

RunTool: TypeAlias = Callable[[JsonObject, Context, Auth | None], Awaitable[Done]]


@dataclass(frozen=True, slots=True)
class Tool:
    """A built-in tool. `arguments` and `returns` are JSON Schemas; `run` gets checked arguments."""

    name: str
    description: str
    arguments: JsonObject
    returns: JsonObject
    run: RunTool
    takes_auth: bool = False

    def describe(self) -> JsonObject:
        """Give what a reader, or a model, needs to call it."""
        return {
            "name": self.name,
            "description": self.description,
            "arguments": self.arguments,
            "returns": self.returns,
            "takes_auth": self.takes_auth,
        }


def arguments(required: list[str], **properties: Json) -> JsonObject:
    """Write the schema of arguments; nothing undeclared is taken."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }
