"""Fetches the published YAML suites: the pinned wheel, checked by its hash, unpacked into `.cache/conformance`."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from gabbi import utils

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CACHE = ROOT / ".cache" / "conformance"
PIN = HERE / "wheel.txt"
INSIDE = "placement/tests/functional/gabbits/"


def suite_files() -> list[Path]:
    """The YAML files in order of name."""
    return sorted(_gabbits().glob("*.yaml"))


def fixture_names(file: Path) -> tuple[str, ...]:
    """The fixtures that a YAML file asks for."""
    return tuple(utils.load_yaml(yaml_file=str(file)).get("fixtures", ()))


def _gabbits() -> Path:
    """The folder of YAML files, unpacked on first use."""
    folder = CACHE / "gabbits"
    if not folder.is_dir():
        _unpack(_wheel(), folder)
    return folder


def _unpack(wheel: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        fresh = Path(scratch) / "gabbits"
        fresh.mkdir()
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.startswith(INSIDE) and name.endswith(".yaml"):
                    (fresh / Path(name).name).write_bytes(archive.read(name))
        try:
            os.rename(fresh, folder)
        except OSError:  # another process has unpacked the same wheel meanwhile
            if not folder.is_dir():
                raise


def _wheel() -> Path:
    """The pinned wheel: found in the cache, or downloaded by pip, which checks its hash."""
    CACHE.mkdir(parents=True, exist_ok=True)
    digests = re.findall(r"sha256:([0-9a-f]{64})", PIN.read_text())
    for wheel in CACHE.glob("*.whl"):
        if hashlib.sha256(wheel.read_bytes()).hexdigest() in digests:
            return wheel
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        command = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary", ":all:", "--require-hashes", "--dest", scratch, "--requirement", str(PIN)]
        subprocess.run(command, check=True)
        (fresh,) = Path(scratch).glob("*.whl")
        return fresh.replace(CACHE / fresh.name)
