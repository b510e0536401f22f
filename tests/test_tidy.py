"""What the machine can hold, it holds: walls between rooms, sizes, and things that must not be in any file."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "ullage"

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

MAY_IMPORT: dict[str, frozenset[str]] = {
    "model": frozenset(),
    "settings": frozenset({"model"}),
    "redaction": frozenset(),
    "logs": frozenset({"redaction"}),
    "memory": frozenset(),
    "engine": frozenset({"model"}),
    "ledger": frozenset({"model"}),
    "storage": frozenset({"model", "engine", "ledger"}),
    "operations": frozenset({"model", "engine", "storage"}),
    "api": frozenset({"model", "operations", "settings", "logs"}),
    "review": frozenset({"settings", "logs", "storage", "api", "__init__"}),
    "cli": frozenset({"model", "settings", "review", "__init__"}),
}
"""Which rooms a room may use, besides itself; single modules count as rooms. KNOW_ALL know every room."""

EXCEPTIONS = {
    "cli/admin.py": frozenset({"server", "storage", "operations", "engine"}),
    "cli/main.py": frozenset({"logs"}),  # begins the process, as `server` does: its lines are cleaned in the same place
}
KNOW_ALL = frozenset({"wiring", "server", "__init__", "__main__"})
ONLY_IN: dict[str, tuple[str, ...]] = {
    "sqlalchemy": ("storage",),
    "alembic": ("storage",),
    "psycopg": ("storage",),
    "pymysql": ("storage",),
    "os_traits": ("storage",),
    "os_resource_classes": ("storage",),
    "numpy": ("engine",),
    "granian": ("api", "server.py"),
    "jsonschema": ("api",),
    "httpx": ("api", "cli", "review"),
    "jwt": ("api",),
    "keystoneauth1": ("api",),
    "cryptography": ("review", "api/certificate.py"),
    "typer": ("cli",),
    "rich": ("cli",),
}
"""Which rooms may use an outside part."""

STANDARD_LIBRARY_ONLY = ("model", "ledger")
PURE = ("model", "engine", "ledger")
IMPURE_PARTS = frozenset({"os", "io", "socket", "subprocess", "threading", "time", "random", "pathlib", "logging"})

TEXT_SUFFIXES = {".py", ".md", ".yaml", ".yml", ".toml", ".txt", ".in", ".sh", ".ini", ".json", ".mako", ""}
BANNED_WORDS = ("TO" + "DO", "FIX" + "ME", "X" * 3)
BANNED_PARTS = (
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "deb.debian" + ".org",
    "registry.npmjs" + ".org",
    "/work" + "/main",
    "/work" + "/shared",
    "/work" + "/notes",
    "/root" + "/",
    "/home" + "/",
    "/opt" + "/",
)


@cache
def committed_files() -> tuple[Path, ...]:
    """Files that git knows, or would take; all but hidden folders where there is no git."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
        paths = [ROOT / line for line in listed]
    except (OSError, subprocess.CalledProcessError):
        paths = [path for path in ROOT.rglob("*") if not any(part.startswith(".v") for part in path.parts)]
    return tuple(path for path in paths if path.is_file() and path.suffix in TEXT_SUFFIXES)


