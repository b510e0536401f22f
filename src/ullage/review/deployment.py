"""What is known about a deployment: plain facts for the checks to judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from ullage.review.processes import ListenerFacts
from ullage.settings import LOOPBACK, Settings
from ullage.storage.privileges import DatabaseFacts


@dataclass(frozen=True)
class FileFacts:
    """A file of the deployment. `mode` and `folder_mode` are permission bits, such as 0o600."""

    kind: str
    path: str
    mode: int
    folder_mode: int
    is_secret: bool = True
    """Whether others may not even read it."""
    owner: str = "root"
    open_folders: tuple[str, ...] = ()
    """Folders above it where everybody may put another in its place."""
    is_seen: bool = True
    """Whether this user may look at it; else the modes mean nothing."""


@dataclass(frozen=True)
class CertificateFacts:
    """A certificate that is served, or by which a server is judged."""

    place: str
    """The setting that names its file, or the url where it was shown."""
    subject: str
    days_left: float
    """Negative: it is over."""
    life_days: float
    problem: str = ""
    """Why it cannot be used at all; empty if it can."""
    weakness: str = ""
    signs_itself: bool = False
    """Whether it is to be served, and no authority stands behind it."""
    has_names: bool = True
    """Whether it says, where clients look today, which hosts it is for."""


@dataclass(frozen=True)
class TokenFacts:
    """An API token, without what makes it secret."""

    number: int
    is_admin: bool
    life_days: int
    days_left: int


@dataclass(frozen=True)
class ServiceFacts:
    """How the running service answered. Statuses are those of HTTP."""

    is_https: bool
    is_loopback: bool
    status_without_credentials: int
    statuses_of_forgeries: Mapping[str, int]
    """What was forged -> the status that it got."""
    worst_status: int
    """The highest status that odd requests got."""
    distrust: str = ""
    """Why this machine does not believe the certificate that is shown there; empty if it does."""
    newest_version: str = ""
    """The newest microversion that it says it speaks; empty if it does not say."""
    admits_any_origin: bool = False
    """Whether pages of an origin that nobody has may read what it answers."""
    admits_credentials: bool = False
    """Whether they may send those of the browser."""
    names_program: str = ""
    """The program, with its version, that an answer names."""
    former_tls: tuple[str, ...] = ()
    """Versions of TLS that are no longer safe, and accepted."""
    leaks: tuple[str, ...] = ()
    """What answers to odd requests gave away: words such as Traceback, not the answers."""


@dataclass(frozen=True)
class Deployment:
    """Everything that a review looked at; None where it could not look."""

    settings: Settings
    database: DatabaseFacts | None = None
    service: ServiceFacts | None = None
    files: tuple[FileFacts, ...] = ()
    opened_rules: tuple[str, ...] = ()
    """Policy rules that let in an asker without any role, which the defaults do not."""
    widened_rules: tuple[str, ...] = ()
    """Those that let a reader or member of one project do it to others' too."""
    roleless_rules: tuple[str, ...] = ()
    """Those that let an asker without any role do it to what is of its project."""
    reader_rules: tuple[str, ...] = ()
    """Those that let a reader do so."""
    member_rules: tuple[str, ...] = ()
    """Those that let a member do so."""
    plainly_asked_rules: tuple[str, ...] = ()
    """Those that another service decides, over plain http."""
    policy_problem: str = ""
    policy_faults: tuple[str, ...] = ()
    """What its file says that cannot be meant."""
    filesystem: str = ""
    """Of the SQLite database."""
    certificates: tuple[CertificateFacts, ...] = ()
    tokens: tuple[TokenFacts, ...] | None = None
    """All API tokens; None where they could not be read."""
    today: date = field(default_factory=lambda: datetime.now(UTC).date())
    listener: ListenerFacts | None = None
    """Who serves on this host; None: nobody was seen."""
    secrets_in_commands: tuple[str, ...] = ()
    """Which processes of this host show which kind of secret in their command line; not the secret."""
    misfits: tuple[str, ...] = ()
    """Installed libraries of versions that this Ullage was not made for."""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_exposed(self) -> bool:
        """Whether other machines can reach the address that is served."""
        return not is_loopback(self.settings.host) or self.listens_beyond_its_settings

    @property
    def listens_beyond_its_settings(self) -> bool:
        """Whether the process listens where others can reach it, and the settings that were given do not say so."""
        addresses = () if self.listener is None else self.listener.addresses
        return is_loopback(self.settings.host) and not all(map(is_loopback, addresses))

    @property
    def is_reached_by_others(self) -> bool:
        """The same, or by way of a proxy: the service was reached at an address that is not loopback."""
        return self.is_exposed or (self.service is not None and not self.service.is_loopback)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own, that no other can reach."""
    return host in LOOPBACK or host.startswith("127.")
