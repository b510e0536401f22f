"""The service's own certificate: what it must be to be served with, and whether its files have changed.

Workers never read the files: what was read and found good is kept in memory, with a key that had a password without it,
and a worker that starts later, whatever has become of the files by then, serves with that.
"""

from __future__ import annotations

import logging
import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from ullage.settings import Settings, SettingsError
from ullage.settings.tls import key_password

LOG = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How soon changed files are noticed."""


class Unfit(Exception):
    """The files cannot be served with; `str()` says why."""


class Pair:
    """A certificate and its key in memory, which the service's own processes find as files."""

    def __init__(self, certificate: bytes, key: bytes) -> None:
        self._files = [_in_memory(data) for data in (certificate, key)]

    @property
    def certificate(self) -> str:
        """The certificate's file."""
        return _path(self._files[0])

    @property
    def key(self) -> str:
        """The key's file."""
        return _path(self._files[1])

    def __del__(self) -> None:
        for file in self.__dict__.get("_files", ()):
            os.close(file)


class Certificate:
    """A certificate and its key, in files that may be replaced at any time."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises Unfit."""
        self._settings = settings
        self._certificate = Path(settings.tls_certificate)
        self._key = Path(settings.tls_key)
        self._clock = clock
        self._next_look = 0.0
        self._seen = self._marks()
        self.pair = self._read()
        self._before = self.pair
        """Workers that have just been started may still read it."""

    @staticmethod
    def of(settings: Settings) -> Certificate | None:
        """The certificate that the settings name, None if they name none; raises SettingsError if it cannot serve."""
        if not settings.tls_certificate:
            return None
        try:
            return Certificate(settings)
        except Unfit as unfit:
            raise SettingsError(f"options tls_certificate and tls_key: {unfit}.") from None

    def has_changed(self) -> bool:
        """Whether other files are there than at the last look, and can be served with; looks only now and then."""
        if self._clock() < self._next_look:
            return False
        self._next_look = self._clock() + LOOK_SECONDS
        marks = self._marks()
        if marks == self._seen:
            return False
        self._seen = marks
        try:
            self._before, self.pair = self.pair, self._read()
        except (Unfit, SettingsError) as trouble:  # the other file may be still to come: the next change is looked at
            LOG.warning("the TLS files have changed, but the old certificate is served on: %s", trouble)
            return False
        LOG.info("the TLS files have changed: workers are replaced one by one")
        return True

    def _read(self) -> Pair:
        """What the files hold now, if it can be served with; raises Unfit."""
        try:
            certificate, key = self._certificate.read_bytes(), self._key.read_bytes()
        except OSError as error:
            raise Unfit(f"a file cannot be read ({error.strerror})") from None
        pair = Pair(certificate, _opened(key, key_password(self._settings)))
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pair.certificate, pair.key)
        except ssl.SSLError as error:
            raise Unfit(f"the certificate and its key do not fit together ({error.reason or 'not PEM'})") from None
        return pair

    def _marks(self) -> list[tuple[int, int, int] | None]:
        password_file = self._settings.tls_key_password_file
        files = [self._certificate, self._key, *([Path(password_file)] if password_file else [])]
        return [_mark(file) for file in files]


def _opened(key: bytes, password: str) -> bytes:
    """A key without its password; raises Unfit."""
    if b"ENCRYPTED" not in key:
        return key
    if not password:
        raise Unfit(
            "the key has a password, which tls_key_password_file or the environment (ULLAGE_TLS_KEY_PASSWORD) must tell"
        )
    from cryptography.hazmat.primitives import serialization  # here, because most keys have no password

    try:
        opened = serialization.load_pem_private_key(key, password.encode())
    except ValueError:
        raise Unfit("the password does not open the key (tls_key_password, tls_key_password_file)") from None
    plain = serialization.NoEncryption()
    return opened.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)


def _in_memory(data: bytes) -> int:
    file = os.memfd_create("ullage-tls")
    os.write(file, data)
    return file


def _path(file: int) -> str:
    return f"/proc/{os.getpid()}/fd/{file}"


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_ino, about.st_size
