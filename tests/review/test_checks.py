"""Each check finds its fault on a bad deployment, and none on a good one."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ullage.review import checks, versions
from ullage.review.check import Check
from ullage.review.deployment import CertificateFacts, Deployment, FileFacts, ServiceFacts, TokenFacts
from ullage.review.processes import ListenerFacts
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
    newest_version="1.39",
)
GOOD = Deployment(
    settings=Settings(auth="tokens", asker_requests_per_second=100.0, asker_requests_at_once=10),
    database=GOOD_DATABASE,
    service=GOOD_SERVICE,
    files=(FileFacts("configuration", "/etc/ullage.toml", 0o600, 0o755),),
    certificates=(CertificateFacts("tls_certificate", "CN=ullage", days_left=50, life_days=90),),
    tokens=(TokenFacts(1, is_admin=True, life_days=90, days_left=10),),
    today=date(2026, 11, 24),
)


def chosen(**options: Any) -> Deployment:
    return replace(GOOD, settings=replace(GOOD.settings, **options))


def on_database(**facts: Any) -> Deployment:
    return replace(GOOD, database=replace(GOOD_DATABASE, **facts))


def served(**facts: Any) -> Deployment:
    return replace(GOOD, service=replace(GOOD_SERVICE, **facts))


def holding(mode: int, folder_mode: int = 0o755, *, is_secret: bool = True) -> Deployment:
    return replace(GOOD, files=(FileFacts("key", "key.pem", mode, folder_mode, is_secret),))


def with_file(**facts: Any) -> Deployment:
    return replace(GOOD, files=(*GOOD.files, replace(GOOD.files[0], **facts)))


def certified(**facts: Any) -> Deployment:
    return replace(GOOD, certificates=(*GOOD.certificates, replace(GOOD.certificates[0], **facts)))


def listening(**facts: Any) -> Deployment:
    return replace(GOOD, listener=replace(ListenerFacts(("127.0.0.1",), is_root=False), **facts))


def with_token(**facts: Any) -> Deployment:
    token = TokenFacts(2, is_admin=False, life_days=90, days_left=10)
    return replace(GOOD, tokens=(token, replace(token, **facts)))


def believing(scheme: str, **options: Any) -> Deployment:
    keystone = {"keystone_url": "https://keystone", "keystone_user": "ullage", "keystone_password": "secret"}
    issuer = {"oidc_issuer": "https://issuer", "oidc_audience": "ullage", "oidc_roles": ("ullage-admins=admin",)}
    proxies = {"certificates_file": str(SUBJECTS), "certificates_proxies": ("192.0.2.7",)}
    return chosen(**{"auth": scheme, **keystone, **issuer, **proxies, **options})


SUBJECTS = Path(__file__).parents[2] / "examples" / "certificates.toml"
LOW, MEDIUM, HIGH, CRITICAL = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL
BAD: list[tuple[str, Severity, Deployment]] = [
    ("database-role", CRITICAL, on_database(is_superuser=True)),
    ("database-role", HIGH, on_database(powers=("CREATEROLE",))),
    ("database-role", MEDIUM, on_database(may_change_schema=True)),
    ("database-role", MEDIUM, on_database(excess=("INSERT on tokens",))),
    ("database-role", MEDIUM, replace(GOOD, database=None)),
    ("database-password", HIGH, on_database(takes_any_password=True)),
    ("database-password", MEDIUM, on_database(is_password_weak=True)),
    ("database-bounds", MEDIUM, on_database(limits_off=("statement_timeout",))),
    ("database-bounds", MEDIUM, on_database(connections_max=17)),
    ("error-answers", HIGH, served(leaks=("Traceback",))),
    ("error-answers", MEDIUM, served(worst_status=500)),
    ("log-level", MEDIUM, chosen(log_level="error")),
    ("log-level", LOW, chosen(log_level="debug")),
    ("log-level", LOW, chosen(audit_log_values=True)),
    ("body-limits", MEDIUM, chosen(body_bytes_max=2**30)),
    ("body-limits", MEDIUM, chosen(body_seconds_max=3600.0)),
    ("durability", HIGH, replace(GOOD, filesystem="tmpfs")),
    ("durability", HIGH, replace(GOOD, filesystem="nfs4")),
    ("durability", HIGH, on_database(weak_settings={"fsync": "off"})),
    ("ledger", HIGH, on_database(schema_problem="The database holds no ledger")),
    ("ledger", CRITICAL, on_database(breaches=1)),
    ("audit-trail", HIGH, chosen(audit=False)),
    ("audit-trail", CRITICAL, on_database(audit_faults=1)),
    ("audit-trail", MEDIUM, chosen(log_level="warning")),
    ("audit-trail", MEDIUM, on_database(may_rewrite_audit=True)),
    ("auth-schemes", CRITICAL, chosen(auth="noauth2", host="0.0.0.0", noauth2_anywhere=True)),
    ("auth-schemes", MEDIUM, chosen(auth="noauth2")),
    ("auth-schemes", LOW, chosen(noauth2_anywhere=True)),
    ("client-certificates", HIGH, believing("certificates", certificates_proxies=("192.0.2.0/23",))),
    ("client-certificates", HIGH, believing("certificates", certificates_proxies=("2001:db8::/64",))),
    ("client-certificates", LOW, believing("certificates", certificates_proxies=("127.0.0.1",))),
    ("forged-credentials", CRITICAL, served(status_without_credentials=200)),
    ("forged-credentials", CRITICAL, served(statuses_of_forgeries={"an unsigned token": 200})),
    ("forged-credentials", HIGH, served(statuses_of_forgeries={"a bare name": 200}, is_loopback=True)),
    ("forged-credentials", MEDIUM, served(status_without_credentials=502)),
    ("cors-origins", MEDIUM, served(admits_any_origin=True)),
    ("cors-origins", HIGH, served(admits_any_origin=True, admits_credentials=True)),
    ("served-version", MEDIUM, served(newest_version="1.36")),
    ("served-version", MEDIUM, served(newest_version="")),
    ("served-version", LOW, served(names_program="nginx/1.22.1")),
    ("served-tls", HIGH, served(former_tls=("TLS 1.1",))),
    ("process", MEDIUM, listening(is_root=True)),
    ("process", LOW, listening(may_dump=True)),
    ("process", MEDIUM, listening(is_replaced=True)),
    ("process", HIGH, listening(addresses=("0.0.0.0",))),
    ("served-tls", HIGH, listening(addresses=("::",))),
    ("python-version", HIGH, replace(GOOD, versions={"Python": "3.11.7"}, today=date(2027, 11, 12))),
    ("python-version", LOW, replace(GOOD, versions={"Python": "3.11.7"}, today=date(2027, 10, 1))),
    ("certificates", MEDIUM, certified(signs_itself=True)),
    ("certificates", MEDIUM, certified(has_names=False)),
    ("policy", CRITICAL, replace(GOOD, opened_rules=("placement:allocations:update",))),
    ("policy", HIGH, replace(GOOD, opened_rules=("placement:usages",))),
    ("policy", HIGH, replace(GOOD, widened_rules=("placement:allocations:update",))),
    ("policy", LOW, replace(GOOD, widened_rules=("placement:traits:list",))),
    ("policy", MEDIUM, replace(GOOD, widened_rules=("placement:usages",))),
    ("policy", HIGH, replace(GOOD, roleless_rules=("placement:allocations:update",))),
    ("policy", LOW, replace(GOOD, roleless_rules=("placement:usages",))),
    ("policy", HIGH, replace(GOOD, reader_rules=("placement:allocations:update",))),
    ("policy", LOW, replace(GOOD, member_rules=("placement:allocations:update",))),
    ("policy", MEDIUM, replace(GOOD, plainly_asked_rules=("placement:usages",))),
    ("policy", HIGH, replace(GOOD, policy_problem="option policy_file: it has no sense.")),
    ("policy", MEDIUM, replace(GOOD, policy_faults=("rule 'a' is unknown",))),
    ("policy", MEDIUM, chosen(enforce_scope=False)),
    ("policy", MEDIUM, chosen(enforce_new_defaults=False)),
    ("cors-origins", MEDIUM, chosen(cors_origins=("*",))),
    ("cors-origins", LOW, chosen(cors_origins=("http://dashboard.example.org",))),
    ("file-modes", CRITICAL, holding(0o666)),
    ("file-modes", CRITICAL, with_file(open_folders=("/srv",))),
    ("file-modes", MEDIUM, with_file(kind="database", folder_mode=0o1777)),
    ("file-modes", MEDIUM, holding(0o644, 0o700)),
    ("file-modes", MEDIUM, holding(0o646, 0o700, is_secret=False)),
    ("file-modes", LOW, holding(0o640)),
    ("file-modes", LOW, holding(0o600, 0o770)),
    ("file-modes", LOW, replace(GOOD, files=(replace(GOOD.files[0], owner="a"), replace(GOOD.files[0], owner="b")))),
    ("file-modes", HIGH, holding(0o644)),
    ("file-modes", LOW, holding(0o660)),
    ("file-modes", CRITICAL, holding(0o646, is_secret=False)),
    ("file-modes", LOW, holding(0o664, is_secret=False)),
    ("api-tokens", MEDIUM, with_token(is_admin=True, life_days=3650)),
    ("api-tokens", LOW, with_token(life_days=3650)),
    ("api-tokens", LOW, chosen(token_seconds_max=300.0)),
    ("oidc", MEDIUM, believing("oidc", oidc_leeway_seconds=300.0)),
    ("oidc", MEDIUM, believing("oidc", oidc_keys_seconds=86400.0)),
    ("oidc", LOW, believing("oidc", oidc_roles=())),
    ("oidc", HIGH, believing("oidc", oidc_audience="account")),
    ("oidc", LOW, believing("oidc", oidc_user_claim="email")),
    ("keystone", MEDIUM, believing("keystone", keystone_service_roles=("service", "member"))),
    ("api-tokens", MEDIUM, replace(GOOD, tokens=(TokenFacts(1, is_admin=True, life_days=90, days_left=10),) * 6)),
    ("keystone", MEDIUM, believing("tokens,keystone", keystone_cache_seconds=3600.0)),
    ("keystone", MEDIUM, believing("keystone", keystone_user="admin")),
    ("database-version", HIGH, on_database(kind="mariadb", version="11.3.2")),
    ("database-version", LOW, replace(GOOD, today=date(2027, 10, 1))),
    ("database-version", HIGH, replace(GOOD, today=date(2027, 11, 12))),
    ("certificates", HIGH, certified(days_left=-1.5)),
    ("certificates", MEDIUM, certified(days_left=13.0)),
    ("certificates", HIGH, certified(problem="it cannot be read")),
    ("certificates", HIGH, certified(weakness="a key of 1024 bits")),
    ("command-line", HIGH, replace(GOOD, secrets_in_commands=("process 7, a password",))),
    ("libraries", MEDIUM, replace(GOOD, misfits=("granian 1.0",))),
    ("asker-bounds", MEDIUM, chosen(asker_requests_at_once=0)),
    ("asker-bounds", LOW, replace(chosen(asker_requests_at_once=0), service=None)),
    ("asker-bounds", MEDIUM, chosen(asker_requests_per_second=1_000_000.0)),
    ("asker-bounds", MEDIUM, chosen(asker_requests_burst=1_000_000)),
    ("work-bounds", MEDIUM, chosen(bodies_bytes_max=2**40)),
    ("work-bounds", MEDIUM, chosen(connections_max=100_000)),
    ("work-bounds", MEDIUM, chosen(search_work_max=1_000_000_000)),
    ("served-tls", HIGH, chosen(host="0.0.0.0")),
    ("served-tls", HIGH, served(is_https=False)),
    ("served-tls", MEDIUM, served(distrust="certificate has expired")),
    ("database-tls", HIGH, on_database(is_encrypted=False)),
    ("database-tls", HIGH, replace(chosen(database="mysql://u:p@db.example.org/name?tls=off"), database=None)),
    ("database-tls", HIGH, replace(chosen(database="postgresql://db/name?sslmode=require"), database=None)),
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


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1/name?tls=off", "mysql://db/name", "sqlite:///ullage.db"])
def test_an_address_that_asks_for_no_less_than_it_should_has_no_fault(url: str) -> None:
    assert worst("database-tls", replace(chosen(database=url), database=None)) is Severity.INFO


def test_a_file_that_could_not_be_looked_at_is_named_and_no_fault() -> None:
    assert worst("file-modes", with_file(is_seen=False, mode=0o666)) is Severity.INFO


def test_a_file_without_secrets_may_be_read() -> None:
    assert worst("file-modes", holding(0o644, is_secret=False)) is Severity.INFO


@pytest.mark.parametrize("scheme", ["oidc", "keystone", "keystone,oidc"])
def test_a_sound_choice_of_who_is_believed_has_no_fault(scheme: str) -> None:
    good = believing(scheme)
    assert {worst(name, good) for name in ("oidc", "keystone", "api-tokens")} == {Severity.INFO}


def test_a_certificate_that_is_made_anew_every_few_days_is_well() -> None:
    assert worst("certificates", certified(days_left=4.0, life_days=6.0)) is Severity.INFO
    assert worst("certificates", certified(days_left=1.0, life_days=6.0)) is MEDIUM


def test_a_token_that_has_ended_harms_nobody() -> None:
    assert worst("api-tokens", with_token(life_days=3650, days_left=-1)) is Severity.INFO


@pytest.mark.parametrize("version", ["18.1", "19.0", "10.11.6"])
def test_a_version_that_is_mended_or_newer_than_the_table_has_no_fault(version: str) -> None:
    kind = "mariadb" if version.startswith("10.") else "postgresql"
    assert worst("database-version", on_database(kind=kind, version=version)) is Severity.INFO


def test_the_table_of_versions_holds_all_that_are_served_and_does_not_grow_old_unseen() -> None:
    assert min(map(int, versions.ENDS["postgresql"])) == 15
    assert min(tuple(map(int, each.split("."))) for each in versions.ENDS["mariadb"]) == (10, 11)
    assert all(max(ends.values()) > versions.TABLE_OF for ends in versions.ENDS.values())
