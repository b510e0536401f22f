"""Reviews that do not see what else runs on the machine of the tests."""

from __future__ import annotations

import pytest

from ullage.review import gather


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other commands of the machine, of other tests too, are not looked at, nor the disk."""
    monkeypatch.setattr(gather, "filesystem", lambda url: "ext4")
    monkeypatch.setattr(gather, "listening", lambda port, is_own: None)
    monkeypatch.setattr(gather, "secrets_in_commands", lambda secrets: ())
