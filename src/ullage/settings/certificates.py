"""The options of the scheme that believes a proxy which verifies certificates, and the file of whom they mean."""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ullage.model.token import misfit
from ullage.settings.federated import require
from ullage.settings.option import SettingsError, option

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
HEADER = r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*"
HEADER_WORDS = "a header's name, of letters, digits and hyphens"


class Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who asks with the certificates of one subject."""

    user: str
    project: str | None = None
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True)
class CertificateOptions:
    """Which proxies are believed about certificates, and whom the certificates mean."""

    certificates_proxies: tuple[str, ...] = option(
        (),
        "The addresses and networks of the proxies that are believed about the certificate of who asks, such as "
        "192.0.2.7 or 192.0.2.0/28. Needed by auth certificates.",
    )
    certificates_file: str = option(
        "",
        "A TOML file with a table for each subject of certificates: its user, project and roles. It is read again when "
        "it changes. Needed by auth certificates.",
    )
    certificates_verified_header: str = option(
        "X-SSL-Client-Verify",
        "The header in which a proxy says SUCCESS when it has verified a certificate, and NONE when none was shown.",
        pattern=HEADER,
        accepted=HEADER_WORDS,
    )
    certificates_subject_header: str = option(
        "X-SSL-Client-S-DN",
        "The header in which a proxy gives the subject of the certificate.",
        pattern=HEADER,
        accepted=HEADER_WORDS,
    )

    def require_certificates(self) -> None:
        """Raise SettingsError unless all that the scheme certificates needs is there."""
        require("certificates_proxies", self.certificates_proxies, "certificates")
        require("certificates_file", self.certificates_file, "certificates")
        self.proxy_networks()
        subjects(self.certificates_file)
        if self.certificates_verified_header.lower() == self.certificates_subject_header.lower():
            name = self.certificates_subject_header
            raise SettingsError(
                f"option certificates_subject_header: {name!r} is not accepted. "
                "Accepted: another header than certificates_verified_header."
            )

    def proxy_networks(self) -> tuple[Network, ...]:
        """The option `certificates_proxies`; raises SettingsError."""
        return tuple(_network(text) for text in self.certificates_proxies)


def subjects(path: str) -> Mapping[str, Subject]:
    """The file's subjects, each as a proxy gives it; raises SettingsError for a file without sense, or without any."""
    try:
        tables = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise _refusal(path, f"cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _refusal(path, f"is not TOML: {error}") from None
    if not tables:
        raise _refusal(path, "names no subject")
    return {subject: _subject(path, subject, table) for subject, table in tables.items()}


def _subject(path: str, subject: str, table: object) -> Subject:
    if not (subject.isascii() and subject.isprintable() and subject.strip() == subject != ""):
        raise _refusal(
            path, f"has the subject {subject!r}, which no proxy gives: printable ASCII, not blank at its ends"
        )
    try:
        said = msgspec.convert(table, Subject)
    except msgspec.ValidationError as error:
        raise _refusal(path, f"says of the subject {subject!r}: {error}") from None
    made = msgspec.structs.replace(said, roles=frozenset(role.lower() for role in said.roles))
    wrong = misfit(made.user, made.project, made.roles)
    if wrong is not None:
        raise _refusal(path, f"says of the subject {subject!r}: {wrong.removeprefix('option ').rstrip('.')}")
    return made


def _refusal(path: str, reason: str) -> SettingsError:
    accepted = 'tables such as ["CN=nova,O=Example"] with a user, and, if they have any, a project and roles'
    return SettingsError(f"option certificates_file: {path!r} {reason}. Accepted: {accepted}.")


def _network(text: object) -> Network:
    accepted = "addresses, and networks such as 192.0.2.0/28 or 2001:db8::/64, several separated by commas"
    refusal = SettingsError(f"option certificates_proxies: {text!r} is not accepted. Accepted: {accepted}.")
    if not isinstance(text, str):
        raise refusal
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise refusal from None
    if network.prefixlen == 0:
        raise SettingsError(
            f"option certificates_proxies: {text!r} is not accepted, as anybody could say whose certificate was shown. "
            f"Accepted: {accepted}."
        )
    return network
