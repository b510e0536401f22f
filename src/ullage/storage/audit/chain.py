"""A writer's chain, as the writer goes on with it."""

from __future__ import annotations

import hashlib
import logging
import socket
from collections.abc import Iterable
from enum import Enum, auto
from functools import cache
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, insert, select

from ullage.model.origin import NOBODY, Origin
from ullage.storage.audit.entries import Change, Entry, Head, encoded, own_entry, without_values
from ullage.storage.dialects import Dialect
from ullage.storage.statements import Statement
from ullage.storage.tables import audit, writers

LOG = logging.getLogger("ullage.audit")

BEGIN = "BeginTrail"
"""The first entry of each chain, of sequence 0: which process writes it, and where other chains stood."""


class Detail(Enum):
    """How much of a row the log stream is told. Its hash, which covers all of it, is told always."""

    HEAD = auto()
    NAMES = auto()
    """Who did what to which things."""
    VALUES = auto()
    """What was before and after, too."""

    @staticmethod
    def chosen(*, with_values: bool) -> Detail:
        """What the setting `audit_log_values` means."""
        return Detail.VALUES if with_values else Detail.NAMES


class Link(NamedTuple):
    """A row of the trail."""

    writer: int
    sequence: int
    recorded_us: int
    hash: str
    entries: str

    def tell(self, detail: Detail) -> None:
        """Send the row, which has been committed, to the log stream."""
        head = (self.writer, self.sequence, self.recorded_us, self.hash)
        if detail is Detail.HEAD:
            LOG.info('{"writer":%d,"sequence":%d,"recorded_us":%d,"hash":"%s"}', *head)
            return
        told = self.entries if detail is Detail.VALUES else without_values(self.entries)
        LOG.info('{"writer":%d,"sequence":%d,"recorded_us":%d,"hash":"%s","entries":%s}', *head, told)


class Whole(NamedTuple):
    """The chain of a writer that made one transaction."""

    first: Link
    last: Link

    def tell(self, detail: Detail) -> None:
        """Send both rows, which have been committed, to the log stream."""
        self.first.tell(Detail.HEAD)
        self.last.tell(detail)


def hash_of(previous: str, writer: int, sequence: int, recorded_us: int, entries: bytes) -> str:
    """The SHA-256, in hexadecimal, of a row and of all before it in its chain."""
    digest = hashlib.sha256(f"{previous} {writer} {sequence} {recorded_us} ".encode())
    digest.update(entries)
    return digest.hexdigest()


class Chain:
    """Goes on with the chain of one writer. Remembers the latest hashes, of which one may not have been committed."""

    def __init__(self, writer: int, first: Link) -> None:
        self.first = first
        self._writer = writer
        self._hashes = {first.sequence: first.hash}

    @staticmethod
    def begin(connection: Connection, writer: int, name: str, now_us: int) -> Chain:
        """Begin a chain, in the transaction that makes the writer."""
        ends = (
            select(audit.c.writer, audit.c.sequence, audit.c.hash)
            .join(writers, (writers.c.id == audit.c.writer) & (writers.c.sequence == audit.c.sequence))
            .order_by(audit.c.writer)
        )
        heads: list[Head] = [(each.writer, each.sequence, each.hash) for each in connection.execute(ends)]
        first = own_entry(BEGIN, [Change("writer", str(writer), None, {"process": name})], heads)
        link = _link("", writer, 0, now_us, [first])
        connection.execute(insert(audit).values(link._asdict()))
        return Chain(writer, link)

    def extend(
        self, connection: Connection, dialect: Dialect, sequence: int, now_us: int, entries: Iterable[Entry]
    ) -> Link:
        """Write what the transaction of this sequence changed."""
        before = sequence - 1
        previous = self._hashes.get(before) or self._read(connection, dialect, before)
        link = _link(previous, self._writer, sequence, now_us, entries)
        _insert(dialect).send(connection, link._asdict())
        # that it was raised to `sequence` tells which of the attempts at the one before was committed: the latest
        self._hashes = {before: previous, sequence: link.hash}
        return link

    def _read(self, connection: Connection, dialect: Dialect, sequence: int) -> str:
        """A server that lost what it had answered, or one that was restored, goes on from where it is."""
        rows = _find(dialect).send(connection, {"writer": self._writer, "sequence": sequence}).rows()
        return str(rows[0][0]) if rows else ""  # `verify` names the rows that are missing


def write_alone(
    connection: Connection,
    writer: int,
    name: str,
    now_us: int,
    command: str,
    changes: list[Change],
    origin: Origin = NOBODY,
    heads: Iterable[Head] = (),
) -> Whole:
    """The chain of a writer that begins, changes this as its first transaction, and ends."""
    first = Chain.begin(connection, writer, name, now_us).first
    last = _link(first.hash, writer, 1, now_us, [own_entry(command, changes, list(heads), origin)])
    connection.execute(insert(audit).values(last._asdict()))
    return Whole(first, last)


def write_by_itself(
    connection: Connection,
    now_us: int,
    command: str,
    changes: list[Change],
    origin: Origin,
    heads: Iterable[Head] = (),
) -> Whole:
    """The same with a writer that is made for it."""
    host = socket.gethostname()[:200]
    row = insert(writers).values(sequence=1, host=host, started_us=now_us, seen_us=now_us).returning(writers.c.id)
    writer = int(connection.execute(row).scalar_one())
    return write_alone(connection, writer, host, now_us, command, changes, origin, heads)


def _link(previous: str, writer: int, sequence: int, recorded_us: int, entries: Iterable[Entry]) -> Link:
    body = encoded(entries)
    return Link(writer, sequence, recorded_us, hash_of(previous, writer, sequence, recorded_us, body), body.decode())


@cache
def _insert(dialect: Dialect) -> Statement:
    return Statement(insert(audit), dialect, Link._fields)


@cache
def _find(dialect: Dialect) -> Statement:
    place = (audit.c.writer == bindparam("writer")) & (audit.c.sequence == bindparam("sequence"))
    return Statement(select(audit.c.hash).where(place), dialect)
