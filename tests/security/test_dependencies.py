"""Licences, vulnerabilities and the list of parts."""

from __future__ import annotations

import importlib.metadata

import pytest

from security import dependencies, sbom

PARTS = [name for name in dependencies.names() if name not in dependencies.NOT_HERE]


@pytest.mark.parametrize("name", PARTS)
def test_every_part_has_a_licence_that_is_accepted(name: str) -> None:
    assert dependencies.refused(name) == []


def test_a_licence_that_is_not_accepted_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependencies, "licences", lambda name: ["MIT", "AGPL-3.0-only"])
    assert dependencies.refused("x") == ["AGPL-3.0-only"]


def test_what_was_not_looked_up_was_not_checked() -> None:
    sound = {"name": "a", "version": "1", "vulns": []}
    skipped = {"name": "b", "skip_reason": "not found"}
    bad = {"name": "c", "version": "2", "vulns": [{"id": "CVE-1"}]}
    assert dependencies.verdict(None) == ("not-checked", [])
    assert dependencies.verdict({"dependencies": []}) == ("not-checked", [])
    assert dependencies.verdict({"dependencies": [sound]}) == ("0", [])
    assert dependencies.verdict({"dependencies": [sound, skipped]}) == ("not-checked", [])
    assert dependencies.verdict({"dependencies": [skipped, bad]}) == ("1", ["c 2: CVE-1"])


def test_a_list_that_leaves_a_part_out_is_refused() -> None:
    whole = {"components": [{"name": name} for name in dependencies.names()]}
    assert sbom.missing(whole) == []
    as_they_say = {"components": [{"name": importlib.metadata.metadata(name)["Name"]} for name in PARTS]}
    assert sbom.missing(as_they_say) == []  # such as oslo.config, which the lock calls oslo-config
    assert "msgspec" in sbom.missing({"components": [{"name": "numpy"}]})
