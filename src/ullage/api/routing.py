"""From method and path to a route."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ullage.api.http import Route
from ullage.api.policy_rules import OPEN, RULES


class PathUnknown(Exception):
    """No route has this path."""


@dataclass(eq=False)
class MethodUnknown(Exception):
    """The path has routes, but none for this method."""

    allowed: tuple[str, ...]


@dataclass(slots=True)
class _Node:
    """A place in the tree of path segments."""

    literals: dict[str, _Node] = field(default_factory=dict)
    variable: tuple[str, _Node] | None = None
    routes: dict[str, Route] = field(default_factory=dict)


class RouteTable:
    """Routes by path segment. A variable stands for one segment that is not empty; no slash is merged or dropped."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Raises ValueError for a route that is there twice or whose policy rule does not exist."""
        self._root = _Node()
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        if route.rule != OPEN and route.rule not in RULES:
            raise ValueError(f"{route.method} {route.path}: there is no policy rule {route.rule!r}")
        node = self._root
        for segment in route.path.split("/"):
            if segment.startswith("{") and segment.endswith("}"):
                name = segment[1:-1]
                if node.variable is None:
                    node.variable = (name, _Node())
                elif node.variable[0] != name:
                    raise ValueError(f"{route.path}: {name} is called {node.variable[0]} in another route")
                node = node.variable[1]
            else:
                node = node.literals.setdefault(segment, _Node())
        if route.method in node.routes:
            raise ValueError(f"{route.method} {route.path} is there twice")
        node.routes[route.method] = route

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route with the variables of its path; raises PathUnknown or MethodUnknown."""
        node = self._root
        parameters = {}
        for segment in path.split("/"):
            below = node.literals.get(segment)
            if below is None:
                if node.variable is None or not segment:
                    raise PathUnknown
                name, below = node.variable
                parameters[name] = segment
            node = below
        if not node.routes:
            raise PathUnknown
        route = node.routes.get(method)
        if route is None:
            raise MethodUnknown(tuple(node.routes))
        return route, parameters
