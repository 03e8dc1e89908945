"""What the routes of escalations take and give."""

from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, AliasChoices, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from functions.shared.dsl.assignees import assignee_problem
from functions.shared.dsl.schema import is_json_schema, schema_problems
from functions.shared.dsl.shorthand import shorthand_problems
from functions.shared.jsonvalue import JsonObject
from functions.shared.web import Answer, Body, Timestamp

Priority: TypeAlias = Literal["low", "normal", "high", "urgent"]
SaidPriority: TypeAlias = Literal["low", "normal", "high", "urgent", "medium"]
Status: TypeAlias = Literal["open", "claimed", "resolved", "dismissed", "timed_out", "cancelled"]
# With the words of the first AgentPlane and its client.
SaidStatus: TypeAlias = Literal[
    "open", "claimed", "resolved", "dismissed", "timed_out", "cancelled", "pending", "in_progress"
]
Kind: TypeAlias = Literal["question", "approval", "budget", "unknown", "policy"]
Role: TypeAlias = Literal["viewer", "approver", "operator", "admin", "owner"]
Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=10_000)]
Outcome: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]

FORMER_STATUS = {"pending": "open", "in_progress": "claimed"}
FORMER_PRIORITY = {"medium": "normal"}


def _assignee(text: str) -> str:
    if (problem := assignee_problem(text)) is not None:
        raise PydanticCustomError("not_an_assignee", "{problem}", {"problem": problem})
    return text


class Person(Body):
    """One of: a member by id or e-mail address, or all with a role (or a higher one)."""

    user_id: UUID | None = None
    email: Annotated[str | None, Field(min_length=3, max_length=320)] = None
    role: Role | None = None

    @model_validator(mode="after")
    def names_one(self) -> "Person":
        if sum(one is not None for one in (self.user_id, self.email, self.role)) != 1:
            raise PydanticCustomError("not_one", "name exactly one of user_id, email and role")
        return self


Assignee: TypeAlias = Annotated[str, Field(max_length=320), AfterValidator(_assignee)]
AssignTo: TypeAlias = Annotated[
    Assignee | Person | list[Assignee | Person] | None,
    Field(
        description="Who may answer: an e-mail address, a member's id, `role:approver`, `{email}`, `{user_id}`, "
        "`{role}`, or a list of these. Null: whoever may decide."
    ),
]


def _form(form: dict[str, JsonValue]) -> dict[str, JsonValue]:
    shape: JsonObject = form
    found = schema_problems(shape) if is_json_schema(shape) else [each[2] for each in shorthand_problems(shape)]
    if found:
        raise PydanticCustomError("bad_schema", "{problems}", {"problems": "; ".join(found)})
    return form


Form: TypeAlias = Annotated[
    dict[str, JsonValue],
    Field(description="What may be filled in: schema shorthand such as `{amount: number}`, or JSON Schema."),
    AfterValidator(_form),
]


class AskPeople(Body):
    """A question to people. `medium` is normal; `assigned_to` and `workflow_execution_id` are taken too."""

    reason: Text
    context: Annotated[JsonValue, Field(description="Whatever helps to answer.")] = None
    priority: SaidPriority = "normal"
    form: Annotated[Form, Field(default_factory=dict[str, JsonValue])]
    options: Annotated[
        list[Outcome],
        Field(
            default_factory=list[str],
            max_length=20,
            validation_alias=AliasChoices("options", "outcomes"),
            description="What may be decided; left out: any text.",
        ),
    ]
    assign_to: Annotated[AssignTo, Field(validation_alias=AliasChoices("assign_to", "assigned_to"))] = None
    quorum: Annotated[int, Field(ge=1, le=100, description="How many people must say the same.")] = 1
    aal2: Annotated[bool, Field(description="Only who signed in with a second factor may answer.")] = False
    not_requester: Annotated[bool, Field(description="Who asks may not answer too.")] = False
    answerable_by: Annotated[
        Literal["people", "anyone"], Field(description="anyone: keys with escalations:write may answer too.")
    ] = "people"
    agent_id: Annotated[UUID | None, Field(description="The agent that asks.")] = None
    workflow_id: UUID | None = None
    execution_id: Annotated[
        UUID | None,
        Field(
            validation_alias=AliasChoices("execution_id", "workflow_execution_id"),
            description="The execution that this is about.",
        ),
    ] = None
    timeout_seconds: Annotated[
        float | None, Field(gt=0, le=31_536_000, description="Closes as timed_out after so long.")
    ] = None
    on_timeout: Annotated[Outcome | None, Field(description="The outcome that it has then; an option.")] = None

    @property
    def question(self) -> JsonObject:
        """Give what the verb takes."""
        fields: dict[str, Any] = self.model_dump(mode="json", exclude={"options", "priority"}, exclude_none=True)
        return {**fields, "outcomes": [*self.options], "priority": FORMER_PRIORITY.get(self.priority, self.priority)}


