"""The input of what a trigger starts: a structure with `${{ }}` over what came. Checked when it is stored: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from functions.shared.dsl.expressions import ExpressionError, evaluate
from functions.shared.dsl.problems import did_you_mean, nearest
from functions.shared.dsl.sites import expressions, templates
from functions.shared.dsl.syntax import references
from functions.shared.errors import FieldProblem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from functions.shared.jsonvalue import Json

HOOK_NAMES: Final = ("body", "headers", "hook", "message")
TRIGGER_NAMES: Final = ("event", "trigger")
SCHEDULE_NAMES: Final = ("schedule", "fire_at")


def mapping_problems(mapping: Json, names: Collection[str], pointer: str) -> list[FieldProblem]:
    """Give what is wrong with the expressions of a mapping: syntax, and names that are not there."""
    return list(_problems(mapping, names, pointer))


def map_input(mapping: Json, scope: Mapping[str, object]) -> Json:
    """Evaluate a mapping. Raises ExpressionError, for example when a field that it looks at did not come."""
    return evaluate(mapping, scope)


def _problems(mapping: Json, names: Collection[str], pointer: str) -> Iterator[FieldProblem]:
    for site in templates(mapping, (), "before"):
        where = pointer + "".join(f"/{_escaped(part)}" for part in site.path)
        for found in expressions(site):
            if found.error is not None or found.tree is None:
                error = found.error or ExpressionError("syntax", "Cannot be read")
                yield FieldProblem(where, "bad_expression", f"{error}", error.hint)
                continue
            for reference in references(found.tree):
                if reference.name not in names:
                    yield _unknown(where, reference.name, sorted(names))


def _unknown(where: str, name: str, names: Sequence[str]) -> FieldProblem:
    meant = nearest(name, names)
    hint = did_you_mean(name, names) or f"There are {', '.join(names)}."
    return FieldProblem(where, "unknown_name", f"{name!r} is not defined here.", hint, [*names], meant)


def _escaped(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
