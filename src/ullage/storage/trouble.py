"""What an operator has to see to. `str()` of each is one sentence, free of passwords."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ullage.model.errors import Busy


class StorageTrouble(Exception):
    """The database is not as it has to be."""


class BadDatabaseUrl(StorageTrouble):
    """The url does not say where the database is."""


class ServerUnfit(StorageTrouble):
    """The database server is too old, or of the wrong kind."""


class SchemaMissing(StorageTrouble):
    """The database has no schema, or an older one."""


class NotWhole(StorageTrouble):
    """The audit trail is not whole, which is to be looked into before anything else is done to it."""


class SchemaTooNew(StorageTrouble):
    """The database was upgraded by a newer Ullage than this."""


@dataclass(eq=False)
class NotAllowed(Busy, StorageTrouble):
    """The role that the url names may not do what is needed: nothing was changed.

    `reason` is for the operator, who has to grant it; askers are told no more than that they should come back.
    """

    reason: str
    sentence: ClassVar[str] = "The database does not let this be done at the moment. Try again later."

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class StorageUnavailable(Busy, StorageTrouble):
    """The database cannot be reached, or the connection broke before a commit was asked for: nothing was changed.

    `reason` is for the operator; askers are told no more than that they should come back.
    """

    reason: str
    sentence: ClassVar[str] = "The database cannot be reached at the moment. Try again later."

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class StatementEnded(Busy, StorageTrouble):
    """The database ended a statement, for its time, for that of a lock or for a deadlock: nothing was changed.

    `reason` is for the operator; askers are told no more than that they should come back.
    """

    reason: str
    sentence: ClassVar[str] = "The database did not come to an end with this in time. Try again later."

    def __str__(self) -> str:
        return self.reason


class ConnectionLost(StorageUnavailable):
    """The connection broke after it had been made, and before a commit was asked for."""


class CommitUnknown(StorageTrouble):
    """The connection broke during a commit: it may or may not have taken effect."""


class Outdated(Exception):
    """A row is no longer as a transaction read it before: nothing was changed, and it has to be begun again."""
