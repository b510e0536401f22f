"""The token that a request comes with, whichever scheme it is of."""

from __future__ import annotations

from ullage.api.http import Request


def presented_token(request: Request) -> str | None:
    """X-Auth-Token, or else the token of `Authorization: Bearer` (RFC 6750, 2.1); None if there is neither."""
    token = request.headers.get("x-auth-token")
    if token is not None:
        return token
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None
