"""Certificates of who asks (mTLS), verified by a proxy, which tells in two headers what it saw.

From any other address these headers mean nothing, and are not looked at. The contract is that of nginx's
`$ssl_client_verify` and `$ssl_client_s_dn`, which other proxies can be told to keep: see the page on certificates.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import lru_cache

from ullage.api.auth.contract import NotIdentified
from ullage.api.http import Identity, Request
from ullage.settings import Settings, SettingsError
from ullage.settings.certificates import Network, subjects

LOG = logging.getLogger(__name__)

VERIFIED = "SUCCESS"
NO_CERTIFICATE = "NONE"
LOOK_SECONDS = 1.0
"""How often the file is looked at for a change."""
PEERS_MAX = 1024
_Stamp = tuple[int, int, int]


class Certificates:
    """Believes the proxies of the settings about certificates, and the file about whom their subjects mean."""

    challenge = ""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises SettingsError for a file that cannot be read or has no sense."""
        self._verified_header = settings.certificates_verified_header.lower()
        self._subject_header = settings.certificates_subject_header.lower()
        networks = settings.proxy_networks()
        self._is_proxy = lru_cache(PEERS_MAX)(lambda address: _is_within(address, networks))
        self._file = settings.certificates_file
        self._clock = clock
        self._lock = threading.Lock()
        self._stamp = _stamp(self._file)
        self._identities = _identities(self._file)
        self._look_at = clock() + LOOK_SECONDS

    def identify(self, request: Request, may_wait: bool) -> Identity | None:
        """See Scheme. Raises NotIdentified for a certificate that is not verified, or of a subject that nobody has."""
        if not self._is_proxy(request.remote_address):
            return None
        if self._verified_header in request.repeated or self._subject_header in request.repeated:
            raise NotIdentified  # the proxy has let one through that is not its own
        verified = request.headers.get(self._verified_header, "")
        subject = request.headers.get(self._subject_header, "")
        if verified in ("", NO_CERTIFICATE) and not subject:
            return None
        if verified != VERIFIED:
            raise NotIdentified
        if self._clock() >= self._look_at:
            self._look()
        identity = self._identities.get(subject)
        if identity is None:
            raise NotIdentified
        return identity

    def _look(self) -> None:
        """Take up a file that has changed; one that has no sense leaves everything as it was."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._look_at = self._clock() + LOOK_SECONDS
            stamp = _stamp(self._file)
            if stamp != self._stamp:
                self._stamp = stamp
                self._identities = _identities(self._file)
                LOG.info("certificates_file has changed and is in force")
        except SettingsError as trouble:
            LOG.error("certificates_file has changed, and its subjects are not taken: %s", trouble)
        finally:
            self._lock.release()


def _is_within(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped is not None:
        peer = peer.ipv4_mapped  # how a socket of both kinds shows it
    return any(peer in network for network in networks)


def _identities(path: str) -> Mapping[str, Identity]:
    return {name: Identity(each.user, each.project, each.roles) for name, each in subjects(path).items()}


def _stamp(path: str) -> _Stamp | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
