"""Finds the function of a request, as an HTTP API does: the most specific route wins, its own method before ANY."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

ANY = frozenset({"*", "ANY"})
_EXACT, _PARAMETER, _REST = range(3)


@dataclass(frozen=True, slots=True)
class Route:
    """A route of a function: `GET /api/agents/{agent_id}`, `ANY /api/agents/{proxy+}`, or `$default`."""

    method: str
    path: str
    function: str

    @property
    def key(self) -> str:
        """Give the key that events carry."""
        if self.path == "$default":
            return "$default"
        return f"{'ANY' if self.method in ANY else self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Found:
    """A route with the values of its parameters."""

    route: Route
    parameters: dict[str, str]


class RouteTable:
    """All routes of one HTTP API."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(route, _segments(route.path)) for route in routes if route.path != "$default"]
        self._default = next((route for route in routes if route.path == "$default"), None)

    def find(self, method: str, path: str) -> Found | None:
        """Give the route of a request; None is API Gateway's own 404."""
        asked = _segments(path)
        best: tuple[list[int], int] | None = None
        found: Found | None = None
        for route, segments in self._routes:
            if route.method not in ANY and route.method != method:
                continue
            parameters = _match(segments, asked)
            if parameters is None:
                continue
            rank = ([_kind(segment) for segment in segments], int(route.method in ANY))
            if best is None or rank < best:
                best, found = rank, Found(route, parameters)
        if found is None and self._default is not None:
            return Found(self._default, {})
        return found


def _segments(path: str) -> list[str]:
    return path.removeprefix("/").split("/")


def _kind(segment: str) -> int:
    if not segment.startswith("{"):
        return _EXACT
    return _REST if segment.endswith("+}") else _PARAMETER


def _match(segments: list[str], asked: list[str]) -> dict[str, str] | None:
    parameters: dict[str, str] = {}
    for place, segment in enumerate(segments):
        if _kind(segment) == _REST:
            if not any(asked[place:]):
                return None
            return {**parameters, segment[1:-2]: "/".join(asked[place:])}
        if place >= len(asked) or (_kind(segment) == _EXACT and segment != asked[place]):
            return None
        if _kind(segment) == _PARAMETER:
            if not asked[place]:
                return None
            parameters[segment[1:-1]] = asked[place]
    return parameters if len(segments) == len(asked) else None
