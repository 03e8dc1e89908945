"""The tool `json_query`: pick and reshape by a JMESPath expression."""

from __future__ import annotations

import asyncio
import json
from functools import lru_cache
from typing import Any, cast

from functions.shared.dsl.kinds import Auth
from functions.shared.jsonvalue import Json, JsonObject, parse_json
from functions.shared.steps.base import Context, Done, StepFailed
from functions.shared.tools.base import Tool, arguments

MAX_WORK = 2_000_000  # values and characters that one query may build


async def _run(given: JsonObject, context: Context, auth: Auth | None) -> Done:
    del context, auth
    data = given["data"]
    if isinstance(data, str):
        data = _parsed(data)
    return Done(await asyncio.to_thread(_search, str(given["query"]), data))


def _search(query: str, data: Json) -> Json:
    from jmespath import compile as compile_query  # noqa: PLC0415  not needed where no tool runs
    from jmespath.exceptions import JMESPathError  # noqa: PLC0415

    try:
        parsed: Any = compile_query(query).parsed
        found: object = _bounded()().visit(parsed, data)
        return _json(found)
    except JMESPathError as error:
        raise StepFailed("invalid_query", f"`query` {query[:200]!r}: {error}") from None
    except RecursionError:
        raise StepFailed("invalid_query", "`query` or `data` is nested too deep.") from None


@lru_cache(maxsize=1)
def _bounded() -> type[Any]:
    """Give an interpreter with a budget: `[@, @][] | [@, @][] | …` doubles its value with every stage."""
    from jmespath.visitor import TreeInterpreter  # noqa: PLC0415  not needed where no tool runs

    class Bounded(TreeInterpreter):
        def __init__(self) -> None:
            super().__init__()
            self._left = MAX_WORK

        def visit_multi_select_list(self, node: Any, value: Any) -> Any:  # noqa: ANN401  the library's interface
            return self._paid(super().visit_multi_select_list(node, value))

        def visit_multi_select_dict(self, node: Any, value: Any) -> Any:  # noqa: ANN401
            return self._paid(super().visit_multi_select_dict(node, value))

        def visit_function_expression(self, node: Any, value: Any) -> Any:  # noqa: ANN401
            return self._paid(super().visit_function_expression(node, value))

        def visit_flatten(self, node: Any, value: Any) -> Any:  # noqa: ANN401
            return self._paid(super().visit_flatten(node, value))

        def _paid(self, value: Any) -> Any:  # noqa: ANN401
            waiting = [value]
            while waiting:
                each = waiting.pop()
                self._left -= 1 + (len(each) if isinstance(each, str) else 0)
                if self._left < 0:
                    raise StepFailed("too_large", f"`query` builds more than {MAX_WORK:,} values.")
                if isinstance(each, dict):
                    waiting.extend(cast("dict[str, Any]", each).values())
                elif isinstance(each, list):
                    waiting.extend(cast("list[Any]", each))
            return value

    return Bounded


def _parsed(text: str) -> Json:
    try:
        return parse_json(text)
    except ValueError as error:
        raise StepFailed("invalid_arguments", f"`data` is text and not JSON: {error}") from None


def _json(value: object) -> Json:
    """Refuse what is not data, such as the bare expression reference `&x`."""
    try:
        return cast("Json", json.loads(json.dumps(value)))
    except (TypeError, ValueError):
        raise StepFailed("invalid_query", "`query` gives no JSON value.") from None


JSON_QUERY = Tool(
    name="json_query",
    description="Select and reshape JSON by a JMESPath expression, such as `orders[?total > `10`].id`.",
    arguments=arguments(
        ["data", "query"],
        data={"description": "The value to look into; text is read as JSON."},
        query={"type": "string", "minLength": 1, "maxLength": 4000},
    ),
    returns={"description": "What the expression selects; null when nothing matches."},
    run=_run,
)
