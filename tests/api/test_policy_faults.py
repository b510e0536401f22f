"""What cannot be meant in an operator's file of rules is told."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from access import EXAMPLE

from ullage.api.policy import LOOK_SECONDS, Policy
from ullage.settings import Settings, SettingsError

LIST = "placement:traits:list"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('"placement:trait:list": "@"', ["rule 'placement:trait:list' is unknown"]),
        ('"placement": "role:admin"', ["rule 'placement' is a former one"]),
        ('"system_reader_api": "@"', ["rule 'system_reader_api' is a former one"]),
        (f'"system_reader_api": "@"\n"{LIST}": "not (rule:system_reader_api or role:a)"', []),
        ('"mine": "@"', ["rule 'mine' is asked by no route and no other rule"]),
        (f'"{LIST}": "role:a or (role:b and not rule:gone)"', [f"rule '{LIST}' refers to 'gone', which there is not"]),
        (f'"{LIST}": "rule:gone"\n"default": "!"', []),
        (f'"{LIST}": "role;a"', [f"rule '{LIST}' cannot be read"]),
        (f'"{LIST}": "role:a and b"', [f"rule '{LIST}' cannot be read"]),
        (f'"{LIST}": "!"\n"admin_api": "role:a or !"', []),
        (f'"{LIST}": ""\n"placement:traits:show": "not role:a"\n', []),
        ("", []),
        (EXAMPLE.read_text(), []),
    ],
)
def test_each_fault_is_named(tmp_path: Path, text: str, told: list[str]) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    found = Policy(Settings(policy_file=str(file))).faults
    assert len(found) == len(told)
    assert all(each.startswith(begins) for each, begins in zip(found, told, strict=True)), found


def test_without_a_file_nothing_is_odd() -> None:
    assert not Policy(Settings()).faults


@pytest.mark.parametrize(
    ("text", "members"),
    [
        (f'"{LIST}": "rule:{LIST}"', [LIST]),
        (f'"{LIST}": "role:a or rule:b"\n"b": "not rule:c"\n"c": "rule:d and rule:b"\n"d": "@"', ["b", "c"]),
        ('"service_api": "rule:admin_api"\n"admin_api": "rule:service_api"', ["admin_api", "service_api"]),
    ],
)
def test_rules_in_a_circle_are_refused(tmp_path: Path, text: str, members: list[str]) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match="policy_file: rules refer to each other in a circle: ") as refusal:
        Policy(Settings(policy_file=str(file)))
    assert sorted(str(refusal.value).removesuffix(".").rpartition("circle: ")[2].split(", ")) == members


def test_rules_that_two_others_refer_to_are_no_circle(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(f'"a": "role:x"\n"b": "rule:a"\n"c": "rule:a and rule:b"\n"{LIST}": "rule:b or rule:c"\n')
    assert not Policy(Settings(policy_file=str(file))).faults


def test_faults_of_a_new_file_are_logged_in_words_of_ours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("ullage"), "propagate", True)
    file, now = tmp_path / "policy.yaml", [0.0]
    file.write_text("{}")
    policy = Policy(Settings(policy_file=str(file)), lambda: now[0])
    file.write_text(f'"placement:trait:list": "role;admin"\n"{LIST}": "rule:gone"')
    now[0] += LOOK_SECONDS
    policy._look()
    told = [record.getMessage() for record in caplog.records]
    assert len([line for line in told if line.startswith("policy_file: rule ")]) == 3
    assert {record.name for record in caplog.records} == {"ullage.api.policy"}
    assert not [record for record in caplog.records if record.exc_info]
