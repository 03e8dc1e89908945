"""What Pydantic finds wrong is told in the words of who sent it."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, ValidationError

from functions.escalations.models import AskPeople
from functions.members.models import CreateInvitation
from functions.shared.web.validation import field_problems


class Handed(BaseModel):
    to_agent_id: UUID | None = None
    quotas: dict[Literal["agents", "keys"], int | None] = {}
    holder: Annotated[str | int, "two forms"] = 0


def problems(model: type[BaseModel], body: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(body)
    errors = [{**error, "loc": ("body", *error["loc"])} for error in refused.value.errors()]
    return [(each.pointer, each.message, each.hint) for each in field_problems(errors, model)]


def test_a_place_is_named_as_it_was_sent_and_not_by_the_branches_of_a_union() -> None:
    said = "'boss' is no role; they are viewer, approver, operator, admin, owner."

    assert problems(AskPeople, {"reason": "r", "assign_to": "role:boss"}) == [("/assign_to", said, None)]
    assert problems(AskPeople, {"reason": "r", "assign_to": ["a@b.c", "role:boss"]}) == [("/assign_to/1", said, None)]
    assert problems(Handed, {"quotas": {"agnts": 1}}) == [
        ("/quotas/agnts", "Must be one of agents, keys.", "Did you mean agents?")
    ]


def test_of_what_fits_no_branch_all_forms_are_told_at_once() -> None:
    [(pointer, message, _)] = problems(AskPeople, {"reason": "r", "assign_to": 5})

    assert pointer == "/assign_to"
    assert "Must be a JSON object." in message
    assert "Must be a JSON array." in message
    assert [pointer for pointer, *_ in problems(Handed, {"holder": []})] == ["/holder"]


def test_a_name_where_an_id_belongs_is_told_where_the_id_is() -> None:
    assert problems(Handed, {"to_agent_id": "reviewer"}) == [
        (
            "/to_agent_id",
            "Must be an id, a UUID, not 'reviewer'.",
            "A name is no id: GET /api/agents?name=… shows the id.",
        )
    ]


def test_an_address_of_nobody_is_told_what_one_looks_like() -> None:
    assert problems(CreateInvitation, {"email": "ada", "role": "viewer"}) == [
        ("/email", "Must be an address such as name@example.com.", None)
    ]
