"""What was sent as a definition, read: its format, its text, and for a workflow document everything that runs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from functions.shared.dsl.checker import check
from functions.shared.dsl.compiled import compile_document
from functions.shared.errors import FieldProblem, InvalidInput
from functions.shared.web.validation import invalid_input

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.shared.dsl.problems import Problem
    from functions.shared.jsonvalue import Json, JsonObject

Format: TypeAlias = Literal["yaml", "markdown"]
MAX_BYTES = 256_000

_NAME = re.compile(r"[^\s/@\x00-\x1f](?:[^/@\x00-\x1f]{0,198}[^\s/@\x00-\x1f])?")


@dataclass(frozen=True, slots=True)
class DocumentProblem(FieldProblem):
    """A problem of a workflow document: `path` inside it, line and column from 1 when it was sent as text."""

    path: str = ""
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition that may be stored. `document` is None for markdown; `warnings` never refuse."""

    name: str
    format: Format
    text: str
    is_json: bool
    document: JsonObject | None
    description: str | None
    queue: str
    steps: list[Json]
    warnings: list[Problem]


def format_of(definition: str | JsonObject, said: Format | None) -> Format:
    """Tell a workflow document (an object, or text with a line that starts `steps:`, or JSON) from a runbook."""
    if said is not None:
        return said
    if isinstance(definition, dict):
        return "yaml"
    is_json = definition.lstrip().startswith("{")
    return "yaml" if is_json or re.search(r"^steps\s*:", definition, re.MULTILINE) else "markdown"


def read_definition(
    definition: str | JsonObject, *, said: Format | None, name: str | None, environment: Mapping[str, str] | None
) -> Definition:
    """Read and check a definition. Raises InvalidInput with every problem of the name and of the document at once."""
    form = format_of(definition, said)
    if form == "markdown":
        return _read_runbook(definition, name)
    checked = check(definition, environment=environment)
    problems = document_problems(checked.problems, is_text=isinstance(definition, str))
    written = (checked.document or {}).get("name")
    if name is not None and isinstance(written, str) and written != name:
        message = f"The body says {name!r}, the document {written!r}."
        problems.insert(
            0, FieldProblem("/name", "name_mismatch", message, "Use one name, or leave it out of the body.")
        )
    if problems:
        raise _refused(problems)
    assert checked.document is not None  # noqa: S101  there is a document when nothing is wrong
    compiled = compile_document(checked.document)
    return Definition(
        name=compiled.workflow.name,
        format="yaml",
        text=definition if isinstance(definition, str) else canonical(definition),
        is_json=isinstance(definition, dict),
        document=checked.document,
        description=compiled.workflow.description or None,
        queue=compiled.queue,
        steps=list(compiled.index),
        warnings=[problem for problem in checked.problems if problem.severity == "warning"],
    )


def canonical(definition: JsonObject) -> str:
    """Write an object always in the same way."""
    return json.dumps(definition, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def document_problems(problems: Sequence[Problem], *, is_text: bool) -> list[FieldProblem]:
    """Give the errors among a checker's findings as field problems of the request."""
    return [
        DocumentProblem(
            pointer="/definition" if is_text else "/definition" + _pointer(problem.path),
            code=problem.code,
            message=problem.message,
            hint=problem.hint,
            path=problem.path,
            line=problem.line if is_text else None,
            column=problem.column if is_text else None,
        )
        for problem in problems
        if problem.severity == "error"
    ]


def _read_runbook(definition: str | JsonObject, name: str | None) -> Definition:
    problems: list[FieldProblem] = []
    if not isinstance(definition, str):
        message = "A markdown runbook is text, not an object."
        problems.append(FieldProblem("/definition", "wrong_type", message, "Send text, or leave format out."))
    elif not definition.strip():
        problems.append(FieldProblem("/definition", "too_short", "The definition is empty."))
    elif (size := len(definition.encode())) > MAX_BYTES:
        message = f"The definition has {size:,} bytes; at most {MAX_BYTES:,} are allowed."
        problems.append(FieldProblem("/definition", "too_large", message))
    if name is None:
        hint = "A markdown runbook is named in the body. A workflow document has a line that starts `steps:`."
        problems.append(FieldProblem("/name", "missing", "name is missing.", hint))
    elif not _NAME.fullmatch(name):
        message = "A name has 1 to 200 characters, no `/` and no `@`, and no space at its ends."
        problems.append(FieldProblem("/name", "wrong_form", message))
    if problems or name is None or not isinstance(definition, str):
        raise invalid_input(problems)
    return Definition(name, "markdown", definition, False, None, None, "default", [], [])


def _refused(problems: list[FieldProblem]) -> InvalidInput:
    count = len(problems)
    if count == 1:
        return invalid_input(problems)
    return InvalidInput(f"The workflow has {count} errors; `errors` names each with its place.", errors=problems)


def _pointer(path: str) -> str:
    """Turn `steps.a.messages[0]` into `/steps/a/messages/0`."""
    parts = re.findall(r"[^.\[\]]+", path)
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
