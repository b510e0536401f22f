"""Honest searches and claims, alone and beside one user who asks nothing but what takes longest."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

from bench.arena import Arena, new_run
from bench.claims import SETTLE_SECONDS, check
from bench.context import Context
from bench.load import Load, background
from bench.processes import Service
from bench.results import Result
from bench.row import Row

HONEST_CLIENTS = 2
"""So many search, and as many claim, for each worker."""
AMOUNTS = (3, 5, 7, 4, 6)


def hostile(context: Context, row: Row, result: Result) -> None:
    """The honest alone, then beside `row.clients` who are not; the figure is that of the searches beside them."""
    arena, seconds = context.arena(row), context.pace.load
    service = arena.ullage(row.workers)
    alone = _honest(arena, service, row, seconds / 2)
    before = _memory(service)
    questions = context.place.folder / "hostile.paths"
    questions.write_text("\n".join(_questions()) + "\n")
    with background(service.url, "hostile", row.clients, [str(questions)], user="mallory") as hurting:
        time.sleep(SETTLE_SECONDS)
        beside = _honest(arena, service, row, seconds)
        theirs = hurting.end()
    growth = max(after - before.get(worker, after) for worker, after in _memory(service).items())
    searches, claims = beside
    result.ullage = searches.figures() | {
        "value": searches.median,
        "claims": claims.figures(),
        "alone": {"searches": alone[0].figures(), "claims": alone[1].figures()},
        "hostile": theirs.figures(),
        "growth_mib": growth,
        "note": (
            f"alone {_said(alone[0])}; claims {_said(claims)}, alone {_said(alone[1])}; "
            f"{theirs.rate:.1f} hostile answers/s; a worker grew by {growth:.0f} MiB"
        ),
    }
    for load in (*alone, *beside):
        if load.refused or load.broken:
            result.fail(f"{load.refused} of {load.answered} honest answers were not 2xx, {load.broken} broke")
    check(arena, result)


def _questions() -> list[str]:
    """What takes longest of `bench/hostile.py`, as it is asked over HTTP."""
    unequal = {f"resources{n}": f"PGPU:{AMOUNTS[n % len(AMOUNTS)]}" for n in range(1, 64)}
    alike = {f"resources{n}": "VGPU:1" for n in range(1, 17)}
    asked = [{**groups, "group_policy": "none"} for groups in (unequal, alike)]
    return ["/allocation_candidates?" + urlencode(words, safe=":,") for words in asked]


def _honest(arena: Arena, service: Service, row: Row, seconds: float) -> tuple[Load, Load]:
    """(Searches, claims), both at the same time."""
    clients = HONEST_CLIENTS * row.workers
    arguments = [str(arena.hosts_file(int(row.world.partition("-")[2]))), new_run()]
    with ExitStack() as stack:
        claiming = stack.enter_context(background(service.url, "claims", clients, arguments))
        searching = stack.enter_context(background(service.url, "questions", clients, [row.path]))
        time.sleep(seconds)
        return searching.end(), claiming.end()


def _memory(service: Service) -> dict[int, float]:
    """MiB that each worker has taken at the most."""
    found = {}
    for worker in service.workers():
        lines = Path(f"/proc/{worker}/status").read_text().splitlines()
        found[worker] = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    return found


def _said(load: Load) -> str:
    return f"{load.median:.1f} ms (p99 {load.p99:.0f})"
