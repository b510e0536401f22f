"""What a run was made on: the machine, and the versions of everything that takes part."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from differential.reference import environment

from bench import ROOT

PARTS = ("granian", "msgspec", "numpy", "psycopg", "PyMySQL", "SQLAlchemy")
REFERENCE_PARTS = ("openstack-placement", "gunicorn")
NUMBER = re.compile(r"\d+(?:\.\d+)+")


def now() -> str:
    """Local time with its zone, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S %z")


def described(folder: Path) -> dict[str, Any]:
    """Names and figures, in the order in which they are shown; databases are kept below `folder`."""
    one, five, fifteen = os.getloadavg()
    return {
        "date": now(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "system": _system(),
        "file system": file_system(folder),
        "load average at the start": f"{one:.2f}, {five:.2f}, {fifteen:.2f}",
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """By name: Ullage and what it stands on, the servers, the reference, the load generator."""
    import sqlite3

    found = {"Ullage": f"{version('ullage')} ({_commit()})", "Python": platform.python_version()}
    found |= {name: version(name) for name in PARTS}
    found["SQLite"] = sqlite3.sqlite_version
    for name, command in (("PostgreSQL", _postgres()), ("MariaDB", ["mariadbd", "--version"]), ("wrk", ["wrk", "-v"])):
        found[name] = _number(command)
    python = str(environment() / "python")
    for name in REFERENCE_PARTS:
        found[name] = _said([python, "-c", f"from importlib.metadata import version; print(version('{name}'))"])
    return found


def file_system(folder: Path) -> str:
    """The kind of file system that a folder is on, such as "ext4"."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    above = [(len(place), kind) for place, kind in mounts if folder.resolve().is_relative_to(place)]
    return max(above, default=(0, "unknown"))[1]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _system() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"')
    return sys.platform


def _commit() -> str:
    commit = _said(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]) or "no commit"
    changed = _said(["git", "-C", str(ROOT), "status", "--porcelain", "--", "src"])
    return f"{commit}, changed" if changed else commit


def _postgres() -> list[str]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return [str(found[-1]) if found else "postgres", "--version"]


def _number(command: list[str]) -> str:
    found = NUMBER.search(_said(command))
    return found[0] if found else "?"


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return (done.stdout or done.stderr).strip() if not done.returncode or command[0] == "wrk" else ""
