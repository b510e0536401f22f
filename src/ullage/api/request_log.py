"""One line for each request, under one id that the asker is told too. No token and no body ever gets into it.

What an asker makes as long as it likes is cut: no line is longer than some 20,000 characters, whatever was sent.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import time
from dataclasses import dataclass, field
from uuid import uuid4

from ullage.api.http import Identity, Request, Response
from ullage.api.versions import Microversion

LOG = logging.getLogger("ullage.request")

REQUEST_ID_HEADER = "x-openstack-request-id"
_INBOUND_HEADERS = ("x-openstack-global-request-id", "x-openstack-request-id")
_REQUEST_ID = re.compile(r"req-[a-f0-9]{8}(-[a-f0-9]{4}){3}-[a-f0-9]{12}")
_METHOD_LENGTH_MAX = 32
_URI_LENGTH_MAX = 2000
_NAME_LENGTH_MAX = 255
REFUSED = 400
"""From this status on a line tells who asked: what was refused has no entry in the audit trail that would."""
_UNSAFE = re.compile(r"[^!#-\[\]-~]")  # all but visible ASCII; the quote and the backslash would forge other fields


class _RequestIds:
    """Request ids in the form of random uuids: a random beginning for each process, then a count. A uuid drawn anew
    costs ten times as much, which is felt in a claim of 100 microseconds."""

    def __init__(self) -> None:
        self._renew()
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._beginning = f"req-{str(uuid4())[:-12]}"
        self._count = itertools.count()  # next() is one step, so that no two threads get one number

    def __call__(self) -> str:
        return f"{self._beginning}{next(self._count):012x}"


_request_id = _RequestIds()


@dataclass(slots=True)
class Visit:
    """One request on its way: what its log line and its reply's headers need to know."""

    request_id: str = field(default_factory=_request_id)
    began_seconds: float = field(default_factory=time.perf_counter)
    version: Microversion | None = None
    """The version it is served in; None until that is known."""
    identity: Identity | None = None
    """Who asks; None until that is known."""
    asker: str = ""
    """Who was let in by `Askers` and has to leave; empty if nobody."""


def finish(visit: Visit, request: Request, response: Response) -> None:
    """Log a request that has been answered."""
    if not LOG.isEnabledFor(logging.INFO):
        return
    LOG.info(
        '[%s] %s "%s %s" status: %d len: %s microversion: %s time: %.6f%s',
        _ids(visit, request),
        _escaped(request.remote_address) or "-",
        _method(request),
        _escaped(_uri(request)),
        response.status,
        len(response.body) if response.chunks is None else "-",
        visit.version or "-",
        time.perf_counter() - visit.began_seconds,
        _who(visit.identity) if response.status >= REFUSED else "",
    )


def trouble(visit: Visit, request: Request, reason: str) -> None:
    """Log why a request that is in order could not be served: for the operator, who learns more than the asker."""
    LOG.warning('[%s] "%s %s" not served: %s', _ids(visit, request), _method(request), _escaped(_uri(request)), reason)


def bug(visit: Visit, request: Request) -> None:
    """Log the exception being handled: nothing but a mistake in this program raises it."""
    LOG.exception('[%s] "%s %s" failed', _ids(visit, request), _method(request), _escaped(_uri(request)))


def _who(identity: Identity | None) -> str:
    user, project = (identity.user, identity.project) if identity else ("", None)
    return f" user: {_name(user)} project: {_name(project)}"


def _name(text: str | None) -> str:
    return _escaped(text[:_NAME_LENGTH_MAX]) if text else "-"


def _ids(visit: Visit, request: Request) -> str:
    """The request's own id, after the one that the asker gave a whole chain of requests."""
    for name in _INBOUND_HEADERS:
        given = request.headers.get(name)
        if given is not None and _REQUEST_ID.fullmatch(given):
            return f"{given} {visit.request_id}"
    return visit.request_id


def _method(request: Request) -> str:
    return _escaped(request.method[:_METHOD_LENGTH_MAX])


def _uri(request: Request) -> str:
    path = request.mount + request.raw_path[:_URI_LENGTH_MAX].decode("latin-1")
    return f"{path}?{request.raw_query[:_URI_LENGTH_MAX].decode('latin-1')}" if request.raw_query else path


def _escaped(text: str) -> str:
    if _UNSAFE.search(text) is None:
        return text
    return _UNSAFE.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
