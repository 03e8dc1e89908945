"""The types of inputs, items, loops and step results, as far as the document says them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from functions.shared.dsl.checks.scopes import Placed, Places, Scope
from functions.shared.dsl.checks.types import (
    ANY,
    BOOLEAN,
    INTEGER,
    NULL,
    STRING,
    Inference,
    Type,
    list_of,
    merged,
    object_of,
    of_schema,
    of_value,
)
from functions.shared.dsl.expression_errors import ExpressionError
from functions.shared.dsl.models import KINDS
from functions.shared.dsl.schema import to_json_schema
from functions.shared.dsl.sites import Site
from functions.shared.dsl.syntax import parse
from functions.shared.dsl.templates import OPEN, TemplateError, split
from functions.shared.jsonvalue import Json, JsonObject

ERROR = object_of({"code": STRING, "message": STRING, "path": STRING}, is_closed=False)
_STATUS = Type("string", enum=("succeeded", "failed", "skipped", "cancelled"))
_MAX_CHAIN = 40  # how many steps a type is followed through
_ACTOR = object_of({"kind": STRING, "id": STRING, "label": merged([STRING, NULL])})  # who decided
_HTTP = object_of({"status": INTEGER, "headers": Type("object"), "body": ANY})


class _Results(Mapping[str, Type]):
    """The results of the steps that a scope sees, each worked out when it is asked for."""

    def __init__(self, scope: Scope, result: Callable[[Placed | None], Type]) -> None:
        self._scope = scope
        self._result = result

    def __getitem__(self, name: str) -> Type:
        step = self._scope.find(name)
        if step is None:
            raise KeyError(name)
        return self._result(step)

    def __iter__(self) -> Iterator[str]:
        return iter(self._scope.visible())

    def __len__(self) -> int:
        return len(self._scope.visible())


class StepTypes:
    """Gives the types of names at a place. Each step's output is worked out once."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._outputs: dict[int, Type] = {}
        self._working: set[int] = set()
        self.input = self._input_type(places.document)

    def name_type(self, name: str, scope: Scope, step: Placed | None, site: Site | None) -> Type:
        """Give the type of a name as an expression of `step` in `scope` sees it."""
        match name:
            case "input":
                return self.input
            case "steps":
                return Type("object", _Results(scope, self._result))
            case "index":
                return INTEGER
            case "error":
                return ERROR
            case "item":
                return self._item(step, site)
            case "loop":
                return self._loop(step, site)
            case _:
                return ANY

    def _result(self, step: Placed | None) -> Type:
        if step is None:
            return ANY
        output = self._output(step)
        flags = {"skipped": BOOLEAN, "failed": BOOLEAN, "exhausted": BOOLEAN, "status": _STATUS, "error": ERROR}
        return object_of({"output": output, **flags}, is_closed=False)

    def _output(self, step: Placed) -> Type:
        key = id(step)
        if key in self._outputs:
            return self._outputs[key]
        if key in self._working or len(self._working) > _MAX_CHAIN:
            return ANY
        self._working.add(key)
        output = self._once(step)
        if "for_each" in step.raw:
            output = list_of(output if step.raw.get("on_item_error") != "continue" else ANY)
        self._working.discard(key)
        self._outputs[key] = output
        return output

    def _once(self, step: Placed) -> Type:
        kind = next((kind for kind in KINDS if kind in step.raw), None)
        spec = step.raw.get(kind) if kind is not None else None
        match kind:
            case "llm" | "handoff" | "agent" if isinstance(spec, dict):
                return self._declared(spec, otherwise=object_of({"text": STRING}) if kind == "llm" else ANY)
            case "http":
                return _HTTP
            case "approval" if isinstance(spec, dict):
                return self._approval(spec)
            case "emit":
                return object_of({"id": STRING})
            case "transform":
                return self.template_type(spec, step.scope, step)
            case "steps" if step.body is not None:
                if "output" in step.raw:
                    return self.template_type(step.raw["output"], step.body, step)
                return object_of({name: self._output(inner) for name, inner in step.body.steps.items()})
            case _:
                return ANY

    def template_type(self, value: Json, scope: Scope, step: Placed | None) -> Type:
        """Give the type that a structure of templates evaluates to."""
        if isinstance(value, dict):
            return object_of({key: self.template_type(entry, scope, step) for key, entry in value.items()})
        if isinstance(value, list):
            return list_of(merged(self.template_type(entry, scope, step) for entry in value))
        if not isinstance(value, str) or OPEN not in value:
            return Type(of_value(value).kind)
        try:
            pieces = split(value)
            if len(pieces) > 1:
                return STRING
            return self.infer(pieces[0].text, scope, step)
        except (ExpressionError, TemplateError):
            return ANY

    def infer(self, source: str, scope: Scope, step: Placed | None) -> Type:
        """Give the type of one expression without reporting anything."""

        def silent(_severity: str, _code: str, _message: str, _hint: str | None) -> None:
            """Say nothing: this is reported where the expression stands."""

        inference = Inference(lambda name: self.name_type(name, scope, step, None), silent)
        return inference.type_of(parse(source))

    def _item(self, step: Placed | None, site: Site | None) -> Type:
        holders = (
            [] if step is None else [*([] if site is not None and site.view == "before" else [step]), *step.around()]
        )
        holder = next((each for each in holders if "for_each" in each.raw), None)
        if holder is None:
            return ANY
        items = holder.raw["for_each"]
        if not isinstance(items, str):
            return self.template_type(items, holder.scope, holder).item or ANY
        try:
            pieces = [piece for piece in split(items) if piece.text.strip()] if OPEN in items else []
            source = pieces[0].text if len(pieces) == 1 else items
            return self.infer(source, holder.scope, holder).item or ANY
        except (ExpressionError, TemplateError):
            return ANY

    def _loop(self, step: Placed | None, site: Site | None) -> Type:
        holder = None if step is None else next((each for each in [step, *step.around()] if "loop" in each.raw), None)
        output = ANY if holder is None else self._output(holder)
        fields = {"index": INTEGER, "previous": output}
        if holder is step and (site is None or site.view == "inside"):
            fields["output"] = output
        return object_of(fields)

    @staticmethod
    def _input_type(document: JsonObject) -> Type:
        declared = document.get("input")
        if declared is None and "input" in document:
            return ANY
        if declared is None:
            return object_of({})
        return of_schema(to_json_schema(declared)) if isinstance(declared, dict) else ANY

    @staticmethod
    def _declared(spec: JsonObject, *, otherwise: Type) -> Type:
        output = spec.get("output")
        if isinstance(output, dict):
            return of_schema(to_json_schema(output))
        return otherwise if output is None else ANY

    @staticmethod
    def _approval(spec: JsonObject) -> Type:
        outcomes, form = spec.get("outcomes", ["approve", "reject"]), spec.get("form")
        fields = of_schema(to_json_schema(form)) if isinstance(form, dict) else Type("object")
        outcome = Type("string", enum=tuple(outcomes)) if isinstance(outcomes, list) else STRING
        return object_of({"outcome": outcome, "form": fields, "decided_by": merged([_ACTOR, NULL])})
