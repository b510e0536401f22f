"""Who asks: one class per authentication scheme, all in SCHEMES.

The contract of a scheme is `identify(request)`: None says "these are not credentials of mine", NotIdentified says
"mine, but bad", an Identity says who it is. It is called in the event loop for routes that are brief: a scheme that
waits for others must see to it that its requests are not (App.is_brief; docs/decisions/0005).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from ullage.api.http import Identity, Request
from ullage.settings import Settings


class NotIdentified(Exception):
    """Credentials of a scheme that do not hold."""


class Scheme(Protocol):
    """One way to find out who asks."""

    def identify(self, request: Request) -> Identity | None:
        """The asker; None if the request has no credentials of this scheme; raises NotIdentified if they are bad."""


class NoAuth2:
    """Believes what it is told: `X-Auth-Token: user[:project]`. For tests and for a machine of one's own.

    The user "admin" has role admin, others none, unless `X-Roles` (separated by commas) says otherwise. The project is
    that of `X-Project-Id`, or the token's, or named like the user. `OpenStack-System-Scope` makes the token one of the
    system's and of no project.
    """

    def identify(self, request: Request) -> Identity | None:
        token = request.headers.get("x-auth-token")
        if token is None:
            return None
        user, _, project = token.partition(":")
        said_roles = request.headers.get("x-roles")
        if said_roles is None:
            roles = frozenset({"admin"} if user == "admin" else ())
        else:
            roles = frozenset(role.strip().lower() for role in said_roles.split(",")) - {""}
        project = request.headers.get("x-project-id", project or user)
        has_system_scope = bool(request.headers.get("openstack-system-scope"))
        return Identity(user, None if has_system_scope else project, roles, has_system_scope)


SCHEMES: Mapping[str, Callable[[Settings], Scheme]] = {
    "noauth2": lambda settings: NoAuth2(),
}
"""The name that the setting `auth` takes -> how the scheme is made."""


def scheme_for(settings: Settings) -> Scheme:
    """The scheme that the settings name."""
    return SCHEMES[settings.auth](settings)
