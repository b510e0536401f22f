"""Finds out what is known about a deployment. It reads and asks, and changes nothing."""

from __future__ import annotations

import platform
import re
import ssl
import stat
import time
from dataclasses import replace
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from ullage.api.http import Identity, WouldWait
from ullage.api.policy import ELSEWHERE, Policy
from ullage.api.policy_rules import RULES
from ullage.review import certificates
from ullage.review.deployment import (
    CertificateFacts,
    Deployment,
    FileFacts,
    ServiceFacts,
    TokenFacts,
    is_loopback,
)
from ullage.review.processes import secrets_in_commands
from ullage.settings import Settings, SettingsError
from ullage.storage.privileges import DatabaseFacts, facts
from ullage.storage.privileges import tokens as stored_tokens
from ullage.storage.trouble import StorageTrouble

UNSIGNED = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiIsInJvbGVzIjpbImFkbWluIl19."
FORGERIES = {
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
SECONDS_MAX = 10.0
DAY_US = 24 * 3600 * 1_000_000


def deployment(settings: Settings, config: Path | None, url: str | None) -> Deployment:
    """Look at everything. Raises httpx.HTTPError if the service at `url` does not answer."""
    now = certificates.now()
    shown = [] if url is None else _shown(url, now)
    database = _database(settings.database)
    if database is not None:
        shown = [*certificates.of_database(database.certificate, now), *shown]
    return Deployment(
        settings=settings,
        database=database,
        tokens=_tokens(settings.database),
        service=None if url is None else _service(url.rstrip("/")),
        certificates=(*certificates.of_settings(settings, now), *shown),
        files=tuple(_files(settings, config)),
        today=now.date(),
        secrets_in_commands=secrets_in_commands(settings.secrets()),
        misfits=_misfits(),
        versions={"Ullage": metadata.version("ullage"), "Python": platform.python_version()}
        | {name: metadata.version(name) for name in ("granian", "SQLAlchemy", "psycopg", "PyMySQL")},
        **_rules(settings),
    )


def _database(url: str) -> DatabaseFacts | None:
    file = _sqlite_file(url)
    if file is not None and not file.is_file():
        return None  # SQLite would make it
    try:
        return facts(url)
    except StorageTrouble:
        return None


def _tokens(url: str) -> tuple[TokenFacts, ...] | None:
    file = _sqlite_file(url)
    if file is not None and not file.is_file():
        return None  # SQLite would make it
    try:
        return tuple(
            TokenFacts(
                each.id,
                "admin" in each.roles,
                round((each.expires_us - each.created_us) / DAY_US),
                (each.expires_us - time.time_ns() // 1000) // DAY_US,
            )
            for each in stored_tokens(url)
        )
    except StorageTrouble:
        return None


def _rules(settings: Settings) -> dict[str, Any]:
    """Facts about policy: the rules that let in strangers, those that let in readers and members of elsewhere."""
    try:
        policy = Policy(settings)
    except SettingsError as error:
        return {"policy_problem": str(error)}
    usual = Policy(replace(settings, policy_file=""))

    def more(roles: frozenset[str]) -> tuple[str, ...]:
        asker = Identity("nobody", "nowhere", roles)
        return tuple(each for each in RULES if _allows(policy, each, asker) and not _allows(usual, each, asker))

    opened = more(frozenset())
    widened = tuple(each for each in more(frozenset({"reader", "member"})) if each not in opened)
    return {"opened_rules": opened, "widened_rules": widened, "policy_faults": policy.faults}


def _allows(policy: Policy, rule: str, asker: Identity) -> bool:
    try:
        return policy.allows(rule, asker, (ELSEWHERE, ELSEWHERE), may_wait=False)
    except WouldWait:  # another service decides, and is not asked
        return False


def _sqlite_file(url: str) -> Path | None:
    return Path(url.removeprefix("sqlite:///").partition("?")[0]) if url.startswith("sqlite:///") else None


def _files(settings: Settings, config: Path | None) -> list[FileFacts]:
    database = _sqlite_file(settings.database)
    beside = () if database is None else (Path(f"{database}-wal"), Path(f"{database}-shm"))
    named = [("database", database), *(("database", each) for each in beside), ("configuration", config)]
    named.append(("database_file", Path(settings.database_file) if settings.database_file else None))
    for kind, file in (("key", settings.tls_key), ("password of the key", settings.tls_key_password_file)):
        named.append((kind, Path(file) if file else None))
    trusted = ("policy_file", "certificates_file", "tls_certificate", *certificates.AUTHORITY_FILES)
    open_to_read = [(name, Path(getattr(settings, name))) for name in trusted if getattr(settings, name)]
    found = []
    for kind, path in (*named, *open_to_read):
        if path is not None and path.is_file():
            mode, folder_mode = (stat.S_IMODE(each.stat().st_mode) for each in (path, path.absolute().parent))
            found.append(FileFacts(kind, str(path), mode, folder_mode, is_secret=kind not in trusted))
    return found


def _misfits() -> tuple[str, ...]:
    found = []
    for line in metadata.requires("ullage") or ():
        name = re.split(r"[^A-Za-z0-9_.-]", line)[0]
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            found.append(f"{name} is not installed")
            continue
        oldest, first_above = (re.search(rf"{sign}([0-9.]+)", line) for sign in (">=", "<"))
        is_old = oldest is not None and _numbers(version) < _numbers(oldest[1])
        if is_old or (first_above is not None and _numbers(version) >= _numbers(first_above[1])):
            found.append(f"{name} {version}")
    return tuple(found)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _shown(url: str, now: datetime) -> list[CertificateFacts]:
    try:
        return certificates.of_server(url, now, SECONDS_MAX)
    except (OSError, ValueError):
        return []  # the next look tells why


def _distrust(url: str) -> str:
    """Why this machine does not believe the certificate that is shown at a url; empty if it does, or there is none."""
    try:
        httpx.get(url, timeout=SECONDS_MAX, trust_env=False, verify=ssl.create_default_context())
    except httpx.ConnectError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
            cause = cause.__cause__ or cause.__context__
        return "" if cause is None else cause.verify_message
    return ""


def _service(url: str) -> ServiceFacts:
    address = urlsplit(url)
    distrust = _distrust(url)
    verify = False if distrust else ssl.create_default_context()  # it is told no secret
    with httpx.Client(timeout=SECONDS_MAX, trust_env=False, verify=verify) as client:
        bare = client.get(f"{url}/resource_providers").status_code
        forged = {
            what: client.get(f"{url}/resource_providers", headers=headers).status_code
            for what, headers in FORGERIES.items()
        }
        odd = [client.get(f"{url}{path}", headers=FORGERIES["a user's bare name"]) for path in ODD_PATHS]
    return ServiceFacts(
        is_https=address.scheme == "https",
        is_loopback=is_loopback(address.hostname or ""),
        status_without_credentials=bare,
        statuses_of_forgeries=forged,
        distrust=distrust,
        worst_status=max(each.status_code for each in odd),
        leaks=tuple(word.strip() for word in LEAKS if any(word in each.text for each in odd)),
    )
