"""What the product stands on: its licences, and whether a database of vulnerabilities knows any of its parts.

`python -m security.dependencies` ends with a line for scripts and with exit status 1 for a licence that is not accepted
or a vulnerability that is known. Where no database can be reached it says `vulnerabilities=not-checked`.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
LOCK = ROOT / "requirements" / "product.txt"
AUDIT = ROOT / ".venv-audit" / "bin" / "pip-audit"
SECONDS_MAX = 120
ACCEPTED = (
    *("0BSD", "Apache-2.0", "Apache Software License", "BSD", "BSD License", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0"),
    *(
        "ISC License",
        "ISC License (ISCL)",
        "LGPL-3.0-only",
        "MIT",
        "MIT-0",
        "MIT License",
        "MPL-2.0",
        "PSF-2.0",
        "Zlib",
    ),
    "Mozilla Public License 2.0 (MPL 2.0)",
)
"""Licences of parts that are used as they are: permissive ones, and those that ask for changes of the part alone."""
NOT_HERE = frozenset({"colorama", "tzdata"})
"""Parts that only other systems install."""


def names() -> list[str]:
    """The parts that the product's lock pins."""
    lines = LOCK.read_text().splitlines()
    return sorted({re.split(r"[\[=]", line)[0] for line in lines if "==" in line and not line.startswith((" ", "#"))})


def licences(name: str) -> list[str]:
    """What a part says its licence is, in the first of the places where it may say so."""
    said = importlib.metadata.metadata(name)
    if said["License-Expression"]:
        return re.split(r" AND | OR | WITH ", said["License-Expression"])
    classified = [each.split(" :: ")[-1] for each in said.get_all("Classifier", []) if each.startswith("License")]
    return classified or [said["License"] or "none"]


def refused(name: str) -> list[str]:
    """The licences of a part that are not accepted."""
    return [each.strip("() ") for each in licences(name) if each.strip() not in ACCEPTED]


def verdict(report: Mapping[str, Any] | None) -> tuple[str, list[str]]:
    """A word for scripts, and the vulnerabilities known, from what pip-audit reports.

    A part that the database does not know was not checked, whatever pip-audit says of the rest.
    """
    if report is None:
        return "not-checked", []
    parts = report["dependencies"]
    found = [f"{part['name']} {part['version']}: {each['id']}" for part in parts for each in part.get("vulns", ())]
    if found:
        return str(len(found)), found
    skipped = [part["name"] for part in parts if "skip_reason" in part]
    return ("not-checked" if skipped or not parts else "0"), []


def audited() -> Mapping[str, Any] | None:
    """pip-audit's report on the lock; None if it gives none."""
    command = [
        str(AUDIT),
        "-r",
        str(LOCK),
        "--disable-pip",
        "--require-hashes",
        "--progress-spinner",
        "off",
        "-f",
        "json",
    ]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
        report: Mapping[str, Any] = json.loads(ended.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return report


def main() -> int:
    bad = [f"{name}: {', '.join(refused(name))}" for name in names() if name not in NOT_HERE and refused(name)]
    word, found = verdict(audited())
    for line in (*bad, *found):
        print(line, file=sys.stderr)
    if word == "not-checked":
        print("dependencies: vulnerabilities were NOT CHECKED: no database of them could be reached")
    print(f"DEPENDENCIES parts={len(names())} licences_refused={len(bad)} vulnerabilities={word}")
    return 1 if bad or found else 0


if __name__ == "__main__":
    sys.exit(main())
