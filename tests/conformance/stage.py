"""Where a YAML file is run: a service on an empty database, in this process or behind a port."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
from differential.reference import ReferenceServer
from embedding import application
from servers import Server
from serving import UllageServer

from ullage.api.policy_rules import RULES

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True, slots=True)
class Options:
    """How a fixture wants its service set up."""

    cors: bool = False
    open_policy: bool = False
    enforce_new_defaults: bool = False


class Stage:
    """A place for files, one after the other. Between `start` and `stop` the service is up, at first empty."""

    def __init__(self, name: str, opened: Callable[[Options, ExitStack], WSGIApplication | None]) -> None:
        """`opened` gives an empty service, and registers on the ExitStack what is to be done when a file is done."""
        self.name = name
        self._opened = opened
        self._closing = ExitStack()
        self._application: WSGIApplication | None = None

    @property
    def intercept(self) -> Callable[[], WSGIApplication] | None:
        """Makes the application for gabbi's client in this process; None when there is a port instead."""
        return None

    @property
    def port(self) -> int | None:
        """The loopback port; it does not change between files, for gabbi asks before they start."""
        return None

    def start(self, options: Options) -> None:
        """Bring the service up."""
        self._application = self._opened(options, self._closing)

    def stop(self) -> None:
        """Take it down."""
        self._application = None
        self._closing.close()

    def client(self) -> httpx.Client:
        """A client of the service that is up."""
        raise NotImplementedError


class InProcess(Stage):
    """An application per file, behind a stand-in that gabbi gets before there is any."""

    @property
    def intercept(self) -> Callable[[], WSGIApplication]:
        return lambda: self._forward

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.WSGITransport(app=self._forward), base_url="http://seeding.test")

    def _forward(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self._application is None:
            raise RuntimeError("a request came before the stage was started")
        return self._application(environ, start_response)


class BehindPort(Stage):
    """A server behind a port."""

    def __init__(self, name: str, port: int, opened: Callable[[Options, ExitStack], None]) -> None:
        super().__init__(name, opened)
        self._port = port

    @property
    def port(self) -> int:
        return self._port

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=f"http://127.0.0.1:{self._port}")


def served_stage(server: UllageServer) -> BehindPort:
    """A running `ullage serve`, emptied by its API after each file."""

    def opened(options: Options, closing: ExitStack) -> None:
        if options != Options():
            raise ValueError(f"a running server cannot be set up anew: {options}")
        closing.callback(server.empty)

    return BehindPort("http", server.port, opened)


def ullage_stage(server: Server) -> InProcess:
    """Ullage in this process, each file on an empty database of this server."""

    def opened(options: Options, closing: ExitStack) -> WSGIApplication:
        url = server.new_ledger_database()
        closing.callback(server.drop_database, url)
        origins = ("http://valid.example.com",) if options.cors else ()
        policy_file = closing.enter_context(_open_policy()) if options.open_policy else ""
        return closing.enter_context(
            application(
                url,
                cors_origins=origins,
                enforce_new_defaults=options.enforce_new_defaults,
                policy_file=policy_file,
            )
        )

    return InProcess(server.name, opened)


@contextmanager
def _open_policy() -> Iterator[str]:
    """A policy file that lets everybody do everything."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write("".join(f'"{name}": "@"\n' for name in RULES))
        file.flush()
        yield file.name


def reference_stage(port: int) -> BehindPort:
    """The reference itself, started anew for each file: what proves that the fixtures and the worlds are right."""

    def opened(options: Options, closing: ExitStack) -> None:
        closing.enter_context(ReferenceServer(cors=options.cors, port=port))

    return BehindPort("reference", port, opened)
