"""One request and one answer, and the two ways to send it: over a port, or to a WSGI application in this process."""

from __future__ import annotations

import http.client
import io
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HOST = "differential.test"
SECONDS_MAX = 120.0


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. `target` is the path and the query as they stand on the wire."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    def header(self, name: str) -> str | None:
        """The value of a header, None if it is not sent."""
        return next((value for key, value in self.headers if key == name), None)

    def with_header(self, name: str, value: str | None) -> Ask:
        """The same with one header set, or taken away (None)."""
        others = tuple(pair for pair in self.headers if pair[0] != name)
        return replace(self, headers=others if value is None else (*others, (name, value)))

    @property
    def minor(self) -> int | None:
        """The microversion's minor number, if it asks for one in the ordinary way (none at all is 1.0)."""
        text = self.header("openstack-api-version")
        if text is None:
            return 0
        _, _, minor = text.partition("placement 1.")
        return int(minor) if minor.isascii() and minor.isdigit() else None

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def json(self) -> Any:
        """The body decoded; None if there is none or it is no JSON."""
        try:
            return json.loads(self.body or b"")
        except (ValueError, RecursionError):
            return None

    def __str__(self) -> str:
        headers = ", ".join(f"{name}: {value}" for name, value in self.headers)
        body = "" if self.body is None else f"  {self.body.decode(errors='backslashreplace')[:600]}"
        return f"{self.method} {self.target} [{headers}]{body}"


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply; header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body decoded; None if it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def code(self) -> str | None:
        """The code of its error, if it has one."""
        document = self.json()
        if isinstance(document, dict) and document.get("errors"):
            code: str | None = document["errors"][0].get("code")
            return code
        return None

    @property
    def detail(self) -> str:
        """The detail of its error, "" without one."""
        document = self.json()
        if isinstance(document, dict) and document.get("errors"):
            return str(document["errors"][0].get("detail", ""))
        return ""


class Peer(Protocol):
    """A service that answers."""

    def send(self, ask: Ask) -> Answer: ...
    def close(self) -> None: ...


class OverPort:
    """Speaks HTTP/1.1 to a loopback port on one connection, opened anew when the other side has closed it."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_MAX)

    def send(self, ask: Ask) -> Answer:
        try:
            return self._send(ask)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self._connection.close()
            return self._send(ask)

    def close(self) -> None:
        self._connection.close()

    def _send(self, ask: Ask) -> Answer:
        connection = self._connection
        connection.putrequest(ask.method, ask.target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("host", HOST)
        for name, value in ask.headers:
            connection.putheader(name, value.encode("latin-1"))
        if ask.body is not None:
            connection.putheader("content-length", str(len(ask.body)))
        connection.endheaders(ask.body)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())


class InProcess:
    """Calls a WSGI application as a server would."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def send(self, ask: Ask) -> Answer:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": ask.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(ask.path).decode("latin-1"),
            "RAW_URI": ask.target,
            "REQUEST_URI": ask.target,
            "QUERY_STRING": ask.query,
            "SERVER_NAME": HOST,
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": HOST,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(ask.body or b""),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in ask.headers:
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        if ask.body is not None:
            environ["CONTENT_LENGTH"] = str(len(ask.body))
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> Any:
            started.append((status, headers))

        parts = self._application(environ, start_response)
        body = b"".join(parts)
        status, headers = started[-1]
        return Answer(int(status.split()[0]), {name.lower(): value for name, value in headers}, body)

    def close(self) -> None: ...
