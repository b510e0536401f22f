"""Claims and searches by many clients at once, and one claim after the other beside them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from bench import load, worlds
from bench.arena import Arena, new_run
from bench.client import Answer, Client, Timing, timed
from bench.context import Context
from bench.load import Load, wrk
from bench.results import Figures, Result
from bench.row import Row

SETTLE_SECONDS = 0.5
CONSUMERS = 10
"""In one request of the row of several consumers."""


def claims(context: Context, row: Row, result: Result) -> None:
    """Claims for new consumers. The floor is pgbench, or at SQLite the same requests answered at once by nobody."""
    arguments = [str(context.arena(row).hosts_file(1 if row.shape == "hot provider" else None))]
    if row.database == "sqlite":
        result.floor = _static_floor(context, row, arguments)
    else:
        result.floor = context.pgbench(row.clients)
    _both(context, row, result, "claims", arguments)


def several(context: Context, row: Row, result: Result) -> None:
    """Claims for CONSUMERS new consumers in each request; claims are counted."""
    arguments = [str(context.arena(row).hosts_file())]
    result.floor = context.pgbench(row.clients)
    _both(context, row, result, "several", arguments, [str(CONSUMERS)], CONSUMERS)


def mixed(context: Context, row: Row, result: Result) -> None:
    """Nine searches to one claim."""
    arguments = [str(context.arena(row).hosts_file())]
    result.floor = _static_search(context, row, "mixed", [*arguments, new_run()])
    _both(context, row, result, "mixed", arguments, [row.path])


def searches(context: Context, row: Row, result: Result) -> None:
    """The same search by many clients."""
    arena = context.arena(row)
    url, *others = (service.url for service in arena.hosts(row.hosts, row.workers))
    wrk(url, "questions", row.clients, context.pace.warm_up, [row.path], others=others)
    _note(result, wrk(url, "questions", row.clients, context.pace.load, [row.path], others=others), 1)
    result.floor = _static_search(context, row, "questions", [])
    if row.has_reference:
        taken = wrk(arena.reference().url, "questions", row.clients, context.pace.reference_searches, [row.path])
        result.reference = _reference_figures(taken, 1, context.pace.reference_searches)
        arena.settle_reference()


def lone(context: Context, row: Row, result: Result) -> None:
    """One claim after the other, while `row.clients` others search in the same worker."""
    transactions = context.pgbench(1)
    result.floor = {"value": 1000 / transactions["value"], "what": f"a transaction of {transactions['what']}"}
    arena, pace = context.arena(row), context.pace
    result.ullage = _lone(arena, arena.ullage(row.workers).url, row, pace.question, pace.samples_max)
    if result.ullage["refused"]:
        result.fail(f"{result.ullage['refused']} claims were not answered 2xx")
    check(arena, result)
    if row.has_reference:
        try:
            theirs = _lone(arena, arena.reference().url, row, pace.reference_question, pace.reference_samples_max)
            result.reference = theirs
        except TimeoutError:
            result.reference = {"not_within": pace.given}
        arena.settle_reference()


def _both(
    context: Context,
    row: Row,
    result: Result,
    script: str,
    before: Sequence[str],
    after: Sequence[str] = (),
    each: int = 1,
) -> None:
    """Load both services with a script whose arguments are `before`, a run's number, and `after`."""
    arena, pace = context.arena(row), context.pace
    url, *others = (service.url for service in arena.hosts(row.hosts, row.workers))
    wrk(url, script, row.clients, pace.warm_up, [*before, new_run(), *after], others=others)
    _note(result, wrk(url, script, row.clients, pace.load, [*before, new_run(), *after], others=others), each)
    check(arena, result)
    if row.has_reference:
        url = arena.reference().url
        seconds = pace.reference_searches if row.path else pace.load
        if not row.path:
            wrk(url, script, row.clients, pace.warm_up, [*before, new_run(), *after])
        taken = wrk(url, script, row.clients, seconds, [*before, new_run(), *after])
        result.reference = _reference_figures(taken, each, seconds)
        arena.settle_reference()


def _note(result: Result, taken: Load, each: int) -> None:
    result.ullage = taken.figures(each)
    if taken.refused or taken.broken:
        result.fail(f"{taken.refused} of {taken.answered} answers were not 2xx, {taken.broken} connections broke")


def _reference_figures(taken: Load, each: int, seconds: int) -> Figures:
    """Answers that are no good are a fact about the reference, not a failure of the row."""
    figures = taken.figures(each)
    return figures if taken.rate else figures | {"value": None, "not_within": seconds}


def check(arena: Arena, result: Result) -> None:
    """Fail the row if `ullage check` finds a breach."""
    complaint = arena.check()
    if complaint is not None:
        result.fail(f"`ullage check`: {complaint}")


def _static_floor(context: Context, row: Row, arguments: list[str]) -> Figures:
    url = context.place.static.url
    taken = wrk(url, "claims", row.clients, context.pace.warm_up, [*arguments, new_run()])
    return taken.figures() | {"what": "the same requests, answered 204 at once"}


def _static_search(context: Context, row: Row, script: str, arguments: list[str]) -> Figures:
    """The floor of a load with searches: the answer's bytes, as they are."""
    with Client(context.arena(row).hosts(row.hosts, row.workers)[0].url, context.pace.given) as client:
        body = client.ask("GET", row.path).body
    (context.place.static_folder / row.name).write_bytes(body)
    taken = wrk(context.place.static.url, script, row.clients, context.pace.warm_up, [*arguments, f"/{row.name}"])
    return taken.figures() | {"what": f"the same {len(body):,} bytes, static, 1 worker"}


def _lone(arena: Arena, url: str, row: Row, seconds: float, samples_max: int) -> Figures:
    with _searching(url, row), Client(url, 60.0) as client:
        asked = _claim_one_by_one(client, arena, seconds, samples_max)
    return asked.figures() | {"refused": asked.refused}


def claim_of(amounts: Mapping[str, Mapping[str, int]], generation: int | None = None) -> dict[str, Any]:
    """The body of a claim of so much by provider and class; a consumer that is there has a generation."""
    return {
        "allocations": {provider: {"resources": dict(each)} for provider, each in amounts.items()},
        "consumer_generation": generation,
        "project_id": "p",
        "user_id": "u",
        "consumer_type": "INSTANCE",
    }


def _claim_one_by_one(client: Client, arena: Arena, seconds: float, samples_max: int) -> Timing:
    run, numbers = new_run(), itertools.count(1)
    uuids = worlds.host_uuids(worlds.provider_count(arena.world))

    def claim() -> Answer:
        number = next(numbers)
        body = claim_of({uuids[number * 7919 % len(uuids)]: {"VCPU": 1, "MEMORY_MB": 256}})
        return client.ask("PUT", f"/allocations/{run}-0000-4000-8000-{number:012x}", body)

    return timed(claim, seconds, samples_max)


@contextmanager
def _searching(url: str, row: Row) -> Iterator[None]:
    """Clients that search until the block ends."""
    if not row.clients:
        yield
        return
    with load.background(url, "questions", row.clients, [row.path]):
        time.sleep(SETTLE_SECONDS)
        yield
