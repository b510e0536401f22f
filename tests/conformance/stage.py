"""Where a YAML file is run: a service on an empty database, in this process or behind a port."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import httpx
from differential.reference import ReferenceServer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True, slots=True)
class Options:
    """How a fixture wants its service set up."""

    cors: bool = False
    open_policy: bool = False
    enforce_new_defaults: bool = False


class Stage(Protocol):
    """A place for files, one after the other. Between `start` and `stop` the service is up, at first empty."""

    name: str
    intercept: Callable[[], WSGIApplication] | None
    """Makes the application for gabbi's client in this process; None when there is a port instead."""
    port: int | None
    """The loopback port; it must not change between files, for gabbi asks before they start."""

    def start(self, options: Options) -> None: ...
    def stop(self) -> None: ...
    def client(self) -> httpx.Client: ...


class InProcess:
    """Stands an application up per file, made by `opened` for the given options, and hands gabbi a stand-in for it."""

    port = None

    def __init__(self, name: str, opened: Callable[[Options, ExitStack], WSGIApplication]) -> None:
        """`opened` registers on the ExitStack whatever must be closed when the file is done."""
        self.name = name
        self._opened = opened
        self._closing = ExitStack()
        self._application: WSGIApplication | None = None

    def intercept(self) -> WSGIApplication:
        return self._forward

    def start(self, options: Options) -> None:
        self._application = self._opened(options, self._closing)

    def stop(self) -> None:
        self._application = None
        self._closing.close()

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.WSGITransport(app=self._forward), base_url="http://seeding.test")

    def _forward(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self._application is None:
            raise RuntimeError("a request came before the stage was started")
        return self._application(environ, start_response)


class BehindPort:
    """Starts a server process per file; `opened` gives the port it listens on."""

    intercept = None

    def __init__(self, name: str, port: int, opened: Callable[[Options, int, ExitStack], Any]) -> None:
        self.name = name
        self.port = port
        self._opened = opened
        self._closing = ExitStack()

    def start(self, options: Options) -> None:
        self._opened(options, self.port, self._closing)

    def stop(self) -> None:
        self._closing.close()

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}")


def reference_stage(port: int) -> BehindPort:
    """The reference itself: what proves that the fixtures and the worlds are right."""

    def opened(options: Options, port: int, closing: ExitStack) -> None:
        closing.enter_context(ReferenceServer(cors=options.cors, port=port))

    return BehindPort("reference", port, opened)
