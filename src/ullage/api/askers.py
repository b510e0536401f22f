"""How much one asker may ask: so many requests a second (a token bucket), and so many at a time.

Each process counts for itself, so that no request waits for another process; the settings are divided by the workers.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from ullage.api.problems import Problem
from ullage.settings import Settings

ASKERS_MAX = 10_000
"""How many askers are remembered; beyond that, whoever has been away longest is new again."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What each asker may ask of one process; 0 is no bound."""

    per_second: float = 0.0
    burst: float = 1.0
    at_once: int = 0

    @staticmethod
    def of(settings: Settings) -> Allowance:
        """The share of each worker."""
        workers = settings.workers
        return Allowance(
            settings.asker_requests_per_second / workers,
            max(1.0, settings.asker_requests_burst / workers),
            math.ceil(settings.asker_requests_at_once / workers),
        )


@dataclass(slots=True)
class _Asker:
    tokens: float
    seen: float
    inside: int = 0


class Askers:
    """Who asks how much; safe for many threads. `clock` gives seconds."""

    def __init__(self, allowance: Allowance, clock: Callable[[], float] = time.monotonic) -> None:
        self._allowance = allowance
        self._clock = clock
        self._is_off = not allowance.per_second and not allowance.at_once
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Asker] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def enter(self, name: str) -> bool:
        """Let a request of an asker in; whether it has to be followed by `leave`. Raises Problem 429."""
        if self._is_off:
            return False
        allowance = self._allowance
        with self._lock:
            asker = self._asker(name)
            if allowance.at_once and asker.inside >= allowance.at_once:
                raise _too_many("requests at once", 1)
            if allowance.per_second:
                now = self._clock()
                asker.tokens = min(allowance.burst, asker.tokens + (now - asker.seen) * allowance.per_second)
                asker.seen = now
                if asker.tokens < 1:
                    raise _too_many("requests a second", math.ceil((1 - asker.tokens) / allowance.per_second))
                asker.tokens -= 1
            asker.inside += 1
        return True

    def leave(self, name: str, *, is_undone: bool = False) -> None:
        """A request that was let in has been answered; or it is to be begun again, and did not count."""
        with self._lock:
            asker = self._known.get(name)
            if asker is not None:
                asker.inside -= 1
                asker.tokens += is_undone

    def _asker(self, name: str) -> _Asker:
        asker = self._known.get(name)
        if asker is not None:
            self._known.move_to_end(name)
            return asker
        if len(self._known) >= ASKERS_MAX:
            # whoever is inside is not forgotten: `leave` would make the count of a new one wrong
            idle = next((name for name, one in self._known.items() if not one.inside), None)
            if idle is None:
                raise _too_many("askers at once", 1)
            del self._known[idle]
        asker = self._known[name] = _Asker(self._allowance.burst, self._clock())
        return asker


def _too_many(what: str, seconds: int) -> Problem:
    message = f"You send too many {what}. Try again in {seconds} s."
    return Problem(429, message, headers=(("retry-after", str(seconds)),))