def python_files(*folders: str) -> list[Path]:
    """All Python files below some folders of the project."""
    wanted = [ROOT / folder for folder in folders]
    return [path for path in committed_files() if path.suffix == ".py" and any(w in path.parents for w in wanted)]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> Iterator[str]:
    """The full names of all modules a file imports, wherever in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise AssertionError(f"{shown(path)}:{node.lineno}: relative import")
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def rooms_used(path: Path) -> set[str]:
    names = {name.split(".")[1] for name in imported(path) if name.startswith("ullage.")}
    known = {each.stem if each.is_file() else each.name for each in PACKAGE.iterdir()}
    return names & known


def test_imports_go_one_way() -> None:
    found = []
    for path in python_files("src"):
        if room(path) in KNOW_ALL:
            continue
        allowed = MAY_IMPORT[room(path)] | EXCEPTIONS.get(str(path.relative_to(PACKAGE)), frozenset()) | {room(path)}
        found += [f"{shown(path)} uses {each}" for each in sorted(rooms_used(path) - allowed)]
    assert not found


def test_every_room_has_its_walls() -> None:
    rooms = {room(path) for path in python_files("src")}
    assert rooms <= MAY_IMPORT.keys() | KNOW_ALL


def test_outside_parts_stay_in_their_rooms() -> None:
    found = []
    for path in python_files("src"):
        for name in {each.split(".")[0] for each in imported(path)}:
            places = ONLY_IN.get(name)
            inside = path.relative_to(PACKAGE)
            if places and room(path) not in places and str(inside) not in places:
                found.append(f"{shown(path)} imports {name}")
    assert not found


def test_pure_rooms_do_nothing_but_compute() -> None:
    found = []
    for path in python_files(*(f"src/ullage/{each}" for each in PURE)):
        used = {name.split(".")[0] for name in imported(path)}
        found += [f"{shown(path)} imports {name}" for name in sorted(used & IMPURE_PARTS)]
        if room(path) in STANDARD_LIBRARY_ONLY:
            outside = used & ONLY_IN.keys() | used & {"msgspec", "yaml"}
            found += [f"{shown(path)} imports {name}" for name in sorted(outside)]
    assert not found


def test_only_settings_reads_the_environment() -> None:
    found = [
        f"{shown(path)}:{node.lineno}"
        for path in python_files("src")
        for node in ast.walk(tree(path))
        if room(path) != "settings" and isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    ]
    assert not found


def test_versions_stay_in_the_api() -> None:
    version = re.compile(r"\b1\.(?:[0-9]|[1-3][0-9])\b")
    found = []
    for path in python_files("src"):
        if room(path) in ("api", "__init__"):
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Name | ast.Attribute) and "Microversion" in ast.unparse(node):
                found.append(f"{shown(path)}:{node.lineno} knows a microversion")
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            if version.fullmatch(text.removeprefix("placement ")):
                found.append(f"{shown(path)} has the version literal {text}")
    assert not found


def test_nobody_compares_version_numbers() -> None:
    """Only `versions.py` does; others ask `has` or a `Since` table."""
    found = []
    for path in python_files("src/ullage/api"):
        if path.name == "versions.py":
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Compare) and any(
                re.search(r"\bversion\b|\.minor\b", ast.unparse(side)) for side in (node.left, *node.comparators)
            ):
                operators = {type(each) for each in node.ops}
                if operators & {ast.Lt, ast.LtE, ast.Gt, ast.GtE}:
                    found.append(f"{shown(path)}:{node.lineno}: {ast.unparse(node)}")
    assert not found


STATEMENT_CALLS = frozenset({"text", "exec_driver_sql", "DDL", "literal_column", "RoundTrip", "_execute_command"})
DRIVER_CALLS = frozenset({"execute", "executemany"})
COMPUTED_STATEMENTS = {
    "src/ullage/storage/unit.py": "runs the constant statements of a Dialect",
    "src/ullage/storage/bulk.py": "names and types of the schema's own columns",
    "src/ullage/storage/statements.py": "runs the compiled text of a Core statement",
    "src/ullage/storage/dialect.py": "runs the constant settings of a Dialect",
    "src/ullage/storage/mariadb_ahead.py": "joins such texts, which the driver has filled in, by semicolons",
    "src/ullage/storage/mariadb_round_trip.py": "sends what is joined there",
    "src/ullage/storage/mariadb_locks.py": "a number of seconds and a constant expression",
}
"""Where a statement is put together all the same, and from what."""


def test_no_statement_is_made_from_input() -> None:
    """SQL text is written out in the code, or not at all."""
    found: dict[str, list[str]] = {}
    for path in python_files("src/ullage/storage"):
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            is_driver_call = name in DRIVER_CALLS and ast.unparse(node.func).startswith("cursor.")
            if (
                (name in STATEMENT_CALLS or is_driver_call)
                and node.args
                and not (is_column_type(node) or is_constant(node.args[0]))
            ):
                found.setdefault(shown(path), []).append(ast.unparse(node))
    assert found.keys() == COMPUTED_STATEMENTS.keys(), found


def test_no_other_room_holds_a_statement() -> None:
    """Text that looks like a statement and takes values in stands nowhere but where COMPUTED_STATEMENTS says so."""
    statement = re.compile(r"(?i)\b(select\b.+\bfrom|insert\s+into|update\b.+\bset|delete\s+from|drop\s+table)\b")
    found = []
    for path in python_files("src"):
        for node in ast.walk(tree(path)):
            is_made = isinstance(node, ast.JoinedStr) or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod))
            is_made |= isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("format", "format_map")
            if is_made and statement.search(ast.unparse(node)) and shown(path) not in COMPUTED_STATEMENTS:
                found.append(f"{shown(path)}:{getattr(node, 'lineno', 0)}")
    assert not found


def is_constant(node: ast.expr) -> bool:
    """A literal, or text put together from named constants alone."""
    if isinstance(node, ast.JoinedStr):
        parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        names = [
            each for part in parts for each in ast.walk(part) if isinstance(each, ast.Name | ast.Call | ast.Attribute)
        ]
        return all(isinstance(each, ast.Name) and each.id.isupper() for each in names)
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def is_column_type(node: ast.Call) -> bool:
    """`tables.text(36)` is the type of a column, not a statement."""
    return isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, int)


@pytest.mark.parametrize("folder", ["src", "tests", "bench", "docs"])
def test_files_and_functions_stay_small(folder: str) -> None:
    found = []
    for path in python_files(folder):
        lines = len(path.read_text().splitlines())
        if lines > FILE_LINES_MAX:
            found.append(f"{shown(path)} has {lines} lines")
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                length = node.end_lineno - node.lineno + 1
                if length > FUNCTION_LINES_MAX:
                    found.append(f"{shown(path)}:{node.lineno} {node.name} has {length} lines")
    assert not found


def test_source_guards_data_with_raise_and_not_assert() -> None:
    found = [
        f"{shown(path)}:{node.lineno}"
        for path in python_files("src")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Assert)
    ]
    assert not found


def test_an_exemption_says_why() -> None:
    exemption = re.compile(r"#\s*(type:\s*ignore(\[[^\]]*\])?|noqa(:\s*[A-Z0-9, ]+)?)(?P<rest>.*)")
    found = []
    for path in python_files("src", "tests", "bench", "docs"):
        above = ""
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = exemption.search(line)
            if match and len(match["rest"].strip(" #-:")) < 5 and not above.startswith("#"):
                found.append(f"{shown(path)}:{number}")
            above = line.strip()
    assert not found


def test_an_exemption_from_a_rule_of_security_is_one_for_both_that_look() -> None:
    lines = [(path, line) for path in python_files("src") for line in path.read_text().splitlines()]
    ruff, bandit = re.compile(r"noqa:[^#]*\bS\d"), re.compile(r"nosec B\d")
    assert [(shown(path), line) for path, line in lines if bool(ruff.search(line)) != bool(bandit.search(line))] == []


def test_nothing_is_left_unfinished() -> None:
    words = re.compile(r"\b(" + "|".join(BANNED_WORDS) + r")\b")
    marks = re.compile(r"pytest\.(?:mark\.)?(?:skip|xfail)|unittest\.skip")
    found = []
    for path in committed_files():
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if words.search(line) or (path.suffix == ".py" and path != Path(__file__) and marks.search(line)):
                found.append(f"{shown(path)}:{number}")
    assert not found


def test_no_file_names_a_machine_or_a_download_address() -> None:
    found = []
    for path in committed_files():
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if path != Path(__file__) and any(part in line for part in BANNED_PARTS):
                found.append(f"{shown(path)}:{number}: {line.strip()[:80]}")
    assert not found


def test_every_lock_is_pinned_by_hash_and_names_no_index() -> None:
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    assert {path.name for path in locks} == {
        "audit.txt",
        "build.txt",
        "clients.txt",
        "keystone.txt",
        "product.txt",
        "reference.txt",
        "test.txt",
    }
    for path in locks:
        for block in re.split(r"\n(?=\S)", path.read_text().strip()):
            if block.startswith("#"):
                continue
            assert re.match(r"[A-Za-z0-9_.\[\],-]+==\S+", block), f"{path.name}: {block[:60]}"
            assert "--hash=sha256:" in block, f"{path.name}: {block[:60]}"


def test_what_the_product_locks_its_tests_lock_alike() -> None:
    def pins(name: str) -> dict[str, set[str]]:
        made: dict[str, set[str]] = {}
        for line in (ROOT / "requirements" / name).read_text().splitlines():
            if "==" in line and not line.startswith((" ", "#")):
                package, _, rest = line.partition("==")
                made.setdefault(package.split("[")[0], set()).add(rest.split()[0])
        return made

    test = pins("test.txt")
    assert {name: test.get(name) for name in pins("product.txt")} == pins("product.txt")


def test_every_dependency_has_its_line_of_reasons() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["test"]]
    reasons = (ROOT / "docs" / "decisions" / "0040-dependencies.md").read_text()
    names = [re.split(r"[<>=\[; ]", each)[0] for each in wanted]
    assert not [name for name in names if f"| {name} |" not in reasons]
