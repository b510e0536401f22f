"""This process's copy of what search sees, never older than the request that asks for it."""

from __future__ import annotations

import logging
import os
import threading

from ullage.engine.builder import SnapshotBuilder
from ullage.engine.patch import patch
from ullage.engine.snapshot import Snapshot
from ullage.engine.uses import with_uses
from ullage.storage.feed import Marks, changes_of, changes_since
from ullage.storage.unit import Store, again
from ullage.storage.uses import ask_told

READ_ATTEMPTS = 3
_NOBODY: frozenset[int] = frozenset()
State = tuple[Snapshot, Marks]

logger = logging.getLogger(__name__)


class CatchUp:
    """One reading of what changed, for all who arrived before it began."""

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None
        self.error: BaseException | None = None

    @property
    def is_over(self) -> bool:
        return self.snapshot is not None or self.error is not None

    def result(self) -> Snapshot:
        if self.snapshot is None:
            raise self.error or RuntimeError("a catch-up ended without a snapshot")
        return self.snapshot


class Mirror:
    """Holds an immutable Snapshot and swaps in a newer one; safe for many threads. Reads nothing before first asked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._process = os.getpid()
        self._reset()

    def _reset(self) -> None:
        self._state: tuple[Snapshot, Marks | None] = (Snapshot.empty(), None)
        self._lively = self._advanced = _NOBODY
        """Who wrote lately: what they wrote since is asked for at once. Nobody, after nothing was new: to ask only
        whether that is still so costs the database next to nothing."""
        self._turn = threading.Condition()
        self._next = CatchUp()
        self._is_running = False

    def warm(self) -> None:
        """Begin to read on a thread of its own, so that who asks first need not wait for everything.

        Should that fail, the log says so, and whoever asks first has it tried again.
        """
        threading.Thread(target=self._warm, name="mirror", daemon=True).start()

    def _warm(self) -> None:
        try:
            logger.info("%d providers are in memory", len(self.fresh()))
        except Exception as error:  # noqa: BLE001 # whatever it is, nobody has asked yet, and who asks is told
            logger.warning("providers could not be read in advance: %s", error)

    def arrive(self) -> CatchUp:
        """What to give to `fresh` by whoever has to wait before that: all who wait can share one catch-up then."""
        self._notice_fork()
        with self._turn:
            return self._next

    def fresh(self, arrival: CatchUp | None = None) -> Snapshot:
        """A snapshot that holds every write that was answered before this call, or that arrival (law 6).

        Callers share a catch-up only if it begins after they arrived: a running one may have read before the write
        that a newcomer knows of. Raises what reading raises, to all who shared it.
        """
        self._notice_fork()
        with self._turn:
            mine = arrival or self._next
            while self._is_running and not mine.is_over:
                self._turn.wait()
            if mine.is_over:
                return mine.result()
            self._is_running = True
            self._next = CatchUp()
        try:
            mine.snapshot = self._caught_up()
        except BaseException as error:
            mine.error = error
            raise
        finally:
            with self._turn:
                self._is_running = False
                self._turn.notify_all()
        return mine.result()

    def _notice_fork(self) -> None:
        if self._process != os.getpid():
            self._reset()  # locks and the running catch-up are those of threads that are not here
            self._process = os.getpid()

    def _caught_up(self) -> Snapshot:
        return again(self._store.dialect, self._catch_up, READ_ATTEMPTS)

    def _catch_up(self) -> Snapshot:
        snapshot, marks = self._state
        heard = None if marks is None else self._told(snapshot, marks) or self._heard(snapshot, marks)
        snapshot, now = self._state = heard or self._read(snapshot, marks)
        advanced = _NOBODY if marks is None else frozenset(marks.advanced(now))
        self._lively = (self._advanced | advanced) & now.sequences.keys() if advanced else _NOBODY
        self._advanced = advanced
        return snapshot

    def _told(self, snapshot: Snapshot, marks: Marks) -> State | None:
        """The snapshot by what those told who wrote lately; None if that is not all that is new."""
        with self._store.hearing() as connection:
            asked = ask_told(connection, self._store.dialect, marks, self._lively)
        told = asked()  # now, for to end what is sent ahead is to wait for it
        if told is None:
            return None
        uses, now = told
        after = with_uses(snapshot, uses) if uses else snapshot
        return None if after is None else (after, now)

    def _heard(self, snapshot: Snapshot, marks: Marks) -> State | None:
        """The snapshot by what those wrote who wrote lately; None if anything else may be new."""
        if not self._lively:
            return None
        with self._store.looking() as connection:
            heard = changes_of(connection, self._store.dialect, marks, self._lively)
        if heard is None:
            return None
        delta, now = heard
        return (snapshot if delta is None else patch(snapshot, delta)), now

    def _read(self, snapshot: Snapshot, marks: Marks | None) -> State:
        with self._store.reading() as connection:
            change, now = changes_since(connection, self._store.dialect, marks, SnapshotBuilder)
        if isinstance(change, SnapshotBuilder):
            return change.finish(), now
        return (snapshot if change is None else patch(snapshot, change)), now
