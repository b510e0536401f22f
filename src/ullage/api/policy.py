"""Who may do what: a table of rules by the names that operators know, each a small check of an identity."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ullage.api.http import Identity
from ullage.model.errors import NotPermitted

Check = Callable[[Identity, str | None], bool]
"""(asker, project that the request is about, None if about none) -> may it?"""

OPEN = ""
"""The rule of a route that everybody may use without saying who they are."""


def _is_admin(identity: Identity, project: str | None) -> bool:
    return "admin" in identity.roles


def _is_service(identity: Identity, project: str | None) -> bool:
    return "service" in identity.roles


def _is_admin_or_service(identity: Identity, project: str | None) -> bool:
    return _is_admin(identity, project) or _is_service(identity, project)


def _is_admin_service_or_reader_of_project(identity: Identity, project: str | None) -> bool:
    reads_own = "reader" in identity.roles and project is not None and identity.project == project
    return reads_own or _is_admin_or_service(identity, project)


RULES: Mapping[str, Check] = {
    "placement:resource_providers:list": _is_admin_or_service,
    "placement:resource_providers:create": _is_admin_or_service,
    "placement:resource_providers:show": _is_admin_or_service,
    "placement:resource_providers:update": _is_admin_or_service,
    "placement:resource_providers:delete": _is_admin_or_service,
    "placement:resource_classes:list": _is_admin_or_service,
    "placement:resource_classes:create": _is_admin_or_service,
    "placement:resource_classes:show": _is_admin_or_service,
    "placement:resource_classes:update": _is_admin_or_service,
    "placement:resource_classes:delete": _is_admin_or_service,
    "placement:resource_providers:inventories:list": _is_admin_or_service,
    "placement:resource_providers:inventories:create": _is_admin_or_service,
    "placement:resource_providers:inventories:show": _is_admin_or_service,
    "placement:resource_providers:inventories:update": _is_admin_or_service,
    "placement:resource_providers:inventories:delete": _is_admin_or_service,
    "placement:resource_providers:aggregates:list": _is_admin_or_service,
    "placement:resource_providers:aggregates:update": _is_admin_or_service,
    "placement:resource_providers:usages": _is_admin_or_service,
    "placement:usages": _is_admin_service_or_reader_of_project,
    "placement:traits:list": _is_admin_or_service,
    "placement:traits:show": _is_admin_or_service,
    "placement:traits:update": _is_admin_or_service,
    "placement:traits:delete": _is_admin_or_service,
    "placement:resource_providers:traits:list": _is_admin_or_service,
    "placement:resource_providers:traits:update": _is_admin_or_service,
    "placement:resource_providers:traits:delete": _is_admin_or_service,
    "placement:allocations:manage": _is_admin_or_service,
    "placement:allocations:list": _is_admin_or_service,
    "placement:allocations:update": _is_admin_or_service,
    "placement:allocations:delete": _is_admin_or_service,
    "placement:resource_providers:allocations:list": _is_admin_or_service,
    "placement:allocation_candidates:list": _is_admin_or_service,
    "placement:reshaper:reshape": _is_service,
}


class Policy:
    """The default rules; with `enforce_new_defaults` off, role admin is enough for each, as it once was."""

    def __init__(self, enforce_new_defaults: bool) -> None:
        self._enforce_new_defaults = enforce_new_defaults

    def require(self, rule: str, identity: Identity, project: str | None) -> None:
        """Raise NotPermitted unless the rule lets this asker do this for that project.

        A token of the system, not of a project, is refused by every rule.
        """
        if not identity.system_scope:
            if RULES[rule](identity, project):
                return
            if not self._enforce_new_defaults and _is_admin(identity, project):
                return
        raise NotPermitted(rule)
