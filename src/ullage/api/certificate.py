"""The service's own certificate: what it must be to be served with, and whether its files have changed."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from ullage.settings import Settings, SettingsError

LOG = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How soon changed files are noticed."""


class Certificate:
    """A certificate and its key, in files. The HTTP server ends its workers over keys with a password: see 0054."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self.certificate = Path(settings.tls_certificate)
        self.key = Path(settings.tls_key)
        self._clock = clock
        self._next_look = 0.0
        self._seen = self._marks()

    @staticmethod
    def of(settings: Settings) -> Certificate | None:
        """The certificate that the settings name, None if they name none; raises SettingsError if it cannot serve."""
        if not settings.tls_certificate:
            return None
        certificate = Certificate(settings)
        trouble = certificate.trouble()
        if trouble:
            raise SettingsError(f"options tls_certificate and tls_key: {trouble}.")
        return certificate

    def trouble(self) -> str:
        """Why the files cannot be served with; empty if they can."""
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            # Without any password, OpenSSL would ask for one at the terminal.
            context.load_cert_chain(self.certificate, self.key, "")
        except ssl.SSLError as error:
            reason = error.reason or "not PEM"
            return f"the certificate and its key do not fit together, or the key has a password ({reason})"
        except OSError as error:
            return f"a file cannot be read ({error.strerror})"
        return ""

    def has_changed(self) -> bool:
        """Whether other files are there than at the last look, and can be served with; looks only now and then."""
        if self._clock() < self._next_look:
            return False
        self._next_look = self._clock() + LOOK_SECONDS
        marks = self._marks()
        if marks == self._seen:
            return False
        self._seen = marks
        trouble = self.trouble()
        if trouble:  # the other file may be still to come: the next change is looked at again
            LOG.warning("the TLS files have changed, but the old certificate is served on: %s", trouble)
        else:
            LOG.info("the TLS files have changed: workers are replaced one by one")
        return not trouble

    def _marks(self) -> list[tuple[int, int, int] | None]:
        return [_mark(path) for path in (self.certificate, self.key)]


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_ino, about.st_size
