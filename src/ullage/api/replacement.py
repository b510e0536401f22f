"""Workers that are replaced while clients go on: no request is lost.

A worker that is to leave answers on, but closes each connection after its next answer, so that clients come again on a
new one. New connections all go to the newest worker: those that listen at one address share it (SO_REUSEPORT), and the
system asks a program of one instruction which of them is next: "the one after all that usually listen". Mostly there is
none, and the system chooses as it would by itself; while a worker is replaced, it is the new one. So the old one has
no connection that is just being made when it ends.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.sharedctypes import RawValue

LOG = logging.getLogger(__name__)

LOOK_SECONDS = 0.05
"""How soon it is seen that this worker listens."""
SO_ATTACH_REUSEPORT_CBPF = 51
"""Linux's; Python has no name for it."""
RETURN = 0x06
"""The instruction that ends a program of the classic packet filter, with a constant."""


class Replacement:
    """How often the workers were replaced; shared by the main process and all workers."""

    def __init__(self) -> None:
        self._count = RawValue(ctypes.c_uint32, 0)

    def begin(self) -> None:
        """All workers that are there now shall be replaced."""
        self._count.value += 1

    @property
    def count(self) -> int:
        """How often that was."""
        return int(self._count.value)


class Place:
    """A worker's place among those that were replaced and those that were not."""

    def __init__(self, replacement: Replacement, port: int, workers: int) -> None:
        self._replacement = replacement
        self._count = replacement.count
        self._port = port
        self._workers = workers

    def is_leaving(self) -> bool:
        """Whether this worker is to be replaced."""
        return self._replacement.count != self._count

    def arrive(self, loop: asyncio.AbstractEventLoop) -> None:
        """Prefer the newest worker, as soon as this one listens."""
        if not any(_preferred(listener, self._workers) for listener in _listeners(self._port)):
            loop.call_later(LOOK_SECONDS, self.arrive, loop)


def _listeners(port: int) -> Iterator[socket.socket]:
    """This process's sockets that listen at a port."""
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError), socket.socket(fileno=os.dup(int(name))) as found:
            if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and found.getsockname()[1] == port:
                yield found


def _preferred(listener: socket.socket, index: int) -> bool:
    """Have the system give new connections to the listener of this index, if there is one; whether that is settled."""
    instruction = ctypes.create_string_buffer(struct.pack("HBBI", RETURN, 0, 0, index))
    program = struct.pack("@HP", 1, ctypes.addressof(instruction))
    try:
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program)
    except OSError as error:
        LOG.warning("connections made while a worker is replaced may be lost: %s", error.strerror)
    return True
