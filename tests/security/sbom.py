"""`make sbom`: the CycloneDX list of everything in the product's environment, into `.cache/sbom.json`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping

from security.dependencies import NOT_HERE, ROOT, names

TOOL = ROOT / ".venv-audit" / "bin" / "cyclonedx-py"
FILE = ROOT / ".cache" / "sbom.json"


def missing(document: Mapping[str, object]) -> list[str]:
    """The pinned parts that a CycloneDX document does not list."""
    components = document.get("components")
    listed = {_plain(each["name"]) for each in components} if isinstance(components, list) else set()
    return [name for name in names() if _plain(name) not in listed | NOT_HERE]


def _plain(name: str) -> str:
    """One spelling for a part, which may call itself otherwise than the lock does (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    FILE.parent.mkdir(exist_ok=True)
    command = [
        str(TOOL),
        "environment",
        str(ROOT / ".venv" / "bin" / "python"),
        "--pyproject",
        str(ROOT / "pyproject.toml"),
    ]
    subprocess.run([*command, "--output-reproducible", "--of", "JSON", "-o", str(FILE)], check=True)
    document = json.loads(FILE.read_text())
    left_out = missing(document)
    print(f"SBOM {FILE.relative_to(ROOT)} components={len(document['components'])} missing={len(left_out)}")
    return 1 if left_out else 0


if __name__ == "__main__":
    sys.exit(main())
