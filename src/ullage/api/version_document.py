"""`GET /`: which versions are served. It needs no token, so that clients can ask before they have one."""

from __future__ import annotations

from email.utils import formatdate

import msgspec

from ullage.api.http import Call, Response, Route
from ullage.api.policy_rules import OPEN
from ullage.api.versions import LATEST, MINIMUM, Feature, has

_BODY = msgspec.json.encode(
    {
        "versions": [
            {
                "id": f"v{MINIMUM}",
                "max_version": str(LATEST),
                "min_version": str(MINIMUM),
                "status": "CURRENT",
                # Relative on purpose: "this very URL", whatever proxies stand before it.
                "links": [{"rel": "self", "href": ""}],
            }
        ]
    }
)


def show(call: Call) -> Response:
    """The version document, the same for every version but for its cache headers."""
    response = Response(200, _BODY, "application/json")
    if has(call.version, Feature.CACHE_HEADERS):
        response.headers += [("last-modified", formatdate(usegmt=True)), ("cache-control", "no-cache")]
    return response


ROUTES = (Route("GET", "/", show, OPEN), Route("GET", "", show, OPEN))
"""With the mount point's slash and without it."""
