"""Serve: one main process that upgrades the database and then only watches over its workers, which answer requests."""

from __future__ import annotations

import gc
import logging
import math
import resource
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from granian.constants import HTTPModes, Interfaces, Loops, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import MPServer as Server

from ullage import logs, memory, redaction
from ullage.api.app import App
from ullage.api.certificate import Certificate
from ullage.api.policy import Policy
from ullage.api.replacement import Place, Replacement
from ullage.api.rsgi import Entry
from ullage.api.streaming import STREAMS_MAX
from ullage.settings import Settings, SettingsError
from ullage.storage import tokens
from ullage.storage.audit.chain import Detail
from ullage.storage.audit.operator import running
from ullage.storage.trouble import NotAllowed
from ullage.storage.unit import Store
from ullage.wiring import build_app

LOG = logging.getLogger(__name__)

HEAD_BYTES_MAX = 128 * 1024
"""The most that a request's line and headers may take up together; the server answers 431 to more."""
IDLE_MILLISECONDS_MAX = 60_000
"""How long a connection may take over a request's line and headers, and be idle before them."""
BACKLOG = 1024
SWITCH_SECONDS = 0.0005
"""How soon a thread that computes yields to one that waits: a search must not hold up the committer."""
COLLECT_EVERY_OBJECTS = 5_000
"""How many new objects make Python look for garbage among the newest. Its own 700 are those of a dozen requests, which
are still under way when it looks."""
FILES_BESIDE_CONNECTIONS = 256 + 3 * STREAMS_MAX
"""For the database, the program itself, and the pipes of large replies."""
REPLACED_SECONDS = 5.0
"""Between the start of a new worker and the end of the one it replaces, whose clients have turned to it by then."""
FIRST_TOKEN_DAYS = 90
PAUSE_SECONDS_FIRST = 0.1
PAUSE_SECONDS_MAX = 10.0
PAUSE_FORGOTTEN_SECONDS = 60.0


def serve(settings: Settings) -> None:
    """Answer requests until SIGTERM or SIGINT; raises SettingsError for an address or policy_file that will not do."""
    logs.configure(settings.log_level)
    _guard_logs(settings)
    _require_free(settings.host, settings.port)
    _prepare(settings)
    certificate = Certificate.of(settings)
    Policy(settings).tell_faults()  # a file without sense must stop the start, not worker after worker
    connections_max = _connections(settings.connections_max)
    replacement = Replacement()
    pauses = Pauses()
    while True:
        server = _server(settings, connections_max, certificate, replacement)
        if _run(server, settings, replacement):
            return
        # Granian gives up when a worker dies twice within seconds. Whatever killed it, the service is wanted.
        pause_seconds = pauses.next()
        LOG.error("workers keep dying; starting again in %g s", pause_seconds)
        time.sleep(pause_seconds)
        if server.interrupt_signal:  # it came during the pause, when nobody watched for it
            return


def _guard_logs(settings: Settings) -> None:
    """Hide the secrets of the settings in every line, and let no line pass by the sink."""
    redaction.hide(settings.secrets())
    logs.take_over()