class Decide(Body):
    """The answer: one of the outcomes, what was filled in, and a remark."""

    outcome: Outcome
    form: Annotated[
        dict[str, JsonValue] | None, Field(description="Values for the form; they may differ from what was shown.")
    ] = None
    comment: Annotated[str | None, Field(max_length=10_000)] = None
    output: Annotated[JsonValue, Field(description="Of a lost step that succeeded: its output.")] = None

    @property
    def answer(self) -> JsonObject:
        """Give what was sent."""
        return self.model_dump(mode="json", exclude_unset=True, exclude_none=True)


class ChangeEscalation(Body):
    """What to change. `in_progress` is claimed, `pending` open.

    `resolution` is the outcome, or the remark where any text will do.

    `resolved_by` is taken but not believed: who answers is whoever calls.
    """

    status: Literal["open", "pending", "claimed", "in_progress", "resolved", "dismissed"] | None = None
    priority: SaidPriority | None = None
    assign_to: Annotated[AssignTo, Field(validation_alias=AliasChoices("assign_to", "assigned_to"))] = None
    outcome: Outcome | None = None
    form: dict[str, JsonValue] | None = None
    comment: Annotated[str | None, Field(max_length=10_000)] = None
    resolution: Annotated[str | None, Field(max_length=10_000)] = None
    resolved_by: Annotated[str | None, Field(max_length=320)] = None

    @model_validator(mode="after")
    def says_something(self) -> "ChangeEscalation":
        if not self.model_fields_set - {"resolved_by", "comment", "form", "outcome", "resolution"}:
            raise PydanticCustomError("nothing_to_change", "name at least one of status, priority and assign_to")
        return self


class Assign(Body):
    """To whom; null: to whoever may decide."""

    assign_to: Annotated[AssignTo, Field(validation_alias=AliasChoices("assign_to", "assigned_to"))]


class Remark(Body):
    """Why, for those who read it later."""

    comment: Annotated[str | None, Field(max_length=10_000)] = None


class Say(Body):
    """What there is to say."""

    text: Annotated[Text, Field(validation_alias=AliasChoices("text", "comment", "message"))]


class MailTo(Body):
    """The member who gets the mail."""

    user_id: UUID


class Actor(Answer):
    """Who did it: a person, a key, or the plane itself."""

    kind: str
    id: str | None
    label: str | None


class Vote(Answer):
    """What one person said, where several must say the same."""

    outcome: str
    by: Actor


class Comment(Answer):
    """What somebody said about it."""

    id: UUID
    author: Actor
    text: str
    created_at: Timestamp


class Escalation(Answer):
    """A question to people. `refusal` says why you may not answer it: a code, or null."""

    id: UUID
    kind: Annotated[Kind, Field(description="question: somebody asked; all others: an execution waits for the answer.")]
    status: Status
    priority: Priority
    reason: str
    context: JsonValue
    form: dict[str, JsonValue]
    outcomes: Annotated[list[str], Field(description="What may be decided; empty: any text.")]
    assign_to: Annotated[list[dict[str, str]], Field(description="Who may answer; empty: whoever may decide.")]
    quorum: int
    votes: list[Vote]
    aal2: bool
    not_requester: bool | None
    answerable_by: Literal["people", "anyone"]
    execution_id: UUID | None
    path: Annotated[str | None, Field(description="The step that waits for it.")]
    workflow_id: UUID | None
    agent_id: UUID | None
    created_by: Actor
    claimed_by: Actor | None
    deadline: Timestamp | None
    on_timeout: str | None
    outcome: str | None
    answer: Annotated[JsonValue, Field(description="What was filled in.")]
    comment: str | None
    decided_by: Actor | None
    created_at: Timestamp
    decided_at: Timestamp | None
    may_answer: bool
    refusal: str | None
    comments: Annotated[list[Comment] | None, Field(description="Only where one escalation is read.")] = None


class OpenLink(Answer):
    """What a one-time link is about, and whose it is."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    escalation: Escalation
    email: str
    organisation: str
    expires_at: Timestamp
