"""`ullage review` as it is run, on deployments that are really there."""

from __future__ import annotations

import json
import sqlite3
from importlib import metadata
from pathlib import Path

import pytest
import servers
from cli.running import Service, ullage
from database_roles import PASSWORD, two_roles

from ullage.cli.review import review
from ullage.review.formats import FORMATS
from ullage.review.gather import deployment
from ullage.review.report import Area, Observation, Report, Severity
from ullage.settings import Settings
from ullage.storage.privileges import facts


def status(settings: Settings, fail_on: str = "medium") -> int:
    """The exit status of a review in this process."""
    return review(settings, None, None, "text", fail_on)[1]


SAMPLE = Report.of(
    [
        Observation("one", Area.ACCESS, Severity.HIGH, "Bad | worse.", "Mend it."),
        Observation("two", Area.ACCESS, Severity.CRITICAL, "Worst.", "At once."),
        Observation("three", Area.INJECTION, Severity.INFO, "Well."),
    ]
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ullage.db"
    assert ullage("db", "upgrade", "--database", f"sqlite:///{path}").returncode == 0
    return path


def test_a_report_is_in_order_and_has_a_verdict() -> None:
    assert [each.check for each in SAMPLE.observations] == ["three", "two", "one"]
    assert SAMPLE.verdict == "Faults found: 1 critical, 1 high."
    assert Report.of([]).verdict == "No fault found."


def test_every_format_names_every_observation() -> None:
    for name, write in FORMATS.items():
        assert not [each.check for each in SAMPLE.observations if each.check not in write(SAMPLE)], name
    assert "Bad \\| worse." in FORMATS["md"](SAMPLE)
    run = json.loads(FORMATS["sarif"](SAMPLE))["runs"][0]
    assert [each["level"] for each in run["results"]] == ["none", "error", "error"]
    assert {each["ruleId"] for each in run["results"]} == {each["id"] for each in run["tool"]["driver"]["rules"]}


def test_the_exit_status_is_that_of_the_worst_fault(file: Path) -> None:
    url = f"sqlite:///{file}"
    assert status(Settings(database=url)) == 0
    assert status(Settings(database=url, auth="noauth2")) == 12
    assert status(Settings(database=url, auth="noauth2"), fail_on="high") == 0
    file.chmod(0o666)
    file.parent.chmod(0o755)
    assert status(Settings(database=url)) == 14
    assert ullage("review", "--database", url).returncode == 14
    assert ullage("review", "--database", url, "--format", "html").returncode == 1


def test_a_running_service_is_asked_and_nothing_is_changed(file: Path) -> None:
    with Service(f"sqlite:///{file}") as service:
        before = file.read_bytes()
        done = ullage("review", "--database", f"sqlite:///{file}", "--url", service.url, "--format", "json")
        assert file.read_bytes() == before
    areas = json.loads(done.stdout)["areas"]
    assert [each["area"] for each in areas] == [area.value for area in Area]
    said = {each["check"]: each["severity"] for area in areas for each in area["observations"]}
    assert said["forged-credentials"] == "high"
    assert said["error-answers"] == "info"


def test_a_tampered_audit_trail_is_caught(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE audit SET hash = 'forged'")
    connection.close()
    done = ullage("review", "--database", f"sqlite:///{file}")
    assert done.returncode == 14
    assert "The audit trail is not whole" in done.stdout


def test_a_service_that_is_not_there_is_a_trouble(file: Path) -> None:
    done = ullage("review", "--database", f"sqlite:///{file}", "--url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    found = deployment(Settings(database=f"sqlite:///{tmp_path}/none.db"), None, None)
    assert (found.database, found.tokens) == (None, None)
    assert not list(tmp_path.iterdir())


@pytest.mark.databases("postgresql", "mariadb")
def test_the_role_is_told_from_the_owner_and_the_superuser(database_server: servers.Server) -> None:
    with two_roles(database_server) as roles:
        found = {name: facts(url) for name, url in vars(roles).items()}
        serve, upgrade, root = found["serve_url"], found["upgrade_url"], found["superuser_url"]
        assert (serve.is_superuser, serve.powers, serve.may_change_schema, serve.schema_problem) == (
            False,
            (),
            False,
            "",
        )
        assert (upgrade.is_superuser, upgrade.powers, upgrade.may_change_schema) == (False, (), True)
        assert root.is_superuser
        assert serve.weak_settings
        done = ullage("review", ULLAGE_DATABASE=roles.superuser_url)
        assert done.returncode == 14
        shown = ullage("review", ULLAGE_DATABASE=roles.serve_url)
        assert PASSWORD not in shown.stdout + shown.stderr


RULES = """
"placement:traits:list": "@"
"placement:traits:show": ""
"placement:allocations:list": "role:member"
"placement:allocations:update": "role:reader and project_id:%(project_id)s"
"placement:allocations:delete": "project_id:%(project_id)s"
"placement:allocations:manage": "role:member and project_id:%(project_id)s"
"placement:usages": "role:admin and http://policy.example.org/ask"
"""


def test_rules_that_let_in_more_are_found(file: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    settings = Settings(database=f"sqlite:///{file}", policy_file=str(policy))
    policy.write_text(RULES)
    found = deployment(settings, None, None)
    assert found.plainly_asked_rules == ("placement:usages",)
    policy.write_text(RULES.replace("http://policy.example.org/ask", "role:service"))  # else nobody is asked
    found = deployment(settings, None, None)
    assert set(found.opened_rules) == {"placement:traits:list", "placement:traits:show"}
    assert found.widened_rules == ("placement:allocations:list",)
    assert found.roleless_rules == ("placement:allocations:delete",)
    assert found.reader_rules == ("placement:allocations:update",)
    assert found.member_rules == ("placement:allocations:manage",)
    policy.write_text('"placement:trait:list": "!"')
    assert len(deployment(settings, None, None).policy_faults) == 1
    policy.write_text("- no rules")
    assert "policy_file" in deployment(settings, None, None).policy_problem
    policy.unlink()
    assert "cannot be read" in deployment(settings, None, None).policy_problem


def test_a_library_that_is_missing_too_old_or_too_new_is_found(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = metadata.version

    def version(name: str) -> str:
        if name.endswith("-not-there"):
            raise metadata.PackageNotFoundError(name)
        return {"granian": "1.0", "sqlalchemy": "99.0"}.get(name.lower()) or installed(name)

    needed = [*(metadata.requires("ullage") or ()), "falcon-not-there>=1", 'more-not-there>=1; extra == "more"']
    monkeypatch.setattr(metadata, "requires", lambda name: needed)
    monkeypatch.setattr(metadata, "version", version)
    found = deployment(Settings(database=f"sqlite:///{file}"), None, None)
    misfits = {each.lower() for each in found.misfits}
    assert misfits == {"granian 1.0", "sqlalchemy 99.0", "falcon-not-there is not installed"}


def test_a_policy_file_that_others_can_write_is_caught(file: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("{}")
    policy.chmod(0o646)
    tmp_path.chmod(0o755)
    arguments = ("review", "--database", f"sqlite:///{file}", "--policy-file", str(policy))
    assert f"The policy_file file {policy} can be changed by everybody." in ullage(*arguments).stdout
    policy.chmod(0o644)
    assert status(Settings(database=f"sqlite:///{file}", policy_file=str(policy))) == 0


def test_tokens_are_counted_and_no_secret_of_theirs_is_shown(file: Path) -> None:
    url = f"sqlite:///{file}"
    made = ullage("token", "create", "--user", "root", "--role", "admin", "--days", "3650", "--database", url)
    ullage("token", "create", "--user", "nova", "--role", "service", "--days", "90", "--database", url)
    found = deployment(Settings(database=url), None, None).tokens
    assert found is not None
    assert [(each.number, each.is_admin, each.life_days) for each in found] == [(1, True, 3650), (2, False, 90)]
    assert [each.days_left for each in found] == [3649, 89]
    done = ullage("review", "--database", url)
    assert "API token 1 of an admin holds for 3650 days." in done.stdout
    assert made.stdout.strip() not in done.stdout


def test_what_is_no_database_is_said_to_be_unreadable(tmp_path: Path) -> None:
    file = tmp_path / "spoilt.db"
    file.write_bytes(b"no database" * 100)
    found = deployment(Settings(database=f"sqlite:///{file}"), None, None)
    assert (found.database, found.tokens) == (None, None)
