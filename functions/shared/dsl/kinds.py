"""What each kind of step takes. Texts may hold `${{ }}` unless the field says otherwise; they are kept as written."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema
from pydantic_core import PydanticCustomError

from functions.shared.dsl.durations import DURATION_PATTERN, HINT, DurationError, seconds
from functions.shared.dsl.templates import OPEN, has_expression

NAME = re.compile(r"[a-z][a-z0-9_]*")


class Model(BaseModel):
    """Unknown keys are refused, nothing is converted, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, serialize_by_alias=True)


def _duration(text: str) -> str:
    if has_expression(text):
        return text
    try:
        seconds(text)
    except DurationError as error:
        raise PydanticCustomError("bad_duration", "{reason}", {"reason": error.reason, "hint": HINT}) from None
    return text


def _time(text: str) -> str:
    if has_expression(text):
        return text
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        reason, hint = f"{text[:40]!r} is not a time with a zone", "Write one such as 2027-01-31T09:00:00Z."
        raise PydanticCustomError("bad_time", "{reason}", {"reason": reason, "hint": hint})
    return text


def _no_expression(text: str) -> str:
    if OPEN in text:
        raise PydanticCustomError("expression_not_allowed", "An expression is not evaluated here")
    return text


def _condition(value: JsonValue) -> JsonValue:
    if not isinstance(value, (str, bool)):
        raise PydanticCustomError("wrong_type", "A condition is an expression, true or false")
    return value


def _items(value: JsonValue) -> JsonValue:
    if not isinstance(value, (str, list)):
        raise PydanticCustomError("wrong_type", "`for_each` is a list, or an expression that gives one")
    return value


def _object_or_expression(value: JsonValue) -> JsonValue:
    if isinstance(value, dict) or (isinstance(value, str) and has_expression(value)):
        return value
    raise PydanticCustomError("wrong_type", "This is an object, or an expression that gives one")


def _number_or_expression(value: JsonValue) -> JsonValue:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number or (isinstance(value, str) and has_expression(value)):
        return value
    raise PydanticCustomError("wrong_type", "This is a number, or an expression that gives one")


def _message(value: object) -> object:
    return {"message": value} if isinstance(value, str) else value


def _list_or_expression(value: JsonValue) -> JsonValue:
    if isinstance(value, list) or (isinstance(value, str) and has_expression(value)):
        return value
    raise PydanticCustomError("wrong_type", "This is a list, or an expression that gives one")


def _otherwise(value: JsonValue) -> JsonValue:
    if value == "fail" or (isinstance(value, dict) and set(value) == {"output"}):
        return value
    raise PydanticCustomError("wrong_type", "This is `fail`, or `{output: …}`")


