"""The field's standard names (os-resource-classes, os-traits) as rows: the only reader of those two libraries."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import os_resource_classes  # type: ignore[import-untyped] # has no type hints
import os_traits  # type: ignore[import-untyped] # has no type hints
from sqlalchemy import Connection, Table, insert, select

from ullage.storage.audit.chain import Whole, write_alone
from ullage.storage.audit.entries import Change
from ullage.storage.dialects import Dialect
from ullage.storage.many import insert_missing
from ullage.storage.tables import resource_classes, traits, writers


def standard_names() -> tuple[tuple[Table, tuple[str, ...]], ...]:
    """For each table of names, the standard ones in the catalogue's own order (which grows at its end only)."""
    return (
        (resource_classes, tuple(os_resource_classes.STANDARDS)),
        (traits, tuple(sorted(os_traits.get_traits()))),
    )


def is_complete(connection: Connection) -> bool:
    """Whether every standard name has its row."""
    return not any(_missing(connection, table, names) for table, names in standard_names())


def complete(connection: Connection, dialect: Dialect, now_us: int) -> Whole | None:
    """Insert the standard names that are missing, stamped so that running searches learn of them. None is removed.

    What it wrote to the audit trail, if anything, is the caller's to tell.
    """
    missing = [(table, _missing(connection, table, names)) for table, names in standard_names()]
    if not any(names for _, names in missing):
        return None
    # The stamp of a writer that begins and ends here: readers meet it as one they have seen nothing of.
    writer = insert(writers).values(sequence=1, host=socket.gethostname(), started_us=now_us, seen_us=now_us)
    writer_id = connection.execute(writer.returning(writers.c.id)).scalar_one()
    columns = ("name", "standard", "stamp_writer", "stamp_sequence", "created_us", "updated_us")
    for table, names in missing:
        rows = [(name, True, writer_id, 1, now_us, now_us) for name in names]
        insert_missing(connection, dialect, table, columns, rows)
    changes = [Change(str(table.name), name, None, {"standard": True}) for table, names in missing for name in names]
    return write_alone(connection, writer_id, socket.gethostname(), now_us, "CompleteCatalogue", changes)


def _missing(connection: Connection, table: Table, names: Sequence[str]) -> list[str]:
    present = set(connection.scalars(select(table.c.name).where(table.c.standard)))
    return [name for name in names if name not in present]
