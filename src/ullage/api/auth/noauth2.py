"""A scheme for tests and for a machine of one's own."""

from __future__ import annotations

from ullage.api.http import Identity, Request


class NoAuth2:
    """Believes what it is told: `X-Auth-Token: user[:project]`. For tests and for a machine of one's own.

    The user "admin" has role admin, others none, unless `X-Roles` (separated by commas) says otherwise. The project is
    that of `X-Project-Id`, or the token's, or named like the user. `OpenStack-System-Scope` makes the token one of the
    system's and of no project.
    """

    challenge = ""

    def identify(self, request: Request, may_wait: bool) -> Identity | None:
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
