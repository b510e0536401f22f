"""Providers through the API, and fleets by `ullage load`."""

from __future__ import annotations

from bench import worlds
from bench.arena import Arena, new_run
from bench.claims import check
from bench.context import Context
from bench.load import Load, wrk
from bench.processes import Service
from bench.results import Result
from bench.row import Row


def set_up(context: Context, row: Row, result: Result) -> None:
    """Providers that are made and then get inventories, traits and aggregates; every write counts."""
    result.floor = context.pgbench(row.clients)
    arena = context.arena(row)
    taken = _set_up(context, row, arena.ullage(row.workers))
    result.ullage = taken.figures()
    if taken.refused or taken.broken:
        result.fail(f"{taken.refused} of {taken.answered} answers were not 2xx, {taken.broken} connections broke")
    check(arena, result)
    if row.has_reference:
        result.reference = _set_up(context, row, arena.reference()).figures()
        arena.settle_reference()


def _set_up(context: Context, row: Row, service: Service) -> Load:
    aggregates = context.place.folder / "aggregates.uuids"
    aggregates.write_text("".join(f"{worlds.aggregate_uuid(name)}\n" for name in ("hall", "row-1", "rack-1")))
    for seconds in (context.pace.warm_up, context.pace.load):
        # As many threads as clients: each has one connection then, and its requests come one after the other.
        taken = wrk(service.url, "providers", row.clients, seconds, [new_run(), str(aggregates)], row.clients)
    return taken


def load(context: Context, row: Row, result: Result) -> None:
    """How long `ullage load` took for the world, which the rows after this one use.

    The floor is a world's rows, unchecked, in the same database: those of the reference, by multi-row INSERTs of ours.
    """
    arena: Arena = context.arena(row)
    result.ullage = {"value": arena.loaded.seconds, "samples": 1}
    what = "the rows of the same world, straight into the reference's tables, unchecked"
    result.floor = {"value": arena.filled.seconds, "what": what}
    providers = worlds.provider_count(row.world)
    result.ullage["note"] = f"{providers / arena.loaded.seconds:,.0f} providers/s"
    check(arena, result)
