"""The commands that open a database themselves: serve it, load straight into it, check it, upgrade it.

With `wiring`, the only places outside the rooms themselves that know the storage.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ullage.cli.load import CHUNK
from ullage.cli.trouble import Trouble
from ullage.engine.select import select
from ullage.model.allocation import ConsumerAllocations
from ullage.model.commands import Command, Result
from ullage.model.errors import ConcurrentUpdate
from ullage.model.inventory import Inventory
from ullage.model.provider import Provider
from ullage.model.refusal import Refusal
from ullage.model.request import ProviderFilter
from ullage.model.token import ApiToken
from ullage.operations.mirror import Mirror
from ullage.settings import Settings, SettingsError
from ullage.storage import check, reads, tokens
from ullage.storage.audit import prune, verify
from ullage.storage.audit.chain import Detail
from ullage.storage.audit.entries import Head, decoded
from ullage.storage.audit.operator import running
from ullage.storage.committer import Committer
from ullage.storage.trouble import StorageTrouble
from ullage.storage.unit import Store
from ullage.storage.upgrade import require_current


@contextmanager
def troubles_told() -> Iterator[None]:
    """Turn what an operator has to see to into Trouble."""
    try:
        yield
    except (StorageTrouble, SettingsError, ConcurrentUpdate) as trouble:
        raise Trouble(str(trouble)) from None


@contextmanager
def opened(url: str) -> Iterator[Store]:
    """A store for the length of one command; raises Trouble for whatever the storage cannot do."""
    with troubles_told():
        store = Store.open(url, pool_size=2)
        try:
            yield store
        finally:
            store.close()


def serve(chosen: Settings) -> None:
    """Answer requests until told to stop; raises Trouble."""
    from ullage import server  # the other commands start quicker without it

    with troubles_told():
        server.serve(chosen)


def upgrade(url: str) -> None:
    """Make or upgrade the schema; raises Trouble."""
    with opened(url) as store:
        store.upgrade()


@contextmanager
def looked_into(url: str) -> Iterator[Any]:
    """A connection to a database that holds a ledger of this Ullage, in one snapshot; raises Trouble."""
    file = Path(url.removeprefix("sqlite:///").partition("?")[0])
    if url.startswith("sqlite:///") and not file.is_file():
        raise Trouble(f"there is no database file {file}")  # SQLite would make it
    with opened(url) as store, store.reading() as connection:
        require_current(connection)
        yield connection


def findings(url: str) -> tuple[list[str], list[str]]:
    """Every breach of laws 1 and 4, and what is merely worth a look, each a sentence; read in one snapshot.

    Raises Trouble, also for a database that holds no ledger.
    """
    with looked_into(url) as connection:
        return check.breaches(connection), check.notes(connection)


def audit_faults(url: str, heads: Iterable[Head], unaudited: Sequence[int]) -> tuple[list[str], list[str]]:
    """Everything that shows that the audit trail is not whole, and what to look up in the log; raises Trouble."""
    with looked_into(url) as connection:
        return verify.judged(connection, heads, unaudited)


def prune_audit(url: str, before_us: int, heads: Iterable[Head], unaudited: Sequence[int]) -> tuple[int, int]:
    """How many rows of the trail were removed, of how many chains; raises Trouble."""
    with looked_into(url):
        pass  # there is a ledger
    with opened(url) as store:
        cuts = prune.prune(store, running("ullage audit prune"), before_us, heads, unaudited)
    return sum(cut.sequence - cut.first + 1 for cut in cuts), len(cuts)


def audit_entries(url: str, since_us: int, until_us: int | None) -> Iterator[Mapping[str, Any]]:
    """The entries of the audit trail, each with its `writer`, `sequence` and `recorded_us`; raises Trouble."""
    with looked_into(url) as connection:
        for row in verify.rows(connection, since_us, until_us):
            for each in decoded(row.entries):
                yield {"writer": row.writer, "sequence": row.sequence, "recorded_us": row.recorded_us, **each}


def create_token(
    chosen: Settings, user: str, project: str | None, roles: frozenset[str], expires_us: int
) -> tuple[ApiToken, str]:
    """A new API token and its text; upgrades the database first. Raises Trouble."""
    with opened(chosen.database) as store:
        store.upgrade()
        return tokens.create(store, running("ullage token"), user, project, roles, expires_us, _detail(chosen))


def every_token(url: str) -> list[ApiToken]:
    """All API tokens that were not revoked; raises Trouble."""
    with looked_into(url) as connection:
        return tokens.every(connection)


def revoke_token(chosen: Settings, number: int) -> ApiToken | None:
    """Forget an API token; it as it was, or None if there is none. Raises Trouble."""
    with looked_into(chosen.database):
        pass  # there is a ledger
    with opened(chosen.database) as store:
        return tokens.revoke(store, running("ullage token"), number, _detail(chosen))


def _detail(chosen: Settings) -> Detail:
    return Detail.chosen(with_values=chosen.audit_log_values)


@contextmanager
def database_target(url: str) -> Iterator[DatabaseTarget]:
    """A database, brought up to date, to load into; raises Trouble."""
    with opened(url) as store:
        store.upgrade()
        target = DatabaseTarget(store)
        try:
            yield target
        finally:
            target.close()


class DatabaseTarget:
    """A `load.Target` in the database itself, through a committer like every other writer. Close it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # the heads alone: nobody reads a thousand names on a terminal
        self._committer = Committer(store, batch_max=CHUNK, detail=Detail.HEAD)
        self._origin = running("ullage load")

    def close(self) -> None:
        """Stop writing."""
        self._committer.stop()

    def run_all(self, commands: Sequence[Command]) -> list[Result | Refusal]:
        """Decide all in order, many to a transaction."""
        return self._committer.run_all(commands, self._origin)

    def resource_classes(self) -> frozenset[str]:
        """The names of all resource classes."""
        with self._store.reading() as connection:
            return frozenset(label.name for label in reads.resource_classes(connection))

    def traits(self) -> frozenset[str]:
        """The names of all traits."""
        with self._store.reading() as connection:
            return frozenset(label.name for label in reads.traits(connection, None, None, None))

    def providers(self) -> Iterable[Provider]:
        """Every provider."""
        return select(Mirror(self._store).fresh(), ProviderFilter())

    def inventories(self, provider_uuids: Sequence[str]) -> Mapping[str, Mapping[str, Inventory]]:
        """By provider, then by resource class; only of providers that have any."""
        with self._store.reading() as connection:
            return reads.inventories_of(connection, provider_uuids)

    def provider_traits(self, provider_uuids: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """The names of traits by provider; only of providers that have any."""
        with self._store.reading() as connection:
            return reads.traits_of(connection, provider_uuids)

    def provider_aggregates(self, provider_uuids: Sequence[str]) -> Mapping[str, frozenset[str]]:
        """The uuids of aggregates by provider; only of providers that have any."""
        with self._store.reading() as connection:
            return reads.aggregates_of(connection, provider_uuids)

    def consumer(self, consumer_uuid: str) -> ConsumerAllocations | None:
        """A consumer and all it holds; None if it holds nothing."""
        with self._store.reading() as connection:
            return reads.consumer_allocations(connection, consumer_uuid)
