"""`ullage policy show`, and the examples of the page on policy."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cli.running import Service, ullage
from ullage.api.http import Identity
from ullage.api.policy import Policy
from ullage.api.policy_rules import BASE, RULES
from ullage.api.routes import ROUTES
from ullage.settings import Settings

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "operating" / "policy.md").read_text()
EXAMPLES = dict(re.findall(r"### (.+?)\n\n(```yaml\n.*?\|\n)\n", PAGE, flags=re.DOTALL))


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "policy.yaml"
    path.write_text('"see": "role:reader"\n"placement:traits:list": "rule:see"\n')
    return str(path)


def test_every_rule_is_shown_with_what_it_replaces_and_who_asks_it(file: str) -> None:
    done = ullage("policy", "show", "--json", ULLAGE_POLICY_FILE=file)
    assert (done.returncode, done.stderr) == (0, "")
    shown = {each["name"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert list(shown) == [*RULES, *BASE, "see"]
    assert sorted(route for each in shown.values() for route in each["routes"]) == sorted(
        f"{route.method} {route.path}" for route in ROUTES
    )
    assert shown["placement:traits:list"] == {
        "name": "placement:traits:list",
        "check": "rule:see",
        "default": "rule:admin_or_service_api",
        "is_in_file": True,
        "routes": ["GET /traits"],
    }
    assert (shown["see"]["check"], shown["see"]["default"]) == ("role:reader", None)
    assert shown["placement:traits:show"]["check"] == shown["placement:traits:show"]["default"]


def test_it_is_shown_for_reading_too(file: str) -> None:
    done = ullage("policy", "show", "--policy-file", file, "--rule", "placement:traits:list")
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines == [
        "placement:traits:list",
        "in force:  rule:see",
        "replaces:  rule:admin_or_service_api",
        "asked by:  GET /traits",
    ]
    assert "only in the file" in ullage("policy", "show", "--policy-file", file, "--rule", "see").stdout


def test_former_defaults_are_shown_where_they_are_in_force() -> None:
    now = ullage("policy", "show", "--rule", "service_api").stdout
    former = ullage("policy", "show", "--rule", "service_api", "--no-enforce-new-defaults").stdout
    assert "role:admin" in former
    assert "role:admin" not in now


def test_what_is_odd_about_a_file_is_said_and_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text('"placement:trait:list": "role;admin"\n')
    done = ullage("policy", "show", "--policy-file", str(path))
    assert done.returncode == 1
    assert done.stderr.startswith("ullage: policy_file: rule 'placement:trait:list' is unknown")
    assert "Traceback" not in done.stderr


def test_the_service_starts_and_says_once_what_is_odd(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text('"placement:trait:list": "@"\n')
    with Service(f"sqlite:///{tmp_path}/u.db", "--policy-file", str(path)) as service:
        _, told = service.stop()
    assert told.count("policy_file: rule 'placement:trait:list' is unknown") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--policy-file", "/nowhere/policy.yaml"), "cannot be read"),
        (("--rule", "placement:nothing"), "there is no rule 'placement:nothing'"),
    ],
)
def test_what_cannot_be_shown_is_named(arguments: tuple[str, ...], said: str) -> None:
    done = ullage("policy", "show", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) == PAGE.count("```yaml") == 4


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=list(EXAMPLES))
def test_an_example_says_what_its_table_says(tmp_path: Path, example: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(example.partition("```yaml\n")[2].partition("```")[0])
    policy = Policy(Settings(policy_file=str(path)))
    assert not policy.faults
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in example.splitlines() if "placement:" in line
    ]
    rows = [row for row in rows if len(row) == 6]
    assert rows
    for roles, user, project, rule, about, answer in rows:
        asker = Identity(user, project, frozenset({roles} - {"none"}))
        assert policy.allows(rule, asker, (about, "anybody")) is (answer == "yes"), (roles, user, rule, about)
