"""A way to a server that can fall silent: nothing comes through any more, and nobody is told."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading


class Relay:
    """Listens on a loopback port and brings bytes to and from another, until `stall`; ends with the block."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._is_over = False
        self._is_stalled = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Relay:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._thread.join()
        for each in (self._listener, *self._pairs):
            each.close()

    def stall(self) -> None:
        """Let nothing through, and end nothing: what is open stays silent for good."""
        with self._lock:
            self._is_stalled = True

    def resume(self) -> None:
        """Let new connections through."""
        with self._lock:
            for each in self._pairs:
                each.close()
            self._pairs.clear()
            self._is_stalled = False

    def _run(self) -> None:
        while not self._is_over:
            with self._lock, selectors.DefaultSelector() as waiting:
                if not self._is_stalled:
                    for each in (self._listener, *self._pairs):
                        waiting.register(each, selectors.EVENT_READ)
                    for key, _ in waiting.select(0.02):
                        self._serve(key.fileobj)  # type: ignore[arg-type] # all are sockets
            threading.Event().wait(0.001)

    def _serve(self, ready: socket.socket) -> None:
        if ready is self._listener:
            client, _ = ready.accept()
            server = socket.create_connection(("127.0.0.1", self._target_port))
            self._pairs |= {client: server, server: client}
            return
        if ready not in self._pairs:
            return
        with contextlib.suppress(OSError):
            data = ready.recv(65536)
            if data:
                self._pairs[ready].sendall(data)
                return
        other = self._pairs.pop(ready)
        self._pairs.pop(other)
        ready.close()
        other.close()
