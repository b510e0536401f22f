"""Who may use which route: the expectation, written down apart from the rules, and the page that shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ullage.api.http import Route
from ullage.api.policy_rules import OPEN
from ullage.api.routes import ROUTES

EXAMPLE = Path(__file__).parent.parent / "examples" / "policy.yaml"
YES, OWN, NO = "yes", "own", "403"
NAMES = ("resource_classes:list", "resource_classes:show", "traits:list", "traits:show")


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who asks, of project p; `name` heads a column."""

    name: str
    roles: str
    is_system: bool = False

    def headers(self) -> dict[str, str]:
        """What makes the service take a request for this caller's."""
        said = {"x-auth-token": "somebody:p", "x-roles": self.roles}
        return {**said, "openstack-system-scope": "all"} if self.is_system else said


CALLERS = (
    Caller("no role", ""),
    Caller("member", "member"),
    Caller("reader", "reader"),
    Caller("auditor", "auditor"),
    Caller("service", "service"),
    Caller("admin", "admin"),
    Caller("system admin", "admin,service,reader,member,auditor", is_system=True),
)
PROJECTS: Mapping[str, str] = {"own": "p", "other": "q"}


def by_default(route: Route, caller: Caller) -> str:
    """What the default rules make of it."""
    name = route.rule.removeprefix("placement:")
    if caller.name == "service" or (caller.name == "admin" and name != "reshaper:reshape"):
        return YES
    return OWN if (caller.name, name) == ("reader", "usages") else NO


def by_example(route: Route, caller: Caller) -> str:
    """What examples/policy.yaml makes of it."""
    name = route.rule.removeprefix("placement:")
    if caller.name == "auditor" and route.method == "GET":
        return YES
    if caller.name == "reader":
        if name in NAMES:
            return YES
        return OWN if name in ("usages", "allocations:list") else NO
    if caller.name == "member":
        return OWN if name in ("allocations:manage", "allocations:update", "allocations:delete") else NO
    return by_default(route, caller)


TABLES = {"": by_default, str(EXAMPLE): by_example}
"""policy_file -> what it makes of a route and a caller."""


def lines() -> Iterator[str]:
    """The page."""
    yield "# Access"
    yield ""
    yield "Who may use which route, tried by a test with every route, caller, and own or other project."
    yield ""
    yield "- `yes`: whatever project it is about; `403`: not at all; without credentials, always 401"
    yield "- `own`: only for the caller's own project. `/usages` of others is 403, as are claims for others or of their"
    yield "  consumers; to read or release a foreign consumer is answered as if it held nothing"
    yield "- system admin: a token of the system's, with all roles"
    yield ""
    yield "`/` and `/openapi.json` ask for no role."
    titles = {"": "By default", str(EXAMPLE): "With examples/policy.yaml"}
    for file, expected in TABLES.items():
        yield from ("", f"## {titles[file]}", "")
        yield "| route | " + " | ".join(caller.name for caller in CALLERS) + " |"
        yield "|---|" + "---|" * len(CALLERS)
        for route in ROUTES:
            if route.rule != OPEN:
                cells = " | ".join(expected(route, caller) for caller in CALLERS)
                yield f"| {route.method} `{route.path}` | {cells} |"
