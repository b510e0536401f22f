"""An immutable picture of all providers, as columns."""

from __future__ import annotations


class Snapshot:
    """All providers at one moment. Made by `Snapshot.empty` and `patch` only."""

    @staticmethod
    def empty() -> Snapshot:
        """The snapshot of a world without providers."""
        return Snapshot()
