"""The two services of a run, each able to start from nothing."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from embedding import application
from servers import Server
from serving import UllageServer

from differential.asks import Answer, Ask, InProcess, OverPort, Peer
from differential.reference import ReferenceServer


class ReferenceSide:
    """The reference; its database is emptied in place."""

    def __init__(self, server: ReferenceServer) -> None:
        self._server = server

    def mend(self) -> None:
        """Take away the consumers that it keeps although they hold nothing."""
        self._server.drop_idle_consumers()

    def emptied(self) -> Peer:
        self._server.empty()
        return OverPort(self._server.port)


class UllageSide:
    """Ullage in this process, each time on a new database."""

    def __init__(self, server: Server, **options: Any) -> None:
        self._server = server
        self._options = options

    def emptied(self) -> Peer:
        return _Embedded(self._server, self._options)


class ServedSide:
    """Ullage behind a port, emptied by its API."""

    def __init__(self, server: UllageServer) -> None:
        self._server = server

    def emptied(self) -> Peer:
        self._server.empty()
        return OverPort(self._server.port)


class _Embedded:
    """One application on one new database, both gone once it is closed."""

    def __init__(self, server: Server, options: dict[str, Any]) -> None:
        self._closing = ExitStack()
        url = server.new_ledger_database()
        self._closing.callback(server.drop_database, url)
        self._peer = InProcess(self._closing.enter_context(application(url, **options)))

    def send(self, ask: Ask) -> Answer:
        return self._peer.send(ask)

    def close(self) -> None:
        self._closing.close()
