"""The script: which rule answers which question, how often, and what it says."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, TypeAdapter

from functions.shared.jsonvalue import Json, JsonObject

Provider = Literal["openai", "anthropic", "gemini", "ollama"]


@dataclass(frozen=True, slots=True)
class Ask:
    """What a client asked, whatever the protocol. `text`: everything that was said; `prompt`: the last user message."""

    provider: Provider
    model: str
    text: str
    prompt: str
    schema: JsonObject | None = None
    schema_tool: str | None = None
    is_stream: bool = False
    wants_usage: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it arrived, for tests to look at. Credentials in headers are shortened."""

    number: int
    provider: str
    model: str
    method: str
    path: str
    headers: dict[str, str]
    body: Json
    text: str
    status: int


class Tokens(BaseModel):
    """The usage that the answer claims."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: int = Field(ge=0)
    output: int = Field(ge=0)


class Match(BaseModel):
    """All given parts must hold; substrings, letter case ignored. An empty match takes everything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str | None = Field(None, description="A part of anything said: system text, prompt, messages.")
    model: str | None = Field(None, description="A part of the model's name.")
    provider: Provider | None = None

    def takes(self, ask: Ask) -> bool:
        return (
            (self.provider is None or self.provider == ask.provider)
            and (self.model is None or self.model.lower() in ask.model.lower())
            and (self.prompt is None or self.prompt.lower() in ask.text.lower())
        )


class Reply(BaseModel):
    """What to answer. Text goes out as it is, other JSON as JSON text; nothing given means the default answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str | None = None
    value: JsonValue = Field(None, alias="json", description="An answer in JSON; also an explicit null.")
    status: int = Field(200, ge=200, le=599)
    error: str = Field("", description="The message of an error status.")
    retry_after: float | None = Field(None, ge=0, description="Seconds, sent as the Retry-After header.")
    delay: float = Field(0, ge=0, le=600, description="Seconds to wait before answering.")
    malformed: bool = Field(False, description="Cut the answer's JSON in the middle.")
    stop: Literal["stop", "length"] = "stop"
    usage: Tokens | None = None
    headers: dict[str, str] = Field(default_factory=dict)


DEFAULT_REPLY = Reply.model_validate({})


def _as_reply(value: object) -> object:
    """Take a bare text or list as an answer; a mapping must name the parts of a Reply."""
    if isinstance(value, str):
        return {"text": value}
    return value


class Rule(BaseModel):
    """Answers to the questions that `match` takes: `replies` in order, the last one again and again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: Match = Field(default_factory=lambda: Match.model_validate({}))
    replies: list[Annotated[Reply, BeforeValidator(_as_reply)]] = Field(min_length=1)
    times: int | None = Field(None, ge=1, description="After so many answers the rule is spent.")


class Rules(BaseModel):
    """The body of `POST /__script`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: list[Rule] = Field(default_factory=list[Rule])


_RULES = TypeAdapter(list[Rule])


@dataclass(slots=True)
class Script:
    """Rules with their counters, and the calls that came. The first rule that takes a question answers it."""

    rules: list[Rule] = field(default_factory=list[Rule])
    calls: list[Call] = field(default_factory=list[Call])
    _answered: dict[int, int] = field(default_factory=dict[int, int])

    def answer(self, ask: Ask) -> Reply | None:
        """Give the scripted reply, or None for the default one."""
        for index, rule in enumerate(self.rules):
            count = self._answered.get(index, 0)
            if (rule.times is not None and count >= rule.times) or not rule.match.takes(ask):
                continue
            self._answered[index] = count + 1
            return rule.replies[min(count, len(rule.replies) - 1)]
        return None

    def load(self, rules: list[Rule]) -> None:
        """Replace the rules; calls so far are forgotten."""
        self.rules = list(rules)
        self.forget()

    def forget(self) -> None:
        """Forget the calls and start every rule again."""
        self.calls.clear()
        self._answered.clear()


def parse_rules(text: str) -> list[Rule]:
    """Read `{rules: […]}`, or the bare list, from JSON or YAML. Raises ValueError that says what is wrong."""
    try:
        document: object = json.loads(text)
    except ValueError:
        try:
            document = yaml.safe_load(text)
        except yaml.YAMLError as error:
            message = f"the script is neither JSON nor YAML: {error}"
            raise ValueError(message) from error
    if isinstance(document, list):
        return _RULES.validate_python(document)
    return Rules.model_validate(document).rules
