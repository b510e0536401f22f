"""The certificate that a database server shows, for a review. Verifies nothing: that is for the connection itself."""

from __future__ import annotations

import socket
import ssl
import struct
from typing import Any

from sqlalchemy import Connection

from ullage.storage.dialect import CONNECT_SECONDS_MAX

ASK_FOR_TLS = struct.pack("!ii", 8, 80877103)
"""How a connection to PostgreSQL begins that shall be encrypted."""


def shown_certificate(connection: Connection) -> bytes | None:
    """The certificate (DER) that the server at the other end shows; None if that cannot be seen."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        return _of_postgresql(driver.info.hostaddr or driver.info.host, driver.info.port)
    own = driver._sock
    return own.getpeercert(binary_form=True) if isinstance(own, ssl.SSLSocket) else None


def _of_postgresql(host: str, port: int) -> bytes | None:
    """libpq shows none, so this is a connection of its own, which ends before anybody logs in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((host, port), CONNECT_SECONDS_MAX) as plain:
            plain.sendall(ASK_FOR_TLS)
            if plain.recv(1) != b"S":
                return None
            with context.wrap_socket(plain) as encrypted:
                return encrypted.getpeercert(binary_form=True)
    except OSError:
        return None
