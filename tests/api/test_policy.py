"""Rules, an operator's file of them, and what is remembered."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from serving import free_port

from ullage.api import policy
from ullage.api.http import Identity, WouldWait
from ullage.api.policy import DECISIONS_MAX, LOOK_SECONDS, Policy, Target, own
from ullage.model.errors import NotPermitted
from ullage.settings import Settings, SettingsError

ADMIN = Identity("a", "p", frozenset({"admin"}))
MEMBER = Identity("m", "p", frozenset({"member"}))
SYSTEM = Identity("a", None, frozenset({"admin"}), system_scope=True)
LIST = "placement:traits:list"


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def write(path: Path, text: str) -> None:
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    os.utime(path, ns=(before + 10**9, before + 10**9))


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ("@", True),
        ("!", False),
        ("role:member and not role:admin", True),
        ("rule:admin_or_service_api or user_id:m", True),
        ("project_id:%(project_id)s", True),
        ("user_id:%(user_id)s and role:reader", False),
        ("rule:mine", True),
    ],
)
def test_an_operators_rule_replaces_the_default(tmp_path: Path, check: str, expected: bool) -> None:
    file = tmp_path / "policy.yaml"
    write(file, f'"mine": "role:member"\n"{LIST}": "{check}"\n')
    rules = Policy(Settings(policy_file=str(file)))
    assert rules.allows(LIST, MEMBER, own(MEMBER)) is expected
    assert rules.allows("placement:traits:show", MEMBER, own(MEMBER)) is False
    assert rules.allows("placement:traits:show", ADMIN, own(ADMIN)) is True


def test_a_base_rule_that_is_replaced_counts_wherever_it_is_used(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    write(file, '"admin_or_service_api": "role:member"\n')
    rules = Policy(Settings(policy_file=str(file)))
    assert rules.allows(LIST, MEMBER, own(MEMBER))
    assert not rules.allows(LIST, ADMIN, own(ADMIN))


def test_a_changed_file_counts_after_a_while_and_a_broken_one_does_not(tmp_path: Path) -> None:
    file, clock = tmp_path / "policy.yaml", Clock()
    write(file, f'"{LIST}": "@"\n')
    rules = Policy(Settings(policy_file=str(file)), clock)
    assert rules.allows(LIST, MEMBER, own(MEMBER))
    write(file, f'"{LIST}": "!"\n')
    assert rules.allows(LIST, MEMBER, own(MEMBER)), "the file is not looked at for each request"
    clock.now += LOOK_SECONDS
    assert not rules.allows(LIST, MEMBER, own(MEMBER))
    write(file, '"a": [')
    clock.now += LOOK_SECONDS
    assert not rules.allows(LIST, MEMBER, own(MEMBER))
    write(file, "{}\n")
    clock.now += LOOK_SECONDS
    assert rules.allows(LIST, ADMIN, own(ADMIN))
    file.unlink()
    clock.now += LOOK_SECONDS
    assert rules.allows(LIST, ADMIN, own(ADMIN))


def test_a_file_without_sense_or_that_is_missing_is_refused_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    with pytest.raises(SettingsError, match="policy_file"):
        Policy(Settings(policy_file=str(file)))
    write(file, '"a": [')
    with pytest.raises(SettingsError, match="is not accepted"):
        Policy(Settings(policy_file=str(file)))


def test_a_file_that_is_there_and_cannot_be_read_is_refused_too(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"policy_file: .* cannot be read: Is a directory"):
        Policy(Settings(policy_file=str(tmp_path)))


def test_a_file_that_can_no_longer_be_read_leaves_the_rules_in_force(tmp_path: Path) -> None:
    file, clock = tmp_path / "policy.yaml", Clock()
    write(file, f'"{LIST}": "!"')
    rules = Policy(Settings(policy_file=str(file)), clock)
    file.unlink()
    file.mkdir()
    clock.now += LOOK_SECONDS
    assert not rules.allows(LIST, ADMIN, own(ADMIN))


def test_a_file_without_sense_is_told_before_any_worker_starts(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ullage", "serve", "--port", str(free_port())]
    command += ["--database", f"sqlite:///{tmp_path}/x.db", "--policy-file", str(tmp_path / "none.yaml")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode != 0
    assert "option policy_file" in ended.stderr


def test_a_question_is_decided_once_and_not_too_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    decided: list[str] = []
    decide = policy._decide

    def counted(enforcer: Any, rule: str, identity: Identity, target: Target) -> bool:
        decided.append(rule)
        return decide(enforcer, rule, identity, target)

    monkeypatch.setattr(policy, "_decide", counted)
    rules = Policy(Settings())
    for _ in range(3):
        rules.require(LIST, ADMIN, own(ADMIN))
    assert decided == [LIST]
    for number in range(DECISIONS_MAX + 10):
        rules.allows("placement:usages", MEMBER, (str(number), "u"))
    assert len(rules._rules.decisions) <= DECISIONS_MAX


def test_a_rule_that_asks_another_service_is_neither_asked_in_the_loop_nor_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "policy.yaml"
    write(file, f'"{LIST}": "http://127.0.0.1:1/"\n')
    rules = Policy(Settings(policy_file=str(file)))
    answers = iter([True, False])
    monkeypatch.setattr(policy, "_decide", lambda *said: next(answers))
    with pytest.raises(WouldWait):
        rules.require(LIST, ADMIN, own(ADMIN), may_wait=False)
    assert rules.allows(LIST, ADMIN, own(ADMIN))
    assert not rules.allows(LIST, ADMIN, own(ADMIN))


def test_tokens_of_the_system_are_refused_unless_scope_is_not_enforced() -> None:
    with pytest.raises(NotPermitted):
        Policy(Settings()).require(LIST, SYSTEM, own(SYSTEM))
    Policy(Settings(enforce_scope=False)).require(LIST, SYSTEM, own(SYSTEM))


def test_only_who_may_do_it_to_others_is_not_confined(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    write(file, f'"{LIST}": "role:admin or project_id:%(project_id)s"\n')
    rules = Policy(Settings(policy_file=str(file)))
    assert rules.confinement(LIST, ADMIN) is None
    confined = rules.confinement(LIST, MEMBER)
    assert confined is not None
    assert confined.permits("p", "x")
    assert not confined.permits("q", "m")


@pytest.mark.parametrize("project", [None, "None"])
def test_who_has_no_project_is_not_of_the_project_none(tmp_path: Path, project: str | None) -> None:
    file = tmp_path / "policy.yaml"
    write(file, f'"{LIST}": "project_id:%(project_id)s"\n')
    rules = Policy(Settings(policy_file=str(file), enforce_scope=False))
    assert not rules.allows(LIST, SYSTEM, (project, None))
