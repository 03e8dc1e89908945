"""Calls an endpoint with what it takes, by a plan that is made once a route.

FastAPI finds out for every request anew what an endpoint depends on and how each of its parameters is read; that costs
more than everything else that a request does here. The plan reads the same parameters with the same validators. Routes
that it does not cover, and requests that do not fit, are FastAPI's: it names every problem at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Self

from fastapi import params
from fastapi._compat import is_scalar_field
from fastapi.datastructures import DefaultPlaceholder
from fastapi.exceptions import ResponseValidationError
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from fastapi._compat import ModelField
    from fastapi.dependencies.models import Dependant
    from fastapi.routing import APIRoute
    from starlette.requests import Request

    from functions.shared.jsonvalue import Json

NOTHING = object()
"""What was sent where nothing was sent; null is something."""


class DoesNotFit(Exception):
    """A parameter is missing or not valid. Nothing has been called yet."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint, what it depends on, and the model of its answer."""

    function: _Function
    dependencies: Mapping[str, _Function]
    status: int
    answer: ModelField

    @classmethod
    def of(cls, route: APIRoute) -> Self | None:
        """Plan the calls of a route; None when it uses more of FastAPI than most routes here do."""
        needed = {each.name: each for each in route.dependant.dependencies if each.name is not None}
        if route.response_field is None or not _is_plain_answer(route):
            return None
        if any(each.dependencies for each in needed.values()) or not all(
            map(_is_plain, (route.dependant, *needed.values()))
        ):
            return None
        return cls(
            function=_function(route.dependant),
            dependencies={name: _function(each) for name, each in needed.items()},
            status=route.status_code or 200,
            answer=route.response_field,
        )

    async def respond(self, request: Request, body: Json | object) -> Response:
        """Call the endpoint and render what it gives. Raises DoesNotFit before anything is called."""
        response = Response(status_code=self.status, media_type="application/json")
        needed = {name: each.read(request, response, body) for name, each in self.dependencies.items()}
        arguments = self.function.read(request, response, body)
        for name, dependency in self.dependencies.items():
            arguments[name] = await dependency.call(**needed[name])
        given = await self.function.call(**arguments)
        if isinstance(given, Response):
            return given
        value, errors = self.answer.validate(given, loc=("response",))
        if errors:
            raise ResponseValidationError(errors, body=given)
        response.body = self.answer.serialize_json(value)
        response.headers["content-length"] = str(len(response.body))
        return response


@dataclass(frozen=True, slots=True)
class _Function:
    """An endpoint or a dependency, and where each of its arguments comes from."""

    call: Callable[..., Awaitable[Any]]
    path: Iterable[ModelField]
    query: Iterable[ModelField]
    header: Iterable[ModelField]
    body: Iterable[ModelField]
    request_name: str | None
    response_name: str | None

    def read(self, request: Request, response: Response, body: Json | object) -> dict[str, Any]:
        """Give the arguments without those that are dependencies. Raises DoesNotFit."""
        arguments: dict[str, Any] = {}
        for field in self.path:
            arguments[field.name] = _validated(field, request.path_params[field.alias])
        for field in self.query:
            arguments[field.name] = _validated(field, request.query_params.get(field.alias, NOTHING))
        for field in self.header:
            arguments[field.name] = _validated(field, request.headers.get(field.alias, NOTHING))
        for field in self.body:
            arguments[field.name] = _validated(field, body)
        if self.request_name is not None:
            arguments[self.request_name] = request
        if self.response_name is not None:
            arguments[self.response_name] = response
        return arguments


def _function(dependant: Dependant) -> _Function:
    assert dependant.call is not None  # noqa: S101  FastAPI leaves it out for websockets only
    return _Function(
        call=dependant.call,
        path=dependant.path_params,
        query=dependant.query_params,
        header=dependant.header_params,
        body=dependant.body_params,
        request_name=dependant.request_param_name,
        response_name=dependant.response_param_name,
    )


def _is_plain(dependant: Dependant) -> bool:
    """Whether it is awaited once, with a JSON body at most and parameters that are one text each."""
    parameters = [*dependant.path_params, *dependant.query_params, *dependant.header_params]
    return (
        iscoroutinefunction(dependant.call)
        and all(is_scalar_field(each) and each.validation_alias in (None, each.alias) for each in parameters)
        and len(dependant.body_params) <= 1
        and not any(isinstance(each.field_info, params.Form) for each in dependant.body_params)
        and not dependant.cookie_params
        and not dependant.background_tasks_param_name
        and not dependant.security_scopes_param_name
        and not dependant.http_connection_param_name
    )


def _is_plain_answer(route: APIRoute) -> bool:
    """Whether FastAPI would render the answer by its model alone."""
    return isinstance(route.response_class, DefaultPlaceholder) and not (
        route.response_model_include
        or route.response_model_exclude
        or route.response_model_exclude_unset
        or route.response_model_exclude_defaults
        or route.response_model_exclude_none
    )


def _validated(field: ModelField, sent: object) -> Any:  # noqa: ANN401  whatever the parameter says
    if sent is NOTHING:
        if field.field_info.is_required():
            raise DoesNotFit
        return field.get_default()
    value, errors = field.validate(sent)
    if errors:
        raise DoesNotFit
    return value
