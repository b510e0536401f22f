"""Where chains were cut, as the trail tells: only so may the beginning of one be missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from ullage.storage.audit.chain import hash_of
from ullage.storage.audit.entries import PRUNE, Head
from ullage.storage.tables import audit


class CutsTold:
    """Gathers what the trail tells of cuts, and where chains begin, in whatever order its chains are read."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        """Each row that tells of a cut, in a sentence: who may write can make such a row, which no log has then."""
        self._cuts: dict[int, tuple[int, str]] = {}
        self._begins: dict[int, int] = {}

    def begin(self, row: Row[Any]) -> str | None:
        """The hash before the first row of a chain that is there; None if it is yet to be found out."""
        self._begins[row.writer] = row.sequence
        return None if row.sequence else ""

    def note(self, row: Row[Any], entry: Mapping[str, Any]) -> None:
        """A row of the trail, and an entry of it, decoded."""
        if entry["command"] != PRUNE:
            return
        for change in entry["changes"]:
            writer, after = int(change["name"]), change["after"]
            cut = (int(after["first"]) - 1, str(after["hash_before"]))
            self._cuts[writer] = max(cut, self._cuts.get(writer, cut))
        time = datetime.fromtimestamp(row.recorded_us // 1_000_000, UTC).isoformat()
        head = f"{row.writer}:{row.sequence}:{row.hash}"
        who = f"by {entry.get('user', '')!r} at {time}"
        chains = f"{len(entry['changes'])} chain{'s were' if len(entry['changes']) > 1 else ' was'}"
        self.notes.append(f"{chains} cut {who}. The log must have told of it: {head}.")

    def covers(self, writer: int, sequence: int) -> bool:
        """Whether a row may be gone."""
        return writer in self._cuts and sequence <= self._cuts[writer][0]

    def heads(self) -> set[Head]:
        """The last rows that go, as far as they are still there: the removing may have been interrupted."""
        return {(writer, *cut) for writer, cut in self._cuts.items()}

    def faults(self, connection: Connection) -> Iterator[str]:
        """Each chain whose beginning is missing without a cut, or does not fit to it, in a sentence."""
        for writer, first in self._begins.items():
            last, hash_ = self._cuts.get(writer, (-1, ""))
            if first not in range(last + 2):
                yield f"Row {writer}:{last + 1} is missing; {writer}:{first} comes next."
            elif first and first == last + 1:
                place = (audit.c.writer == writer) & (audit.c.sequence == first)
                row = connection.execute(select(audit).where(place)).one()
                if hash_of(hash_, writer, first, row.recorded_us, row.entries.encode()) != row.hash:
                    yield f"Row {writer}:{first} is not what was written after the row at which its chain was cut."
