"""Asks a running service what strangers might, and sees what it answers. It is told no secret."""

from __future__ import annotations

import re
import ssl
import tomllib
import warnings
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from ullage.review.deployment import ServiceFacts, is_loopback
from ullage.settings import Settings

UNSIGNED = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiIsInJvbGVzIjpbImFkbWluIl19."
FORGERIES: Mapping[str, Mapping[str, str]] = {
    "a user's bare name": {"x-auth-token": "admin"},
    "an unsigned token": {"authorization": f"Bearer {UNSIGNED}"},
    "headers of a proxy": {"x-user-id": "admin", "x-roles": "admin", "x-ssl-client-verify": "SUCCESS"},
}
ODD_PATHS = (
    "/allocation_candidates?resources='%20OR%201=1--",
    "/resource_providers?name=%00%27%22",
    "/resource_providers/..%2f..%2fetc",
    "/allocations/%F0%28%8C%28",
    "/traits?name=in:" + "A" * 5000,
)
LEAKS = ("Traceback", 'File "/', "sqlalchemy", "psycopg", "pymysql", "sqlite3.", "SELECT ")
ELSEWHERE = "https://review.invalid"
"""An origin that nobody has."""
ASK_SECONDS_MAX = 10.0
FORMER_TLS = {"TLS 1.0": ssl.TLSVersion.TLSv1, "TLS 1.1": ssl.TLSVersion.TLSv1_1}


def asked(url: str, settings: Settings) -> ServiceFacts:
    """How the service at a url answers; raises httpx.HTTPError if it does not."""
    address = urlsplit(url)
    distrust = _distrust(url)
    verify = False if distrust else ssl.create_default_context()  # it is told no secret
    with httpx.Client(timeout=ASK_SECONDS_MAX, trust_env=False, verify=verify) as client:
        bare = client.get(f"{url}/resource_providers")
        forged = {
            what: client.get(f"{url}/resource_providers", headers=headers).status_code
            for what, headers in {**FORGERIES, **_forged_certificate(settings)}.items()
        }
        odd = [client.get(f"{url}{path}", headers=FORGERIES["a user's bare name"]) for path in ODD_PATHS]
        crossed = client.get(f"{url}/", headers={"origin": ELSEWHERE})
    return ServiceFacts(
        is_https=address.scheme == "https",
        is_loopback=is_loopback(address.hostname or ""),
        status_without_credentials=bare.status_code,
        statuses_of_forgeries=forged,
        distrust=distrust,
        worst_status=max(each.status_code for each in odd),
        leaks=tuple(word.strip() for word in LEAKS if any(word in each.text for each in odd)),
        newest_version=_newest_version(crossed),
        admits_any_origin=crossed.headers.get("access-control-allow-origin") in ("*", "null", ELSEWHERE),
        admits_credentials=crossed.headers.get("access-control-allow-credentials") == "true",
        names_program=_program(bare),
        former_tls=_former_tls(url) if address.scheme == "https" else (),
    )


def port_here(settings: Settings, url: str | None) -> int:
    """The port of this machine at which the service is looked for."""
    address = urlsplit(url or "")
    if not is_loopback(address.hostname or ""):
        return settings.port
    return address.port or (443 if address.scheme == "https" else 80)


def _distrust(url: str) -> str:
    """Why this machine does not believe the certificate that is shown at a url; empty if it does, or there is none."""
    try:
        httpx.get(url, timeout=ASK_SECONDS_MAX, trust_env=False, verify=ssl.create_default_context())
    except httpx.ConnectError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
            cause = cause.__cause__ or cause.__context__
        return "" if cause is None else cause.verify_message
    return ""


def _forged_certificate(settings: Settings) -> dict[str, dict[str, str]]:
    """The headers of the proxy that is believed, with a subject that is: the proxy has to take them away."""
    if "certificates" not in settings.auth_schemes:
        return {}
    try:
        subjects = tomllib.loads(Path(settings.certificates_file).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    said = {settings.certificates_verified_header: "SUCCESS"}
    admins_first = sorted(subjects, key=lambda each: "admin" not in str(subjects[each]))
    return {
        f"the headers that tell of a certificate ({subject})": said | {settings.certificates_subject_header: subject}
        for subject in admins_first[:1]
    }


def _newest_version(reply: httpx.Response) -> str:
    try:
        return str(reply.json()["versions"][0]["max_version"])
    except (ValueError, LookupError, TypeError):
        return ""


def _program(reply: httpx.Response) -> str:
    """What answers and in which version, if it says both."""
    said = (reply.headers.get(name, "") for name in ("server", "x-powered-by"))
    return next((each[:50] for each in said if re.search(r"[A-Za-z].*[0-9]", each)), "")


def _former_tls(url: str) -> tuple[str, ...]:
    """Versions of TLS that are no longer safe, and accepted at a url."""
    return tuple(name for name, version in FORMER_TLS.items() if _accepts(url, version))


def _accepts(url: str, version: ssl.TLSVersion) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with warnings.catch_warnings():  # Python warns of what is looked for here
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = version
            context.maximum_version = version
        context.set_ciphers("ALL:@SECLEVEL=0")
        httpx.get(url, timeout=ASK_SECONDS_MAX, trust_env=False, verify=context)
    except (httpx.HTTPError, ssl.SSLError, ValueError):
        return False
    return True
