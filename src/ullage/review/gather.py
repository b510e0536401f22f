"""Finds out what is known about a deployment. It reads and asks, and changes nothing."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from ullage.api.http import Identity, WouldWait
from ullage.api.policy import ELSEWHERE, Policy
from ullage.api.policy_rules import RULES
from ullage.review import certificates
from ullage.review.deployment import (
    CertificateFacts,
    Deployment,
    TokenFacts,
)
from ullage.review.files import filesystem, of_deployment, sqlite_file
from ullage.review.processes import listening, secrets_in_commands
from ullage.review.service import ASK_SECONDS_MAX, asked, port_here
from ullage.settings import Settings, SettingsError
from ullage.storage.privileges import DatabaseFacts, facts
from ullage.storage.privileges import tokens as stored_tokens
from ullage.storage.trouble import StorageTrouble

OWN = ("nowhere", "nobody")
ASKERS: Mapping[str, tuple[tuple[str, ...], tuple[str, str]]] = {
    "opened_rules": ((), (ELSEWHERE, ELSEWHERE)),
    "widened_rules": (("reader", "member"), (ELSEWHERE, ELSEWHERE)),
    "roleless_rules": ((), OWN),
    "reader_rules": (("reader",), OWN),
    "member_rules": (("reader", "member"), OWN),
}
"""Fact -> roles of an asker, and whose it is what it asks about."""
PLAIN_QUESTION = re.compile(r"\bhttp://(?!localhost\b|127\.|\[::1\])")
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
        service=None if url is None else asked(url.rstrip("/"), settings),
        certificates=(*certificates.of_settings(settings, now), *shown),
        files=tuple(of_deployment(settings, config)),
        filesystem=filesystem(settings.database),
        today=now.date(),
        secrets_in_commands=secrets_in_commands(settings.secrets()),
        listener=listening(port_here(settings, url), is_own=url is None),
        misfits=_misfits(),
        versions={"Ullage": metadata.version("ullage"), "Python": platform.python_version()}
        | {name: metadata.version(name) for name in ("granian", "SQLAlchemy", "psycopg", "PyMySQL")},
        **_rules(settings),
    )


def _database(url: str) -> DatabaseFacts | None:
    try:
        return facts(url) if _may_be_there(url) else None
    except StorageTrouble:
        return None


def _may_be_there(url: str) -> bool:
    """False for a file that is not there, or that this user cannot see: SQLite would make it."""
    file = sqlite_file(url)
    return file is None or os.path.isfile(file)


def _tokens(url: str) -> tuple[TokenFacts, ...] | None:
    if not _may_be_there(url):
        return None
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
    """Facts about policy: the rules that let in those whom the defaults keep out, by what these have."""
    try:
        policy = Policy(settings)
    except SettingsError as error:
        return {"policy_problem": str(error)}
    usual = Policy(replace(settings, policy_file=""))
    found: dict[str, tuple[str, ...]] = {}
    for kind, (roles, target) in ASKERS.items():
        asker = Identity("nobody", "nowhere", frozenset(roles))
        opened = [r for r in RULES if _allows(policy, r, asker, target) and not _allows(usual, r, asker, target)]
        known = {rule for rules in found.values() for rule in rules}
        found[kind] = tuple(rule for rule in opened if rule not in known)
    plain = tuple(name for name, check in policy.checks.items() if PLAIN_QUESTION.search(str(check)))
    return {**found, "plainly_asked_rules": plain, "policy_faults": policy.faults}


def _allows(policy: Policy, rule: str, asker: Identity, target: tuple[str, str]) -> bool:
    try:
        return policy.allows(rule, asker, target, may_wait=False)
    except WouldWait:  # another service decides, and is not asked
        return False


def _misfits() -> tuple[str, ...]:
    found = []
    for line in metadata.requires("ullage") or ():
        if "extra ==" in line:
            continue  # nobody has to install it
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
        return certificates.of_server(url, now, ASK_SECONDS_MAX)
    except (OSError, ValueError):
        return []  # the next look tells why