_TEXT_OR = [{"type": "string"}]
Duration: TypeAlias = Annotated[
    str,
    AfterValidator(_duration),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": DURATION_PATTERN}, {"type": "string", "pattern": r"\$\{\{"}]}
    ),
]
Time: TypeAlias = Annotated[str, AfterValidator(_time)]
PlainText: TypeAlias = Annotated[str, AfterValidator(_no_expression)]
Condition: TypeAlias = Annotated[
    JsonValue, AfterValidator(_condition), WithJsonSchema({"anyOf": [{"type": "boolean"}, *_TEXT_OR]})
]
Items: TypeAlias = Annotated[
    JsonValue, AfterValidator(_items), WithJsonSchema({"anyOf": [{"type": "array"}, *_TEXT_OR]})
]
ObjectValue: TypeAlias = Annotated[
    JsonValue, AfterValidator(_object_or_expression), WithJsonSchema({"anyOf": [{"type": "object"}, *_TEXT_OR]})
]
ListValue: TypeAlias = Annotated[
    JsonValue, AfterValidator(_list_or_expression), WithJsonSchema({"anyOf": [{"type": "array"}, *_TEXT_OR]})
]
Otherwise: TypeAlias = Annotated[
    JsonValue,
    AfterValidator(_otherwise),
    WithJsonSchema(
        {
            "anyOf": [
                {"const": "fail"},
                {"type": "object", "properties": {"output": {}}, "required": ["output"], "additionalProperties": False},
            ]
        }
    ),
]
NumberValue: TypeAlias = Annotated[
    JsonValue, AfterValidator(_number_or_expression), WithJsonSchema({"anyOf": [{"type": "number"}, *_TEXT_OR]})
]
SchemaText: TypeAlias = Annotated[dict[str, JsonValue], WithJsonSchema({"type": "object"})]
SecretName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


class Message(Model):
    """One message of a conversation with a model."""

    role: Literal["system", "user", "assistant"]
    content: str = Field(description="Prompt text: also `${% for %}` and `${% if %}`.")


class Llm(Model):
    """One call of a model."""

    model: str = Field("default", min_length=1, description="An alias of `models`, or a litellm id with a slash.")
    system: str | None = Field(None, description="Prompt text.")
    prompt: str | None = Field(None, description="Prompt text. Either this or `messages`.")
    messages: list[Message] | None = Field(None, min_length=1)
    output: SchemaText | None = Field(None, description="Schema of the answer; without it the answer is `{text}`.")
    temperature: NumberValue | None = None
    max_tokens: NumberValue | None = None
    fallback: list[str] = Field([], max_length=10, description="Models to try when the provider has trouble.")


class Basic(Model):
    """A user name and the name of the secret that holds the password."""

    username: PlainText
    password: SecretName


class Auth(Model):
    """Credentials by the names of secrets. Exactly one."""

    bearer: SecretName | None = None
    basic: Basic | None = None


class SecretHeader(Model):
    """A header whose value is a secret, after an optional prefix such as `Token `."""

    secret: SecretName
    prefix: PlainText = ""


class Expect(Model):
    """What an answer must be; everything else fails the step. Without it every status below 400 is good."""

    status: list[Annotated[int, Field(ge=100, le=599)]] = Field(min_length=1)


class Tool(Model):
    """A built-in tool by name, and what it gets."""

    name: PlainText = Field(min_length=1)
    with_: ObjectValue = Field({}, alias="with")
    auth: Auth | None = None


class Http(Model):
    """One HTTP request. At most one of `json` and `body`."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    url: str = Field(min_length=1)
    headers: dict[str, JsonValue] = Field({}, description="Text, or `{secret: NAME}`.")
    query: ObjectValue = Field({})
    json_: JsonValue = Field(None, alias="json")
    body: str | None = None
    auth: Auth | None = None
    expect: Expect | None = None


class Code(Model):
    """Python in a sandbox. It sees `inputs` as variables and gives back `result`."""

    python: str = Field(min_length=1, max_length=64_000, description="Never a template: pass values by `inputs`.")
    inputs: dict[str, JsonValue] = {}
    timeout: Duration = "5s"
    memory_mb: int = Field(128, ge=16, le=1024)


class Approval(Model):
    """A person decides."""

    message: str = Field(min_length=1)
    show: JsonValue = None
    form: dict[str, JsonValue] | None = Field(None, description="Schema shorthand; a default may be an expression.")
    outcomes: list[Annotated[PlainText, Field(min_length=1)]] = Field(
        ["approve", "reject"], min_length=1, max_length=20
    )
    assignees: list[str] = Field(
        [], description="Who may decide: addresses, members' ids, `role:approver`; none: whoever may decide at all."
    )
    quorum: int = Field(1, ge=1, le=100, description="How many people must choose the same outcome.")
    priority: Literal["low", "normal", "high", "urgent"] = "normal"
    aal2: bool = Field(False, description="Only who has signed in with a second factor may decide.")
    not_requester: bool | None = Field(
        None, description="Who started the execution may not decide; left out: unless nobody else could."
    )
    timeout: Duration | None = None
    on_timeout: PlainText = Field("fail", description="An outcome, or `fail`.")


class State(Model):
    """Exactly one of `get`, `put`, `increment`, `append`, each the key; `component` says whose."""

    component: str = Field("workflow", min_length=1, max_length=200)
    get: str | None = Field(None, description="Gives the value, or `default`.")
    put: str | None = Field(None, description="Stores `value` and gives it back.")
    increment: str | None = Field(None, description="Adds `by` and gives the sum.")
    append: str | None = Field(None, description="Adds `value` to the end of a list and gives the list.")
    value: JsonValue = None
    default: JsonValue = None
    by: NumberValue = 1
    max_length: int | None = Field(None, ge=1, le=100_000, description="append: keep only the last ones.")
    if_version: NumberValue | None = Field(
        None, description="put: only when this is the version that is there; 0: none."
    )
    expires_in: Duration | None = None
    OPERATIONS: ClassVar[tuple[str, ...]] = ("get", "put", "increment", "append")


class Memory(Model):
    """Exactly one of `write`, a text to remember, and `search`, a question; `namespace` says among what."""

    namespace: str = Field(min_length=1, max_length=200)
    write: str | None = Field(None, description="The text to remember.")
    key: str | None = Field(None, description="write: replaces what has this key.")
    metadata: ObjectValue = Field({})
    expires_in: Duration | None = None
    search: str | None = Field(None, description="Finds by words and, where embeddings are, by meaning.")
    limit: int = Field(5, ge=1, le=100)
    filter: ObjectValue = Field({}, description="search: fields of the metadata that must be equal.")
    OPERATIONS: ClassVar[tuple[str, ...]] = ("write", "search")


class Interpret(Model):
    """Messy data to values that fit a schema: what can be read is read, the model is asked for the rest."""

    data: JsonValue = Field(description="Anything; usually an expression.")
    schema_: SchemaText = Field(alias="schema", description="The wanted fields.")
    context: JsonValue = Field(None, description="What the data is about, for the model.")
    model: str | None = Field(
        None, min_length=1, description="As of `llm`; without one the alias `default`, if there is."
    )
    threshold: float = Field(0.7, ge=0, le=1, description="Required fields that are less sure count as low.")
    on_low: Literal["return", "escalate", "fail"] = Field(
        "return",
        description="When a required field is missing or low: go on, ask a person, or fail with low_confidence.",
    )
    timeout: Duration | None = Field(None, description="escalate: how long to wait for the person.")


class WorkBudget(Model):
    """What the work may take. After `deadline` nobody can take it any more; the others are advice."""

    usd: NumberValue | None = None
    tokens: NumberValue | None = None
    deadline: Time | None = None


class Packet(Model):
    """What the other agent must know. Lists hold texts; `decisions` also `{what, why, by, evidence}`."""

    goal: str = Field(min_length=1, description="In a sentence.")
    done: ListValue = Field([])
    next: ListValue = Field([])
    decisions: ListValue = Field([])
    constraints: ListValue = Field([])
    open_questions: ListValue = Field([])
    tried_and_failed: ListValue = Field([])
    criteria: ListValue = Field([], description="When it is done, in words; `output` of the step is what is checked.")
    artifacts: ListValue = Field([], description="`{name, uri or inline, media_type, sha256}`")
    budget: WorkBudget | None = None


class Match(Model):
    """Which agents may take it: those that have all of these skills and tags."""

    skills: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field([], max_length=50)
    tags: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field([], max_length=50)


class Delegated(Model):
    """What every step has that another agent does."""

    output: SchemaText | None = Field(None, description="Schema of what comes back; what does not fit is refused.")
    max_attempts: int = Field(3, ge=1, le=100, description="Claims that may run out before the work is dead.")
    timeout: Duration | None = Field(None, description="After that the work is taken back.")
    on_timeout: Otherwise = Field("fail", description="`fail`, or `{output: …}`: what the step gives then.")


class Handoff(Delegated):
    """Another agent does it: a named one (`to`), or whoever fits (`match`)."""

    to: str | None = Field(None, min_length=1, description="An agent's name or id.")
    match: Match | None = None
    packet: Packet
    context: ObjectValue = Field({}, description="Whatever else, as it is.")
    reason: str | None = None


class Agent(Delegated):
    """A registered agent does it: a hand-off to it with this input."""

    ref: Annotated[PlainText, Field(min_length=1, max_length=200)] = Field(description="The agent's name.")
    goal: str | None = Field(None, min_length=1, description="In a sentence; otherwise the step's note.")
    input: ObjectValue = Field({})
    NOT_YET: ClassVar[tuple[str, ...]] = ("model", "instructions", "tools", "max_turns")


class CallWorkflow(Model):
    """Another workflow, its latest version or the given one, runs as a child."""

    ref: Annotated[PlainText, Field(pattern=r"^[a-z0-9][a-z0-9_-]*(@[1-9][0-9]*)?$")]
    input: ObjectValue = Field({})


class Wait(Model):
    """Exactly one of `for`, `until` and `event`."""

    for_: Duration | None = Field(None, alias="for")
    until: Time | None = None
    event: str | None = Field(None, min_length=1, max_length=200)
    match: dict[str, JsonValue] | None = Field(None, description="event: fields that must be equal.")
    timeout: Duration | None = Field(None, description="event: fails with timed_out.")


class Emit(Model):
    """Publish an event to whoever waits for it in the organisation."""

    event: str = Field(min_length=1, max_length=200)
    payload: ObjectValue = Field({})


class FailWith(Model):
    """End the execution as failed."""

    message: str = Field(min_length=1)
    code: Annotated[PlainText, Field(pattern=NAME.pattern)] = "failed"


Fail: TypeAlias = Annotated[FailWith, BeforeValidator(_message, json_schema_input_type=str | FailWith)]

# Where prompt text stands: the path below the kind; `*` is any position of a list.
PROMPT_FIELDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "llm": (("system",), ("prompt",), ("messages", "*", "content")),
}
# What is never a template, by kind.
LITERAL_FIELDS: dict[str, frozenset[str]] = {
    "llm": frozenset({"output"}),
    "code": frozenset({"python"}),
    "http": frozenset({"auth"}),
    "tool": frozenset({"name", "auth"}),
    "workflow": frozenset({"ref"}),
    "interpret": frozenset({"schema"}),
    "handoff": frozenset({"output"}),
    "agent": frozenset({"ref", "output"}),
}
