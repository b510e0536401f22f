"""Requests as bytes, answers whole, over connections that are kept as long as they last."""

from __future__ import annotations

import contextlib
import re
import socket
from types import TracebackType

SECONDS_MAX = 20.0
UNFINISHED_SECONDS_MAX = 0.15
"""Bytes that are no whole request are answered by nothing; who waits for that waits so long."""


class Line:
    """A connection to a port of this machine; made anew when the service has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; the next request makes one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ask(self, data: bytes, seconds_max: float = SECONDS_MAX) -> tuple[int, bytes]:
        """Status and whole answer to these bytes; (0, what came) if none came."""
        is_kept = self._socket is not None
        status, answer = self._ask(data, seconds_max)
        if status == 0 and not answer and is_kept:  # the service may have closed it before this was sent
            status, answer = self._ask(data, seconds_max)
        return status, answer

    def once(self, data: bytes) -> tuple[int, bytes]:
        """The same for bytes that may be anything, on a connection of their own."""
        self.close()
        try:
            return self._ask(data, UNFINISHED_SECONDS_MAX)
        finally:
            self.close()

    def _ask(self, data: bytes, seconds_max: float) -> tuple[int, bytes]:
        answer = b""
        try:
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self._port), SECONDS_MAX)
            self._socket.settimeout(seconds_max)
            with contextlib.suppress(ConnectionError):  # an answer may have come before all was sent
                self._socket.sendall(data)
            while not _is_whole(answer, data):
                part = self._socket.recv(1 << 16)
                if not part:
                    self.close()
                    break
                answer += part
        except OSError:
            self.close()
        if b"connection: close" in answer.partition(b"\r\n\r\n")[0].lower():
            self.close()
        match = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
        return (int(match[1]) if match else 0), answer


def _is_whole(answer: bytes, asked: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    if asked.startswith(b"HEAD ") or head[9:12] in (b"204", b"304"):
        return True
    if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
        return body.endswith(b"0\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return len(body) >= (int(length[1]) if length else 0)


def request(method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    """A request of an administrator, in the newest version; `target` is sent as it is."""
    said = {
        "Host": "ullage.example",
        "X-Auth-Token": "admin",
        "X-Roles": "admin,service",
        "OpenStack-API-Version": "placement 1.39",
        **({"Content-Type": "application/json"} if body else {}),
        **({"Content-Length": str(len(body))} if body else {}),
        **(headers or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("utf-8", "surrogateescape") + body
