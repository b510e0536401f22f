"""Turns at what mostly computes: one at a time, and whose asker has had the least time goes first.

A worker has one interpreter, and threads that compute at once take it from each other again and again: sixteen clients
that search had 349 answers a second from a worker on SQLite without turns and 913 with them.

Who waits for a first turn needs no thread. Who has begun and takes long makes way again and again: at once for one of
an asker who has had less, after a slice for all others, so that no asker's slow ones hold up anybody else. Those that
made way keep a thread and what they have found, so their number has a bound, and each asker a share of it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

SLICE_SECONDS = 0.02
"""Whoever has had more is slow: it goes on after the quick ones of others, and in turn with those of its own asker."""
COURTESY_SECONDS = 0.004
"""For how long after it began a turn has the interpreter to itself, as far as others stand aside."""
BEGUN_MAX = 8
"""How many may have begun at a time, where nobody says otherwise."""

LOG = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Turn:
    """One turn, waited for, had, or given back."""

    asker: str
    work: Callable[[], None] | None = None
    """What to do in it; None: its thread waits for it and knows."""
    launch: Callable[[Callable[[], None]], None] | None = None
    """Has something done in another thread; not None where there is work."""
    refuse: Callable[[], None] | None = None
    """Called instead of the work if the turn is dropped, which it cannot be without this."""
    gate: threading.Lock | None = None
    """Where its thread waits; closed until it is opened once for each time that it may go on."""
    has_begun: bool = False
    since: float = 0.0
    """When it went on the last time."""
    had: float = 0.0
    """Seconds until then."""
    lasting: threading.Lock = field(default_factory=lambda: _closed())
    """Held until it is over. Each has its own: who waits for it competes with none of the next."""

    @property
    def is_slow(self) -> bool:
        return self.had >= SLICE_SECONDS


@dataclass(slots=True, eq=False)
class _Asker:
    """One of those who have a turn or wait for one."""

    used: float
    """Seconds, counted from what those had who were there when it came: to have been away earns nothing."""
    new: deque[Turn] = field(default_factory=deque)
    paused: deque[Turn] = field(default_factory=deque)
    """Who made way: at most one that is not slow, then the slow ones in order."""
    begun: int = 0
    quick: float = 0.0
    """Seconds of those that were not slow, since a slow one had its slice."""


class Turns:
    """Lets one in at a time. Safe for many threads; `clock` gives seconds."""

    def __init__(
        self,
        begun_max: int = BEGUN_MAX,
        clock: Callable[[], float] = time.perf_counter,
        courtesy_seconds: float = COURTESY_SECONDS,
    ) -> None:
        self._begun_max = max(1, begun_max)
        self._clock = clock
        self._courtesy_seconds = courtesy_seconds
        self._lock = threading.Lock()
        self._here = threading.local()
        """`turn` is the one that this thread has."""
        self._inside: Turn | None = None
        """While there is nobody, nobody waits."""
        self._askers: dict[str, _Asker] = {}
        self._begun = 0
        self._waiting = 0
        self._used = 0.0
        """What the asker of the one inside had used when that went in."""

    def __len__(self) -> int:
        """How many have a turn, made way or wait."""
        return self._waiting + (self._inside is not None)

    @contextmanager
    def taken(self, asker: str = "") -> Iterator[None]:
        """Wait for a turn in this thread, and give it back in the end."""
        turn = Turn(asker, gate=_closed())
        if not self._enter(turn) and turn.gate is not None:
            turn.gate.acquire()
        self._here.turn = turn
        try:
            yield
        finally:
            self._here.turn = None
            follower = self._leave(turn)
            if follower is not None:
                self._go_on(follower)

    def run(
        self,
        asker: str,
        work: Callable[[], None],
        launch: Callable[[Callable[[], None]], None],
        refuse: Callable[[], None] | None = None,
    ) -> None:
        """Have work done in turn: at once if nobody is inside, else later, and then this returns at once.

        What is done later is done in a thread that has done with its own, or in one that `launch` finds. What cannot be
        refused belongs to something that was begun, and comes before all else of its asker that has not.
        """
        turn = Turn(asker, work, launch, refuse)
        if self._enter(turn):
            self._have(turn)

    def _have(self, turn: Turn | None) -> None:
        """Do the work of a turn that has begun, and of those that begin by its end."""
        while turn is not None and turn.work is not None:
            self._here.turn = turn
            try:
                turn.work()
            except Exception:  # the others must have their turns
                LOG.exception("a turn failed")
            self._here.turn = None
            turn = self._leave(turn)

    def _enter(self, turn: Turn) -> bool:
        """Whether a turn begins at once; if not, it waits."""
        with self._lock:
            who = self._askers.get(turn.asker)
            if who is None:
                who = self._askers[turn.asker] = _Asker(self._used)
            if self._inside is None:
                self._let_in(turn, who)
                return True
            if turn.work is not None and turn.refuse is None:
                who.new.appendleft(turn)
            else:
                who.new.append(turn)
            self._waiting += 1
            return False

    def make_way(self) -> None:
        """To be called again and again by whoever computes for long: waits while others go who should before the rest
        of this thread's turn. Does nothing where it has none."""
        turn: Turn | None = getattr(self._here, "turn", None)
        if turn is None or not self._waiting:
            return
        with self._lock:
            who = self._askers[turn.asker]
            follower = self._ahead_of(turn, who)
            if follower is None:
                return
            was_slow = turn.is_slow
            self._count(turn, who)
            if turn.is_slow and not was_slow:
                who.paused.append(turn)
                who.quick = 0.0  # it has had its slice just now
            else:
                who.paused.appendleft(turn)
            self._waiting += 1
            gate = turn.gate = turn.gate or _closed()
            self._call(follower)
        self._go_on(follower)
        gate.acquire()

    def _leave(self, turn: Turn) -> Turn | None:
        """Give a turn back. A turn that is returned has begun thereby, and the caller must see to it that it is had."""
        with self._lock:
            who = self._askers[turn.asker]
            self._count(turn, who)
            turn.lasting.release()
            who.begun -= 1
            self._begun -= 1
            if not (who.begun or who.new):
                del self._askers[turn.asker]
            follower = self._next()
            if follower is None:
                self._inside = None
                return None
            self._call(follower)
        if follower.gate is None:
            return follower
        follower.gate.release()
        return None

    def stand_aside(self) -> None:
        """Wait until the one inside is out, as quick ones soon are; for a slow one no longer than it was quick."""
        turn = self._inside
        if turn is not None and not turn.had:
            left = turn.since + self._courtesy_seconds - self._clock()
            if left > 0 and turn.lasting.acquire(timeout=left):
                turn.lasting.release()

    def drop(self, at_least: int) -> bool:
        """Refuse the last turn of the asker who has most waiting, if those are so many; whether there was one."""
        with self._lock:
            who = max(self._askers.values(), key=lambda each: len(each.new), default=None)
            if who is None or len(who.new) < max(1, at_least):
                return False
            turn = next((each for each in reversed(who.new) if each.refuse is not None), None)
            if turn is None or turn.refuse is None:
                return False
            who.new.remove(turn)
            self._waiting -= 1
            if not (who.begun or who.new):
                del self._askers[turn.asker]
        turn.refuse()
        return True

    def _go_on(self, turn: Turn) -> None:
        """Have another thread go on with a turn that was let in."""
        if turn.gate is not None:
            turn.gate.release()
        elif turn.launch is not None:
            turn.launch(partial(self._have, turn))

    def _let_in(self, turn: Turn, who: _Asker) -> None:
        if not turn.has_begun:
            turn.has_begun = True
            who.begun += 1
            self._begun += 1
        self._inside = turn
        self._used = max(self._used, who.used)
        turn.since = self._clock()

    def _call(self, turn: Turn) -> None:
        """Let in who waits."""
        who = self._askers[turn.asker]
        (who.paused if turn.has_begun else who.new).popleft()
        self._waiting -= 1
        self._let_in(turn, who)

    def _count(self, turn: Turn, who: _Asker) -> None:
        ran = self._clock() - turn.since
        who.used += ran
        who.quick = 0.0 if turn.is_slow else who.quick + ran
        turn.had += ran

    def _next(self) -> Turn | None:
        """Who goes in when nobody is inside."""
        best, least = None, 0.0
        for who in self._askers.values():
            turn = self._next_of(who)
            if turn is not None and (best is None or _claim(turn, who) < least):
                best, least = turn, _claim(turn, who)
        return best

    def _ahead_of(self, turn: Turn, who: _Asker) -> Turn | None:
        """Who should go in instead of the one inside."""
        ran = self._clock() - turn.since
        best, least = None, who.used + ran
        for other in self._askers.values():
            if other is not who:
                waiting = self._next_of(other)
                if waiting is not None and _claim(waiting, other) < least:
                    best, least = waiting, _claim(waiting, other)
        if best is not None or ran < SLICE_SECONDS:
            return best
        if who.paused and not turn.is_slow:
            return who.paused[0]
        return who.new[0] if self._may_begin(who) else None

    def _next_of(self, who: _Asker) -> Turn | None:
        may_begin = self._may_begin(who)
        if who.paused and not (may_begin and who.paused[0].is_slow and who.quick < SLICE_SECONDS):
            return who.paused[0]
        return who.new[0] if may_begin else None

    def _may_begin(self, who: _Asker) -> bool:
        """Whether somebody new of this asker may begin: there is always a share left for an asker who is to come."""
        if not who.new:
            return False
        if not who.begun:
            return self._begun < self._begun_max * 3 // 2
        return self._begun < self._begun_max and who.begun < self._begun_max // (len(self._askers) + 1)


def _claim(turn: Turn, who: _Asker) -> float:
    """The least goes first; slow ones change places only after a slice."""
    return who.used + SLICE_SECONDS if turn.is_slow else who.used


def _closed() -> threading.Lock:
    gate = threading.Lock()
    gate.acquire()
    return gate
