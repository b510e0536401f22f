"""What certificates say of themselves: how long they hold, and how strong they are."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from ullage.review.deployment import CertificateFacts
from ullage.settings import Settings

DAY_SECONDS = 86400.0
RSA_BITS_MIN = 2048
CURVE_BITS_MIN = 256
WEAK_HASHES = ("md5", "sha1")
SUBJECT_LENGTH_MAX = 100
AUTHORITY_FILES = ("database_ca", "keystone_ca_file", "oidc_ca_file")


def of_settings(settings: Settings, now: datetime) -> list[CertificateFacts]:
    """All in the files that the settings name: of what is served each, of authorities those that hold longest."""
    found = []
    if settings.tls_certificate:
        found += _of_file("tls_certificate", settings.tls_certificate, now)
    for name in AUTHORITY_FILES:
        if getattr(settings, name):
            found.append(max(_of_file(name, getattr(settings, name), now), key=lambda each: each.days_left))
    return found


def of_server(url: str, now: datetime, seconds_max: float) -> list[CertificateFacts]:
    """What a service shows that answers at an https:// url; raises OSError and ValueError. Verifies nothing."""
    address = urlsplit(url)
    if address.scheme != "https":
        return []
    pem = ssl.get_server_certificate((address.hostname or "", address.port or 443), timeout=seconds_max)
    return [_facts(url, x509.load_pem_x509_certificate(pem.encode()), now, is_served=True)]


def of_database(certificate: bytes | None, now: datetime) -> list[CertificateFacts]:
    """What the database server shows (DER; None: nothing that can be seen)."""
    if certificate is None:
        return []
    try:
        return [_facts("the database server", x509.load_der_x509_certificate(certificate), now)]
    except ValueError:
        return [CertificateFacts("the database server", "", 0, 0, "it cannot be read")]


def _of_file(place: str, path: str, now: datetime) -> list[CertificateFacts]:
    try:
        found = x509.load_pem_x509_certificates(Path(path).read_bytes())
        is_alone = len(found) == 1 and place not in AUTHORITY_FILES
        return [_facts(place, each, now, is_served=is_alone) for each in found]
    except (OSError, ValueError):
        return [CertificateFacts(place, path, 0, 0, "it cannot be read")]


def _facts(place: str, found: x509.Certificate, now: datetime, *, is_served: bool = False) -> CertificateFacts:
    begin, end = found.not_valid_before_utc, found.not_valid_after_utc
    subject = found.subject.rfc4514_string()[:SUBJECT_LENGTH_MAX].encode("unicode_escape").decode()
    days_left, life_days = ((end - each).total_seconds() / DAY_SECONDS for each in (now, begin))
    return CertificateFacts(
        place,
        subject,
        days_left,
        life_days,
        "it does not hold yet" if begin > now else "",
        _weakness(found),
        signs_itself=is_served and found.issuer == found.subject,
        has_names=not is_served or _has_names(found),
    )


def _has_names(found: x509.Certificate) -> bool:
    try:
        return bool(list(found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value))
    except (x509.ExtensionNotFound, ValueError):
        return False


def _weakness(found: x509.Certificate) -> str:
    try:
        key, signature = found.public_key(), found.signature_hash_algorithm
    except (UnsupportedAlgorithm, ValueError):
        return "a key or signature of an unknown kind"
    if isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey) and key.key_size < RSA_BITS_MIN:
        return f"a key of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < CURVE_BITS_MIN:
        return f"a key of {key.key_size} bits"
    name = signature.name if signature is not None else None
    return f"a signature with {name}" if weak_signature(name, signs_itself=found.issuer == found.subject) else ""


def weak_signature(name: str | None, *, signs_itself: bool) -> bool:
    """Whether a signature with this hash (None: one that needs no hash) can be forged, and somebody rests on it."""
    return name in WEAK_HASHES and not signs_itself  # nobody rests on the signature of what signs itself


def now() -> datetime:
    """The time, UTC."""
    return datetime.now(UTC)
