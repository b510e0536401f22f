"""Cross-origin requests from browsers, as oslo.middleware answers them; nothing unless origins are allowed."""

from __future__ import annotations

from collections.abc import Iterable

from ullage.api.http import Request, Response

_METHODS = frozenset({"GET", "PUT", "POST", "DELETE", "PATCH"})
_ALLOWED_HEADERS = frozenset(
    {
        "x-auth-token",
        "x-openstack-request-id",
        "x-identity-status",
        "x-roles",
        "x-service-catalog",
        "x-user-id",
        "x-tenant-id",
        "openstack-api-version",
        # The simple ones, which browsers may name too.
        "accept",
        "accept-language",
        "content-type",
        "cache-control",
        "content-language",
        "expires",
        "last-modified",
        "pragma",
    }
)
_EXPOSED_HEADERS = "X-Auth-Token,X-Openstack-Request-Id,X-Subject-Token,X-Service-Token,OpenStack-API-Version"
_PREFLIGHT_AGE_SECONDS = 3600


class Cors:
    """Answers preflights and marks replies for the origins that it was given; "*" admits any."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origins)

    def preflight(self, request: Request) -> Response | None:
        """The reply to an OPTIONS request (200, whatever it asks for), or None if that is not for us to answer."""
        if not self._origins or request.method != "OPTIONS":
            return None
        response = Response(200)
        origin = self._admitted(request)
        method = request.headers.get("access-control-request-method")
        asked = [name.strip() for name in request.headers.get("access-control-request-headers", "").split(",")]
        names = [name for name in asked if name]
        if origin is None or method not in _METHODS or not {name.lower() for name in names} <= _ALLOWED_HEADERS:
            return response
        response.headers += [
            *_admission(origin),
            ("access-control-max-age", str(_PREFLIGHT_AGE_SECONDS)),
            ("access-control-allow-methods", method),
        ]
        if names:
            response.headers.append(("access-control-allow-headers", ",".join(names)))
        return response

    def mark(self, request: Request, response: Response) -> None:
        """Tell the browser, on a reply to anything but a preflight, that the page may read it."""
        origin = self._admitted(request)
        if origin is None or request.method == "OPTIONS":
            return
        response.headers += [*_admission(origin), ("access-control-expose-headers", _EXPOSED_HEADERS)]

    def _admitted(self, request: Request) -> str | None:
        """What to name as the allowed origin, or None."""
        origin = request.headers.get("origin")
        if origin is None or not self._origins:
            return None
        if origin in self._origins:
            return origin
        return "*" if "*" in self._origins else None


def _admission(origin: str) -> list[tuple[str, str]]:
    headers = [("vary", "Origin"), ("access-control-allow-origin", origin)]
    if origin != "*":  # browsers send no credentials to a service that admits any page
        headers.append(("access-control-allow-credentials", "true"))
    return headers
