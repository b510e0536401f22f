"""Requests, replies and routes, free of any web framework."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ullage.api.versions import LATEST, Feature, Microversion, has
from ullage.model.commands import Command, Result
from ullage.model.origin import Origin
from ullage.operations.service import Service

CHUNK_BYTES = 256 * 1024
"""About how large the parts are in which a large body is made and sent."""
WHOLE_CHUNKS_MAX = 4
"""A body of so many chunks is still sent in one piece: most that have a limit are, and need no pipe."""


@dataclass(slots=True)
class Request:
    """One request as an entry (RSGI or WSGI) hands it over. Header names are lower-case."""

    method: str
    raw_path: bytes
    """Percent-encoded, without the query and without the mount point."""
    raw_query: bytes
    headers: Mapping[str, str]
    body: bytes = b""
    remote_address: str = ""
    base_url: str = ""
    """Scheme, host and mount point, without a trailing slash: "http://host:8778/placement"."""
    mount: str = ""
    """The mount point alone, "" or "/placement": prefix of every link."""
    repeated: frozenset[str] = frozenset()
    """The headers that came more than once; `headers` has their values joined by commas."""


@dataclass(slots=True)
class Response:
    """One reply. `content_type` is None when there is no body."""

    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    chunks: Iterator[bytes] | None = None
    """If there are any, they are the body: more than WHOLE_CHUNKS_MAX, none much larger than CHUNK_BYTES, each made
    when it is asked for, in any thread."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, as an authentication scheme found out."""

    user: str
    project: str | None
    roles: frozenset[str]
    system_scope: bool = False
    domain: str | None = None
    """Of which the asker speaks, instead of a project: its roles hold there alone."""


class Confined(Protocol):
    """What holds an asker to what is its own: see policy.Confinement."""

    def permits(self, project: str, user: str) -> bool:
        """Whether what is of this project and user is within it."""

    def require(self, project: str, user: str) -> None:
        """Raise NotPermitted for what is not within it."""


@dataclass(slots=True)
class Call:
    """A request that has passed identity, version, route, media type and policy: all that a handler needs."""

    service: Service
    request: Request
    version: Microversion = LATEST
    identity: Identity = field(default_factory=lambda: Identity("", None, frozenset()))
    parameters: Mapping[str, str] = field(default_factory=dict)
    """The decoded variables of the route's path."""
    query: Mapping[str, list[str]] = field(default_factory=dict)
    """Decoded query keys in order of appearance, each with all its values."""
    may_wait: bool = True
    """Whether this is a thread of its own, or an event loop, where nobody may wait: see WouldWait."""
    request_id: str = ""
    confinement: Confined | None = None
    """None: the asker may do this to everybody's."""

    @property
    def origin(self) -> Origin:
        """Who asks, as the audit trail tells it."""
        who = self.identity
        return Origin(who.user, who.project, who.roles, self.request.remote_address, self.request_id)


class WouldWait(Exception):
    """A brief route found that it has to ask the database after all: it must be handled again, in a thread."""


@dataclass(slots=True)
class Write:
    """What a handler answers that leaves its command to be decided: the reply is made of what the command answers."""

    command: Command
    reply: Callable[[Result], Response]


@dataclass(slots=True)
class InTurn:
    """What a handler answers that leaves what mostly computes to be done in turn, where it may make way for others."""

    work: Callable[[], Response]


Handler = Callable[[Call], Response | Write | InTurn]


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path.

    `is_brief`: its handler only reads its body and gives a Write whose reply is small, so that no thread is needed
    (or else raises WouldWait);
    `since` hides it before a feature (404, or the status in `before`); `rule` is its policy rule; `reads_json`: it
    needs a JSON body (415 otherwise); `gives_json`: 406 unless the asker accepts JSON.
    """

    method: str
    path: str
    handler: Handler
    rule: str
    since: Feature | None = None
    before: int = 404
    reads_json: bool = False
    bodiless_since: Feature | None = None
    """From this feature on the route reads no body any longer, whatever `reads_json` says."""
    gives_json: bool = False
    missing_has_vary: bool = False
    """Tells caches that the answer depends on the version even when what the path names is missing."""
    is_brief: bool = False
    names_project: bool = False
    """Its query says which project it is about; other routes are about the asker's own as far as policy knows."""
    trouble: str = ""
    """Begins the sentence of a refused write, such as "Unable to update inventory for resource provider {uuid}"."""

    def reads_body(self, version: Microversion) -> bool:
        """Whether the route needs a JSON body at a version."""
        return self.reads_json and (self.bodiless_since is None or not has(version, self.bodiless_since))
