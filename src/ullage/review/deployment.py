"""What is known about a deployment: plain facts for the checks to judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ullage.settings import LOOPBACK, Settings
from ullage.storage.privileges import DatabaseFacts


@dataclass(frozen=True)
class FileFacts:
    """A file that holds a secret or the ledger. `mode` and `folder_mode` are permission bits, such as 0o600."""

    kind: str
    path: str
    mode: int
    folder_mode: int


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
    policy_problem: str = ""
    has_password_in_command: bool = False
    """Whether a process on this host shows a database password in its command line."""
    misfits: tuple[str, ...] = ()
    """Installed libraries of versions that this Ullage was not made for."""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_exposed(self) -> bool:
        """Whether other machines can reach the address that is served."""
        return not is_loopback(self.settings.host)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own, that no other can reach."""
    return host in LOOPBACK or host.startswith("127.")
