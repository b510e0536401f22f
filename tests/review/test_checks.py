"""Each check finds its fault on a bad deployment, and none on a good one."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from ullage.review import checks
from ullage.review.check import Check
from ullage.review.deployment import Deployment, FileFacts, ServiceFacts
from ullage.review.report import Area, Severity
from ullage.settings import Settings
from ullage.storage.privileges import DatabaseFacts

GOOD_DATABASE = DatabaseFacts(
    "postgresql", "15.4", host="db.example.org", role="ullage_serve", is_encrypted=True, verifies_server=True
)
GOOD_SERVICE = ServiceFacts(
    is_https=True,
    is_loopback=False,
    status_without_credentials=401,
    statuses_of_forgeries={"an unsigned token": 401},
    worst_status=404,
)
GOOD = Deployment(
    settings=Settings(auth="tokens", asker_requests_per_second=100.0, asker_requests_at_once=10),
    database=GOOD_DATABASE,
    service=GOOD_SERVICE,
    files=(FileFacts("configuration", "/etc/ullage.toml", 0o600, 0o755),),
)


def chosen(**options: Any) -> Deployment:
    return replace(GOOD, settings=replace(GOOD.settings, **options))


def on_database(**facts: Any) -> Deployment:
    return replace(GOOD, database=replace(GOOD_DATABASE, **facts))


def served(**facts: Any) -> Deployment:
    return replace(GOOD, service=replace(GOOD_SERVICE, **facts))


def holding(mode: int, folder_mode: int = 0o755) -> Deployment:
    return replace(GOOD, files=(FileFacts("key", "key.pem", mode, folder_mode),))


LOW, MEDIUM, HIGH, CRITICAL = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL
BAD: list[tuple[str, Severity, Deployment]] = [
    ("database-role", CRITICAL, on_database(is_superuser=True)),
    ("database-role", HIGH, on_database(powers=("CREATEROLE",))),
    ("database-role", MEDIUM, on_database(may_change_schema=True)),
    ("database-role", MEDIUM, replace(GOOD, database=None)),
    ("error-answers", HIGH, served(leaks=("Traceback",))),
    ("error-answers", MEDIUM, served(worst_status=500)),
    ("log-level", MEDIUM, chosen(log_level="error")),
    ("log-level", LOW, chosen(log_level="debug")),
    ("body-limits", MEDIUM, chosen(body_bytes_max=2**30)),
    ("body-limits", MEDIUM, chosen(body_seconds_max=3600.0)),
    ("durability", HIGH, on_database(weak_settings={"fsync": "off"})),
    ("ledger", HIGH, on_database(schema_problem="The database holds no ledger")),
    ("ledger", CRITICAL, on_database(breaches=1)),
    ("audit-trail", HIGH, chosen(audit=False)),
    ("audit-trail", CRITICAL, on_database(audit_faults=1)),
    ("audit-trail", MEDIUM, on_database(may_rewrite_audit=True)),
    ("auth-schemes", CRITICAL, chosen(auth="noauth2", host="0.0.0.0", noauth2_anywhere=True)),
    ("auth-schemes", MEDIUM, chosen(auth="noauth2")),
    ("forged-credentials", CRITICAL, served(status_without_credentials=200)),
    ("forged-credentials", CRITICAL, served(statuses_of_forgeries={"an unsigned token": 200})),
    ("forged-credentials", HIGH, served(statuses_of_forgeries={"a bare name": 200}, is_loopback=True)),
    ("policy", CRITICAL, replace(GOOD, opened_rules=("placement:allocations:update",))),
    ("policy", HIGH, replace(GOOD, opened_rules=("placement:usages",))),
    ("policy", HIGH, replace(GOOD, widened_rules=("placement:allocations:update",))),
    ("policy", LOW, replace(GOOD, widened_rules=("placement:traits:list",))),
    ("policy", HIGH, replace(GOOD, policy_problem="option policy_file: it has no sense.")),
    ("policy", MEDIUM, chosen(enforce_scope=False)),
    ("policy", MEDIUM, chosen(enforce_new_defaults=False)),
    ("cors-origins", MEDIUM, chosen(cors_origins=("*",))),
    ("cors-origins", LOW, chosen(cors_origins=("http://dashboard.example.org",))),
    ("file-modes", CRITICAL, holding(0o666)),
    ("file-modes", CRITICAL, holding(0o600, 0o777)),
    ("file-modes", HIGH, holding(0o644)),
    ("file-modes", LOW, holding(0o660)),
    ("command-line", HIGH, replace(GOOD, has_password_in_command=True)),
    ("libraries", MEDIUM, replace(GOOD, misfits=("granian 1.0",))),
    ("asker-bounds", LOW, chosen(asker_requests_at_once=0)),
    ("work-bounds", MEDIUM, chosen(search_work_max=1_000_000_000)),
    ("served-tls", HIGH, chosen(host="0.0.0.0")),
    ("served-tls", HIGH, served(is_https=False)),
    ("database-tls", HIGH, on_database(is_encrypted=False)),
    ("database-tls", MEDIUM, on_database(verifies_server=False)),
]


def worst(name: str, deployment: Deployment) -> Severity:
    said = [each for each in checks.reviewed(deployment).observations if each.check == name]
    assert said
    assert all(each.remedy for each in said if each.severity is not Severity.INFO)
    return max(each.severity for each in said)


@pytest.mark.parametrize(("name", "severity", "bad"), BAD)
def test_a_bad_deployment_is_caught(name: str, severity: Severity, bad: Deployment) -> None:
    assert worst(name, bad) is severity


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.name)
def test_a_good_deployment_has_no_fault(check: Check) -> None:
    assert worst(check.name, GOOD) is Severity.INFO


def test_every_check_has_a_bad_deployment_and_every_area_a_check() -> None:
    tested = {name for name, _, _ in BAD} | {"log-redaction"}
    assert {check.name for check in checks.CHECKS} == tested
    assert {check.area for check in checks.CHECKS} == set(Area)


def test_a_formatter_that_lets_secrets_through_is_caught() -> None:
    class Leaky(checks.LogRedaction):
        formatter = logging.Formatter()

    said = list(Leaky().look(GOOD))
    assert [severity for severity, _, _ in said] == [HIGH, HIGH]


def test_a_file_in_a_private_folder_is_private() -> None:
    assert worst("file-modes", holding(0o644, 0o700)) is Severity.INFO
