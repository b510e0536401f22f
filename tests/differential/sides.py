"""The two services of a run, each able to start from nothing."""

from __future__ import annotations

from differential.asks import OverPort, Peer
from differential.reference import ReferenceServer


class ReferenceSide:
    """The reference; its database is emptied in place."""

    def __init__(self, server: ReferenceServer) -> None:
        self._server = server

    def emptied(self) -> Peer:
        self._server.empty()
        return OverPort(self._server.port)
