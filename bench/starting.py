"""Cold starts, and what a worker takes up in memory."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from bench import processes
from bench.arena import READY_SECONDS, new_run
from bench.context import Context
from bench.load import wrk
from bench.processes import Service
from bench.questions import ask
from bench.results import Figures, Result
from bench.row import Row

STARTS = 3
MEBI = 1024.0
"""KiB in one MiB: the kernel counts in KiB."""


def start(context: Context, row: Row, result: Result) -> None:
    """Seconds from the start of the process until the first search is answered; the files are in the page cache."""
    arena = context.arena(row)
    url = arena.loaded.url
    arena.stop("ullage")
    taken = []
    for _ in range(STARTS):
        began = time.monotonic()
        with processes.ullage(url, context.place.new_folder("ullage"), wait=False) as service:
            processes.wait_until_answered(service, row.path, READY_SECONDS)
            taken.append(time.monotonic() - began)
    result.ullage = {"value": statistics.median(taken), "samples": len(taken), "most": max(taken)}


def memory(context: Context, row: Row, result: Result) -> None:
    """MiB that the largest worker took up at most: after its start, searches, and claims beside searches."""
    arena, pace = context.arena(row), context.pace
    arena.stop("ullage")
    service = arena.ullage(row.workers)
    rest = _held(service, "VmRSS")
    ask(service.url, row.path, pace.question, pace.samples_max, READY_SECONDS)
    arguments = [str(arena.hosts_file(1_000)), new_run(), row.path]
    taken = wrk(service.url, "mixed", 16, pace.load, arguments)
    if taken.refused or taken.broken:
        result.fail(f"{taken.refused} of {taken.answered} answers were not 2xx, {taken.broken} connections broke")
    result.ullage = _figures(service, rest)
    if row.has_reference:
        service = arena.reference()
        result.reference = _figures(service, _held(service, "VmRSS"))
        result.reference["note"] = "has answered nothing of this size yet"


def _figures(service: Service, rest: float) -> Figures:
    return {"value": _held(service, "VmHWM"), "samples": 1, "rest": rest, "note": f"{rest:,.0f} MiB at rest"}


def _held(service: Service, what: str) -> float:
    """Of the worker that holds most."""
    return max(_status(pid, what) for pid in service.workers())


def _status(pid: int, what: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / MEBI for line in lines if line.startswith(f"{what}:")), 0.0)
