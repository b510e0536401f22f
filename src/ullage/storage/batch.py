"""One batch: commands that are decided on one Book and stored by one transaction."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ullage.ledger.book import Book, Draft
from ullage.ledger.decide import decide
from ullage.ledger.needs import Needs
from ullage.storage import writes
from ullage.storage.audit.chain import Link
from ullage.storage.audit.entries import Entry, changes_of, entry
from ullage.storage.book import read_book
from ullage.storage.dialects import Dialect
from ullage.storage.find import find, named_by, owners_of
from ullage.storage.trouble import Outdated
from ullage.storage.waiting import Outcome, Waiter
from ullage.storage.writers import Stamp, Writer
from ullage.storage.writes.transaction import Transaction

logger = logging.getLogger(__name__)


class Settled(Exception):
    """The outcomes stand and there is nothing to commit: the transaction is rolled back."""

    def __init__(self, outcomes: Sequence[Outcome], link: Link | None = None) -> None:
        self.outcomes = outcomes
        self.link = link


class WriterGone(Outdated):
    """The committer's row is no longer there: it was retired, or the database was restored."""


@dataclass(slots=True)
class Batch:
    """`waiters` in the order in which they are decided. It can be executed again until it is committed."""

    dialect: Dialect
    waiters: Sequence[Waiter]
    outcomes: list[Outcome] = field(default_factory=list)
    """Of the latest attempt that came as far as its commit."""
    stamp: Stamp | None = None
    """The stamp of that attempt."""
    link: Link | None = None
    """What that attempt wrote to the audit trail."""
    is_unknown: bool = False
    """Whether it is not known what became of that attempt."""

    def execute(self, connection: Connection, writer: Writer, now_us: int) -> list[Outcome]:
        """Decide every command and write what changes; the caller commits.

        Raises Settled if there is nothing to commit: nothing changed, or an earlier attempt was committed although it
        did not look so. Raises Outdated or WriterGone if it has to be executed again.
        """
        stamp, outcomes, transaction = self._settle(connection, writer, now_us)
        if transaction is None:
            raise Settled(outcomes)
        transaction.confirm()
        self.stamp, self.outcomes = stamp, outcomes
        return outcomes

    def is_overtaken(self, error: DBAPIError) -> bool:
        """Whether others made, used or deleted what this one command rests on: decided again, it is answered right."""
        return len(self.waiters) == 1 and self.dialect.is_constraint_violation(error)

    def _settle(
        self, connection: Connection, writer: Writer, now_us: int
    ) -> tuple[Stamp, list[Outcome], Transaction | None]:
        advanced = writer.advance(connection, self.dialect, now_us)
        needs = self._needs()
        found = find(connection, self.dialect, named_by(needs, owners_of(waiter.command for waiter in self.waiters)))
        stamp = advanced()
        if stamp is None:
            raise WriterGone(f"the row of writer {writer.id} is gone")
        self._look_up(stamp)
        book, keys = read_book(connection, self.dialect, needs, found())
        entries: list[Entry] = []
        note = None if writer.chain is None else entries
        outcomes = [_decide(book, waiter, note) for waiter in self.waiters]
        written = writes.apply(connection, self.dialect, book, keys, stamp.writer, stamp.sequence, now_us)
        if writer.chain is not None and (written or entries):
            # commands that undid each other have changed nothing, but have been there
            written = written or Transaction(connection, self.dialect, keys, stamp.writer, stamp.sequence, now_us)
            self.link = writer.chain.extend(connection, self.dialect, stamp.sequence, now_us, entries)
        return stamp, outcomes, written

    def _look_up(self, stamp: Stamp) -> None:
        """Learn what became of the attempt before; raises Settled unless it is sure that it had no effect."""
        before = self.stamp
        if before is not None and before.writer == stamp.writer and before.sequence < stamp.sequence:
            raise Settled(self.outcomes, self.link)
        if self.is_unknown and (before is None or before.writer != stamp.writer):
            raise Settled([waiter.too_late() for waiter in self.waiters])  # the row that would tell is gone
        self.is_unknown = False

    def _needs(self) -> Needs:
        needs = Needs()
        for waiter in self.waiters:
            needs.add(waiter.needs)
        return needs


def _decide(book: Book, waiter: Waiter, entries: list[Entry] | None) -> Outcome:
    command = waiter.command

    def note(draft: Draft) -> None:
        changes = changes_of(draft, command)
        if changes and entries is not None:
            entries.append(entry(command, waiter.origin, changes))

    try:
        return decide(book, command, None if entries is None else note)
    except Exception as error:  # a bug in one decision must not fail the others; the Book is as it was
        logger.exception("deciding %s failed", type(command).__name__)
        return error
