"""Debian's sqlmap against the running service: query values, path variables and body fields."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path

from api.client import CONSUMER, UUID
from serving import UllageServer

from security.fuzzing import populate
from security.judging import Judge
from security.sending import Line

SECONDS_MAX = 300
FOUND = re.compile(
    r"is vulnerable|identified the following injection|appears to be '[^']*' injectable|heuristic.*might be injectable"
)
TARGETS: tuple[tuple[str, str, str], ...] = (
    ("GET", f"/resource_providers?name=host*&uuid={UUID}&member_of=in:{UUID}*", ""),
    ("GET", f"/resource_providers/{UUID}*", ""),
    ("GET", "/allocation_candidates?resources=VCPU:1*&required=HW_CPU_X86_AVX*&limit=3*", ""),
    ("GET", "/traits?name=startswith:HW*", ""),
    ("GET", "/usages?project_id=p*&user_id=u*&consumer_type=all*", ""),
    ("GET", f"/allocations/{CONSUMER}*", ""),
    ("GET", "/resource_classes/VCPU*", ""),
    ("POST", "/resource_providers", json.dumps({"name": "new*", "uuid": "1fb8ea1f-2c1c-4d3c-9c5b-1fd0ea2a3c1*"})),
)
"""Method, target and body; a star marks where sqlmap puts what it tries."""


def run(service: UllageServer, judge: Judge) -> None:
    """Try each target; what sqlmap finds is a failure."""
    with Line(service.port) as line:
        populate(line)
    with tempfile.TemporaryDirectory(prefix="ullage-sqlmap-") as folder:
        for method, target, body in TARGETS:
            said = _tried(service, method, target, body, Path(folder))
            judge.requests["sqlmap"] = judge.requests.get("sqlmap", 0) + said.count("[PAYLOAD]")
            if FOUND.search(said) or "[PAYLOAD]" not in said:
                judge.fail(f"sqlmap: {method} {target}:\n{said[-3000:]}")


def _tried(service: UllageServer, method: str, target: str, body: str, folder: Path) -> str:
    """What sqlmap prints, each payload included."""
    headers = (
        "X-Auth-Token: admin\nX-Roles: admin,service\nOpenStack-API-Version: placement 1.39\nAccept: application/json"
    )
    command = ["sqlmap", "-u", f"{service.url}{target}", f"--method={method}", f"--headers={headers}", "--batch"]
    command += [
        "--level=1",
        "--risk=2",
        "--technique=BEUS",
        "--threads=2",
        "-v",
        "3",
        "--flush-session",
        "--disable-coloring",
    ]
    command += [f"--output-dir={folder}", "--ignore-code=*", "--skip-waf"]
    if body:
        command += [f"--data={body}", "-H", "Content-Type: application/json"]
    ended = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS_MAX, cwd=folder)
    return ended.stdout + ended.stderr
