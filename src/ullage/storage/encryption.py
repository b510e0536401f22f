"""TLS to the database: whether, and whom to trust. Asked for by `tls` and `tls_ca` in a database's url.

    postgresql://ullage@db.example.org/ullage?tls=verify-full&tls_ca=/etc/ullage/ca.pem

Without `tls` a server on another machine has to prove with a certificate who it is (verify-full), since all that is
said would else be open to whoever listens; one on loopback or behind a socket is spoken to as its driver does.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL

from ullage.storage.trouble import BadDatabaseUrl

VERIFY_FULL, REQUIRE, OFF = "verify-full", "require", "off"
MODES = (VERIFY_FULL, REQUIRE, OFF)


@dataclass(frozen=True)
class Encryption:
    """How to connect: one of MODES, None as the driver does; and a file with authorities, None: the system's."""

    mode: str | None
    authorities: str | None = None

    @staticmethod
    def of(url: URL) -> Encryption:
        """What a url asks for; raises BadDatabaseUrl."""
        mode, authorities = _said(url, "tls"), _said(url, "tls_ca")
        if mode not in (None, *MODES):
            raise BadDatabaseUrl(f"The database url says tls={mode}; it may say {', '.join(MODES)}")
        if authorities is not None and not Path(authorities).is_file():
            raise BadDatabaseUrl(f"The file {authorities} with authorities for the database does not exist")
        if mode is None and authorities is None and any(name.startswith("ssl") for name in url.query):
            return Encryption(None)  # whoever uses the driver's own words knows what they do
        if mode is None and (authorities is not None or _is_remote(url)):
            mode = VERIFY_FULL
        return Encryption(mode, authorities)

    def for_postgresql(self) -> dict[str, Any]:
        """What psycopg is to be told."""
        match self.mode:
            case None:
                return {}
            case "off":
                return {"sslmode": "disable"}
            case "require":
                return {"sslmode": "require"}
        return {"sslmode": VERIFY_FULL, "sslrootcert": self.authorities or "system"}

    def for_mariadb(self) -> dict[str, Any]:
        """What PyMySQL is to be told."""
        match self.mode:
            case None:
                return {}
            case "off":
                return {"ssl_disabled": True}
        context = ssl.create_default_context(cafile=self.authorities)
        if self.mode == REQUIRE:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return {"ssl": context}


def stripped(url: URL) -> URL:
    """A url without what is not for the driver."""
    return url.difference_update_query(("tls", "tls_ca"))


def _said(url: URL, name: str) -> str | None:
    value = url.query.get(name)
    return value if value is None or isinstance(value, str) else value[-1]


def _is_remote(url: URL) -> bool:
    hosts = [url.host, _said(url, "host"), _said(url, "hostaddr"), _said(url, "unix_socket")]
    return any(host for host in hosts if host and not _is_here(host))


def _is_here(host: str) -> bool:
    return host.startswith(("/", "127.")) or host in ("localhost", "::1")
