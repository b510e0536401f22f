"""The application for any WSGI server, to embed it beside others and to test it without a socket.

The server reads the body in the thread that works on the request: how slow a body may be is its business, how large it
may be is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from ullage.api import uris
from ullage.api.app import App
from ullage.api.http import Request, Response
from ullage.api.problems import STATUSES, Problem
from ullage.api.upload import too_large
from ullage.settings import SettingsError

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

_PATH_SAFE = "/!$&'()*+,;=:@~"
_TITLES = {200: "OK", 201: "Created", 204: "No Content", **{status: about.title for status, about in STATUSES.items()}}


def wsgi_application(app: App) -> Application:
    """An App as a WSGI callable.

    Raises SettingsError for auth certificates: a server joins headers that came twice, so a forged one would not show.
    """
    if "certificates" in app.settings.auth_schemes:
        raise SettingsError(
            f"option auth: {app.settings.auth!r} is not accepted by a WSGI application. "
            "Accepted: any schemes but certificates, which `ullage serve` alone has."
        )

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        request = _request(environ, app.settings.mount)
        try:
            request.body = _body(environ, app.settings.body_bytes_max)
        except Problem as problem:
            response = app.refuse(problem, request)
        else:
            response = app.handle(request)
        return _send(response, request, start_response)

    return application


def _octets(text: str) -> bytes:
    """The bytes that a server put into a text: one for each character, but some test servers decode them properly."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def _request(environ: Environ, mount: str) -> Request:
    headers = {key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")}
    for key, name in (("CONTENT_TYPE", "content-type"), ("CONTENT_LENGTH", "content-length")):
        if environ.get(key):
            headers[name] = environ[key]
    mount = mount or environ.get("SCRIPT_NAME", "").rstrip("/")
    server = f"{environ.get('SERVER_NAME', 'localhost')}:{environ.get('SERVER_PORT', '80')}"
    return Request(
        method=environ["REQUEST_METHOD"],
        raw_path=quote(_octets(environ.get("PATH_INFO", "")), safe=_PATH_SAFE).encode(),
        raw_query=environ.get("QUERY_STRING", "").encode("latin-1"),
        headers=headers,
        remote_address=environ.get("REMOTE_ADDR", ""),
        base_url=uris.base_url(environ.get("wsgi.url_scheme", "http"), environ.get("HTTP_HOST"), server, mount),
        mount=mount,
    )


def _body(environ: Environ, bytes_max: int) -> bytes:
    """The request's body; raises the Problem of one that is larger than it may be."""
    length = environ.get("CONTENT_LENGTH") or ""
    if length.isascii() and length.isdigit():
        if int(length) > bytes_max:
            raise too_large(bytes_max)
        return _read(environ, int(length))
    if length or not environ.get("wsgi.input_terminated"):
        return b""
    body = _read(environ, bytes_max + 1)
    if len(body) > bytes_max:
        raise too_large(bytes_max)
    return body


def _read(environ: Environ, size: int) -> bytes:
    chunks = []
    while size > 0:
        chunk: bytes = environ["wsgi.input"].read(size)
        if not chunk:
            break
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


def _send(response: Response, request: Request, start_response: StartResponse) -> Iterable[bytes]:
    headers = list(response.headers)
    if response.content_type is not None:
        headers.append(("content-type", response.content_type))
    if response.status != 204 and response.chunks is None:
        headers.append(("content-length", str(len(response.body))))
    start_response(f"{response.status} {_TITLES.get(response.status, 'Unknown')}", headers)
    if request.method == "HEAD":
        return []
    return [response.body] if response.chunks is None else response.chunks
