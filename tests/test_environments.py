"""What environments are built with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci" / "python"

THIS = sys.executable
TOO_OLD = '#!/bin/sh\nexec "$PYTHON" -c "import sys; sys.version_info = (3, 10)\n$2" \n'
CANNOT_MAKE_ENVIRONMENTS = '#!/bin/sh\nexec "$PYTHON" -c "import sys; sys.modules[\'ensurepip\'] = None\n$2" \n'


def chosen(system: str | Path) -> str:
    command = [SCRIPT, system]
    return subprocess.run(
        command, env={"PATH": "/usr/bin:/bin", "PYTHON": THIS}, text=True, capture_output=True, check=True
    ).stdout.strip()


def test_the_systems_python_comes_first() -> None:
    assert chosen(THIS) == THIS


@pytest.mark.parametrize("script", [TOO_OLD, CANNOT_MAKE_ENVIRONMENTS])
def test_a_system_whose_python_will_not_do_leaves_it_to_the_path(tmp_path: Path, script: str) -> None:
    system = tmp_path / "python3"
    system.write_text(script)
    system.chmod(0o755)
    assert chosen(system) == "python3"
    system.write_text('#!/bin/sh\nexec "$PYTHON" "$@"\n')
    assert chosen(system) == str(system)


def test_a_system_without_python_leaves_it_to_the_path(tmp_path: Path) -> None:
    assert chosen(tmp_path / "python3") == "python3"
