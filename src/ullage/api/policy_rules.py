"""The policy rules by the names that operators know, each with its default: what `policy.yaml` may say anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OPEN = ""
"""The rule of a route that everybody may use without saying who they are."""

ADMIN = "admin_api"
SERVICE = "service_api"
ADMIN_OR_SERVICE = "admin_or_service_api"
PROJECT_READER = "project_reader_api"
ADMIN_SERVICE_OR_PROJECT_READER = "admin_or_project_reader_or_service_api"


@dataclass(frozen=True, slots=True)
class Rule:
    """A check in the language of oslo.policy. `only_projects`: tokens of the system or a domain are refused.

    `was_admin`: the rule once was `role:admin`, and that is enough while enforce_new_defaults is off.
    """

    check: str
    only_projects: bool = True
    was_admin: bool = True


BASE: Mapping[str, Rule] = {
    ADMIN: Rule("role:admin", was_admin=False),
    SERVICE: Rule("role:service"),
    ADMIN_OR_SERVICE: Rule("role:admin or role:service"),
    PROJECT_READER: Rule("role:reader and project_id:%(project_id)s", only_projects=False),
    ADMIN_SERVICE_OR_PROJECT_READER: Rule(f"role:admin or rule:{PROJECT_READER} or role:service"),
}
"""Rules that other rules are made of."""

_OF_ADMIN_OR_SERVICE = (
    *(f"resource_providers:{verb}" for verb in ("list", "create", "show", "update", "delete")),
    *(f"resource_classes:{verb}" for verb in ("list", "create", "show", "update", "delete")),
    *(f"resource_providers:inventories:{verb}" for verb in ("list", "create", "show", "update", "delete")),
    *("resource_providers:aggregates:list", "resource_providers:aggregates:update", "resource_providers:usages"),
    *(f"traits:{verb}" for verb in ("list", "show", "update", "delete")),
    *(f"resource_providers:traits:{verb}" for verb in ("list", "update", "delete")),
    *(f"allocations:{verb}" for verb in ("manage", "list", "update", "delete")),
    *("resource_providers:allocations:list", "allocation_candidates:list"),
)

RULES: Mapping[str, Rule] = {
    **{f"placement:{name}": Rule(f"rule:{ADMIN_OR_SERVICE}", was_admin=False) for name in _OF_ADMIN_OR_SERVICE},
    "placement:usages": Rule(f"rule:{ADMIN_SERVICE_OR_PROJECT_READER}", was_admin=False),
    "placement:reshaper:reshape": Rule(f"rule:{SERVICE}", was_admin=False),
}
"""The rules of routes."""
