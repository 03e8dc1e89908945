"""The card of an A2A agent (A2A 1.0, and 0.3 with its `url`): its shape, and the agent that it describes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from functions.shared.errors import InvalidInput
from functions.shared.web.validation import field_problems

if TYPE_CHECKING:
    from functions.shared.jsonvalue import JsonObject

Text: TypeAlias = Annotated[str, Field(max_length=4000)]
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]
Address: TypeAlias = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^https?://")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Interface(_Part):
    """Where and how the agent is called."""

    url: Address
    protocolBinding: Name  # noqa: N815  the protocol's own name
    protocolVersion: Name = "1.0"  # noqa: N815


class CardSkill(_Part):
    """What it can do."""

    id: Name
    name: Name
    description: Text = ""
    tags: Annotated[list[Name], Field(max_length=50)] = []


class Signature(_Part):
    """A JWS of the card, in its JSON form."""

    protected: Annotated[str, Field(max_length=4000)]
    signature: Annotated[str, Field(max_length=4000)]
    header: dict[str, Any] | None = None


class Card(_Part):
    """What this plane reads of a card; it keeps the whole."""

    name: Name
    description: Text
    version: Name
    supportedInterfaces: Annotated[list[Interface], Field(min_length=1, max_length=50)]  # noqa: N815
    skills: Annotated[list[CardSkill], Field(max_length=200)]
    capabilities: dict[str, Any]
    signatures: Annotated[list[Signature], Field(max_length=10)] = []

    @model_validator(mode="before")
    @classmethod
    def takes_the_older_form(cls, value: object) -> object:
        """Read `url` and `preferredTransport` of A2A 0.3 as the one interface."""
        if not isinstance(value, dict) or "supportedInterfaces" in value or "url" not in value:
            return cast("object", value)
        said = cast("dict[str, Any]", value)
        interface = {
            "url": said["url"],
            "protocolBinding": said.get("preferredTransport", "JSONRPC"),
            "protocolVersion": said.get("protocolVersion", "0.3.0"),
        }
        return {**said, "supportedInterfaces": [interface]}


def read_card(body: bytes) -> tuple[Card, JsonObject]:
    """Read a card; give also all that it says. Raises InvalidInput `card_not_json`, `card_invalid`."""
    try:
        said: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidInput(
            "The address answers, but not with JSON.",
            code="card_not_json",
            hint="Give the address of the card itself: usually /.well-known/agent-card.json.",
        ) from None
    try:
        return Card.model_validate(said), said
    except ValidationError as error:
        found = [{**each, "loc": ("body", "card", *each["loc"])} for each in error.errors(include_url=False)]
        raise InvalidInput(
            f"The card is not one of A2A 1.0: {len(found)} of its fields do not fit; `errors` names each.",
            code="card_invalid",
            errors=field_problems(found),
            hint="Its owner has to mend it; docs/agents.md lists what a card must have.",
        ) from None


def agent_of(card: Card, said: JsonObject) -> JsonObject:
    """Give the fields of the agent that a card describes; it has no lease: it is asked, it does not report."""
    return {
        "framework": "a2a",
        "description": card.description,
        "capabilities": [skill for skill in cast("list[Any]", said["skills"]) if isinstance(skill, dict)],
        "endpoint": card.supportedInterfaces[0].url,
        "card": said,
    }
