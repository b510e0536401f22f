"""What a scheme remembers of credentials, for so long and so many of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """Values by key, each for a limited time; safe for many threads. `clock` gives seconds."""

    def __init__(self, count_max: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._count_max = count_max
        self._clock = clock
        self._lock = threading.Lock()
        self._values: dict[str, tuple[float, T]] = {}

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: str) -> T | None:
        """The value of a key while its time has not come."""
        found = self._values.get(key)
        return found[1] if found is not None and self._clock() < found[0] else None

    def keep(self, key: str, value: T, until: float) -> None:
        """Remember it until then, by the clock. Where there are too many, the one that came first is forgotten."""
        with self._lock:
            self._values.pop(key, None)  # so that it comes last
            while len(self._values) >= self._count_max:
                del self._values[next(iter(self._values))]
            self._values[key] = (until, value)

    def forget(self, key: str) -> None:
        """Remember it no longer."""
        with self._lock:
            self._values.pop(key, None)
