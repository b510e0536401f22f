"""Requests as bytes on a socket, for what no HTTP client would send."""

from __future__ import annotations

import re
import socket
from types import TracebackType

import planted

PATIENCE_SECONDS = 60
HEAD = b"Host: example.org\r\nX-Auth-Token: admin\r\nContent-Type: application/json\r\n"
HEAD += f"X-Service-Token: {planted.TOKEN}\r\n".encode()


class Wire:
    """A connection to a server on this machine."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        self._received = b""
        self.head = b""
        """The status and headers of the latest reply."""

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def request(self, line: bytes, headers: bytes = b"", body: bytes = b"") -> None:
        """Send a request with the usual headers and more."""
        self.send(line + b"\r\n" + HEAD + headers + b"\r\n" + body)

    def reply(self, has_body: bool = True) -> tuple[int, bytes]:
        """Status and body of the next reply; (0, b"") if the server closes without one."""
        while b"\r\n\r\n" not in self._received:
            if not self._receive():
                return 0, b""
        head, _, rest = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
        size = int(length[1]) if length and has_body else 0
        while len(rest) < size and self._receive():
            rest = self._received[len(head) + 4 :]
        self.head = head
        self._received = rest[size:]
        return int(head.split()[1]), rest[:size]

    def is_closed(self) -> bool:
        """Whether the server ends the connection; waits for something to happen."""
        return not self._received and not self._receive()

    def _receive(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            return False
        self._received += data
        return bool(data)


def exchange(port: int, data: bytes) -> tuple[int, bytes]:
    """What is answered to these bytes on a connection of their own."""
    with Wire(port) as wire:
        wire.send(data)
        return wire.reply(has_body=not data.startswith(b"HEAD"))
