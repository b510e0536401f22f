"""The unit and the configuration of the page on hardening are what the page says."""

from __future__ import annotations

import re
from pathlib import Path

from cli.running import ullage

from ullage.review.checks import reviewed
from ullage.review.deployment import Deployment
from ullage.review.report import Severity
from ullage.settings import OPTIONS, load

ROOT = Path(__file__).parents[2]
UNIT = (ROOT / "examples" / "ullage.service").read_text()
PAGE = (ROOT / "docs" / "security" / "hardening.md").read_text()


def said(name: str) -> str:
    """What the unit says last of a thing; fails if it says nothing."""
    return str(re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)[-1])


def test_the_unit_takes_from_the_process_what_the_page_says() -> None:
    assert {said(name) for name in ("NoNewPrivileges", "RestrictSUIDSGID", "PrivateDevices", "ProtectHome")} == {"yes"}
    assert (said("CapabilityBoundingSet"), said("LimitCORE"), said("UMask")) == ("", "0", "0077")
    assert (said("ProtectSystem"), said("StateDirectory"), said("StateDirectoryMode")) == ("strict", "ullage", "0700")
    assert said("User") == "ullage"


def test_the_unit_fits_the_settings() -> None:
    assert int(said("TimeoutStopSec")) > OPTIONS["stop_seconds_max"].default
    assert int(said("LimitNOFILE")) > OPTIONS["connections_max"].default
    program, *words = said("ExecStart").split()
    assert program == "/usr/local/lib/ullage/bin/ullage"
    assert words == ["serve", "--config", "/etc/ullage/ullage.toml"]
    assert "--config" in ullage(words[0], "--help").stdout


def test_a_review_finds_nothing_to_do_in_the_settings_of_the_page(tmp_path: Path) -> None:
    text = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0]
    address, config = tmp_path / "database", tmp_path / "ullage.toml"
    address.write_text("postgresql://ullage_serve:secret@db.example.org/ullage\n")
    config.write_text(text.replace("/etc/ullage/database", str(address)))
    found = reviewed(Deployment(settings=load(config, environment={})))
    faults = {each.check for each in found.observations if each.severity is not Severity.INFO}
    assert faults == {"database-role"}  # which was not looked at
