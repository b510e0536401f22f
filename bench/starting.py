"""Cold starts, and what a worker takes up in memory."""

from __future__ import annotations

import statistics
import time
from contextlib import AbstractContextManager
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
    """Seconds from the start of the process until the first search is answered; the files are in the page cache.

    The floor is the same until the process answers `/`, for which it needs no provider.
    """
    arena, place = context.arena(row), context.place
    arena.stop("ullage")
    starts = []
    for _ in range(STARTS):
        starting = processes.ullage(arena.loaded.url, place.new_folder("ullage"), wait=False)
        starts.append(_started(starting, row, READY_SECONDS))
    taken = [answered for _, answered in starts]
    result.ullage = {"value": statistics.median(taken), "samples": STARTS, "most": max(taken)}
    up = statistics.median(up for up, _ in starts)
    result.floor = {"value": up, "what": "the same process, until it answers `/`"}
    if row.has_reference:
        arena.stop("reference")
        starting = processes.reference(arena.filled.url, place.new_folder("reference"))
        try:
            result.reference = {"value": _started(starting, row, context.pace.given)[1], "samples": 1}
        except RuntimeError:
            result.reference = {"not_within": context.pace.given}


def _started(starting: AbstractContextManager[Service], row: Row, seconds: float) -> tuple[float, float]:
    """Seconds until `/` and until the row's question is answered."""
    began = time.monotonic()
    with starting as service:
        processes.wait_until_answered(service, "/")
        up = time.monotonic() - began
        processes.wait_until_answered(service, row.path, seconds)
        return up, time.monotonic() - began


def memory(context: Context, row: Row, result: Result) -> None:
    """MiB that the largest worker took up at most: after its start, searches, and claims beside searches.

    The floor is a worker that has no provider. The reference answers one search.
    """
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
    result.floor = {"value": _empty(context, row), "what": "a worker without providers"}
    if row.has_reference:
        arena.stop("reference")
        service = arena.reference()
        rest = _held(service, "VmRSS")
        ask(service.url, row.path, 0, 1, pace.given)
        result.reference = _figures(service, rest)
        result.reference["note"] += ", after one search"


def _empty(context: Context, row: Row) -> float:
    server = context.place.server(row.database)
    url = server.new_ledger_database()
    with processes.ullage(url, context.place.new_folder("ullage")) as service:
        processes.wait_until_answered(service, row.path)
        held = _held(service, "VmRSS")
    server.drop_database(url)
    return held


def _figures(service: Service, rest: float) -> Figures:
    return {"value": _held(service, "VmHWM"), "samples": 1, "rest": rest, "note": f"{rest:,.0f} MiB at rest"}


def _held(service: Service, what: str) -> float:
    """Of the worker that holds most."""
    return max(_status(pid, what) for pid in service.workers())


def _status(pid: int, what: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / MEBI for line in lines if line.startswith(f"{what}:")), 0.0)
