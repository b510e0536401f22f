"""The command line: `python -m bench [--quick] [--resume] [--rows NAME,...]`, or `--list`.

The last line printed is for scripts: `BENCH rows=N must_reached=M/K failed=F left_out=L seconds=S`.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from bench import ROOT, machine, report
from bench.arena import Place
from bench.context import Context
from bench.pace import FULL, QUICK
from bench.row import Row
from bench.rows import ROWS
from bench.run import run

IN_MEMORY = ("tmpfs", "ramfs")
SCRIPTS = ("engine", "entry", "switching", "claims_direct")
"""Older measurements of one part each."""


def main() -> int:
    options = _options()
    if options.list:
        for row in ROWS:
            print(f"{row.name:32} {'quick ' if row.is_quick else '      '} {row.section}: {row.title}")
        return 0
    names = [name for name in options.rows.split(",") if name]
    scripts = [name for name in names if name in SCRIPTS]
    for name in scripts:
        print(f"== bench/{name}.py", flush=True)
        subprocess.run([sys.executable, str(ROOT / "bench" / f"{name}.py")], check=True)
    if scripts and len(scripts) == len(names):
        return 0
    signal.signal(signal.SIGTERM, _stop)
    return _measure(options, [name for name in names if name not in scripts])


def _measure(options: argparse.Namespace, names: list[str]) -> int:
    began = time.monotonic()
    folder = options.folder or Path(tempfile.gettempdir())
    if machine.file_system(folder) in IN_MEMORY:
        raise SystemExit(f"bench: {folder} is in memory, where durable answers cost nothing; name a disk with --folder")
    chosen = _chosen(names, is_quick=options.quick)
    file = Path(options.results) / "latest.json"
    book = report.Book.open(
        file, machine.described(folder), is_quick=options.quick, keeps=bool(names) or options.resume
    )
    wanted = [row for row in chosen if not (options.resume and book.has_good(row.name))]
    left_out: list[str] = []
    is_interrupted = False
    try:
        with Place(folder) as place:
            context = Context(place, QUICK if options.quick else FULL, lambda text: print(text, flush=True))
            context.transactions.update(book.transactions() if options.resume else {})
            left_out = run(context, wanted, is_quick=options.quick, keep=book.keep)
    except KeyboardInterrupt:
        is_interrupted = True
        print("interrupted; RESUME=1 goes on with what is missing", flush=True)
        left_out = [row.name for row in chosen if row.name not in book.results]
    book.publish(ROOT / "docs" / "performance.md" if file == report.LATEST else None)
    print(report.last_line(book.results, len(left_out), time.monotonic() - began), flush=True)
    return 1 if is_interrupted or any(result.problem for result in book.results.values()) else 0


def _chosen(names: list[str], *, is_quick: bool) -> list[Row]:
    by_name = {row.name: row for row in ROWS}
    unknown = sorted(set(names) - by_name.keys())
    if unknown:
        raise SystemExit(f"bench: no row {', '.join(unknown)}; --list shows them. Scripts: {', '.join(SCRIPTS)}")
    if names:
        return [by_name[name] for name in dict.fromkeys(names)]
    return [row for row in ROWS if row.is_quick or not is_quick]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Ullage beside the reference service.")
    parser.add_argument("--quick", action="store_true", help="some of the rows, in five minutes")
    parser.add_argument("--resume", action="store_true", help="keep what an interrupted run has, measure the rest")
    parser.add_argument("--rows", default="", metavar="NAME,...", help="these rows (or scripts) alone; others are kept")
    parser.add_argument("--list", action="store_true", help="say which rows there are")
    parser.add_argument("--folder", type=Path, help="where databases are kept meanwhile; a disk (the system's own)")
    parser.add_argument("--results", default=str(report.LATEST.parent), help="the folder of the results")
    return parser.parse_args()


def _stop(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