class Pauses:
    """How long to wait before each new start: longer and longer, unless the last start has lasted."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds = 0.0
        self._last = -math.inf

    def next(self) -> float:
        """The pause before the start that is due now."""
        now = self._clock()
        if now - self._last > PAUSE_FORGOTTEN_SECONDS:
            self._seconds = PAUSE_SECONDS_FIRST
        else:
            self._seconds = min(2 * self._seconds, PAUSE_SECONDS_MAX)
        self._last = now
        return self._seconds


class _Wake:
    """Wakes the main loop, in place of Granian's `threading.Event`, whose lock is not for signal handlers.

    When a terminal or a supervisor signals the whole group, a worker's end and the signal come together: the handler
    then waited for a lock that its own thread held, and the service never ended (seen). Plain attributes need none.
    """

    def __init__(
        self, is_told_to_stop: Callable[[], bool], has_changed: Callable[[], bool], reload: Callable[[], None]
    ) -> None:
        self._is_told_to_stop = is_told_to_stop
        self._has_changed = has_changed
        self._reload = reload
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def clear(self) -> None:
        self._is_set = self._is_told_to_stop()  # never forget that

    def wait(self) -> None:
        while not self._is_set and not self._is_told_to_stop():
            time.sleep(WAKE_SECONDS)
            if self._has_changed():
                self._reload()


def _server(
    settings: Settings, connections_max: int, certificate: Certificate | None, replacement: Replacement
) -> Server:
    server = Server(
        "ullage",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.RSGI,
        workers=settings.workers,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=HEAD_BYTES_MAX, header_read_timeout=IDLE_MILLISECONDS_MAX),
        websockets=False,
        loop=Loops.uvloop,  # named, so that no other is taken that happens to be installed
        backlog=BACKLOG,
        backpressure=connections_max,
        log_level=LogLevels(settings.log_level),
        log_dictconfig=logs.SERVER_LOGGING,
        respawn_failed_workers=True,
        workers_kill_timeout=settings.stop_seconds_max,
        respawn_interval=REPLACED_SECONDS,
    )

    def present() -> None:
        """Let workers that are yet to start serve with the certificate that was read last."""
        if certificate is not None:
            # by arguments, Granian would read the files, which may have been replaced by what cannot be served
            pair, oldest = certificate.pair, str(SSLProtocols(settings.tls_minimum))
            context: Any = (True, pair.certificate, pair.key, None, oldest, None, [], False)
            server.ssl_ctx = context

    present()
    server.on_reload(present)
    server.on_reload(replacement.begin)
    wake = _Wake(
        lambda: bool(server.interrupt_signal),
        lambda: certificate is not None and certificate.has_changed(),
        server.signal_handler_reload,  # what SIGHUP does: each new worker listens before the old one ends
    )
    server.main_loop_interrupt = wake  # type: ignore[assignment] # Granian calls set, clear and wait alone
    return server


def _run(server: Server, settings: Settings, replacement: Replacement) -> bool:
    """Run workers until they are told to stop (True) or Granian gives them up (False)."""
    try:
        server.serve(target_loader=partial(_entry, settings, replacement), wrap_loader=False)
    except SystemExit as ending:
        if not ending.code:
            raise
        return server.interrupt_signal
    return True


def _entry(
    settings: Settings, replacement: Replacement
) -> Any:  # Granian looks for __rsgi__, which its types do not say
    """What a worker process runs; called in it."""
    memory.keep_freed()  # before there are threads, which would have heaps of their own
    logs.configure(settings.log_level, logs.WriterHandler(sys.stderr))
    _guard_logs(settings)
    sys.setswitchinterval(SWITCH_SECONDS)
    place = Place(replacement, settings.port, settings.workers)
    return Entry(partial(_application, settings), settings, logs.flush, place)


def _application(settings: Settings) -> App:
    app = build_app(settings)
    app.service.mirror.warm()
    collect_seldom()
    return app


def collect_seldom() -> None:
    """Spare the search for garbage what stays for good, which is all code and every table: a full one took a worker
    0.1 s, in which it answered nobody. What requests leave behind is found by those that remain."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY_OBJECTS, *gc.get_threshold()[1:])


def _prepare(settings: Settings) -> None:
    """Make or upgrade the schema, once and before any worker could ask for it; see to it that somebody can ask."""
    store = Store.open(settings.database)
    try:
        store.upgrade()
        if not settings.auth:
            _show_first_token(store, Detail.chosen(with_values=settings.audit_log_values))
    finally:
        store.close()


def _show_first_token(store: Store, detail: Detail) -> None:
    """Make a token for an admin and print it, not log it, if there is no token yet."""
    expires_us = time.time_ns() // 1000 + FIRST_TOKEN_DAYS * 86_400_000_000
    try:
        text = tokens.create_first(store, running("ullage serve"), "admin", frozenset({"admin"}), expires_us, detail)
    except NotAllowed:
        LOG.warning("there may be no token yet, and this role may make none; see `ullage token create`")
        return
    if text is not None:
        print(f"No token is there yet, so here is one of an admin, for {FIRST_TOKEN_DAYS} days. It is not shown again:")
        print(f"\n    {text}\n", flush=True)


def _require_free(host: str, port: int) -> None:
    """Raise SettingsError unless nobody else listens there.

    Workers share the address by SO_REUSEPORT, so a second service would take a part of the requests unnoticed.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        raise SettingsError(
            f"options host and port: cannot listen on {host}, port {port}: {error.strerror}."
        ) from error


def _connections(wanted: int) -> int:
    """How many connections a worker can hold open, after asking the system for as many files as that takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + FILES_BESIDE_CONNECTIONS
    ceiling = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < ceiling:
        resource.setrlimit(resource.RLIMIT_NOFILE, (ceiling, hard))
        soft = ceiling
    possible = wanted if soft == resource.RLIM_INFINITY else min(wanted, soft - FILES_BESIDE_CONNECTIONS)
    if possible < wanted:
        LOG.warning("connections_max is %d, but the system allows %d", wanted, possible)
    return max(possible, 16)


WAKE_SECONDS = 0.05
"""How soon the main process, which else only sleeps, sees that a worker ended or that it shall stop."""
