"""Go through rows within the time there is; what each gave is kept as soon as it is known."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence

from bench import beside, claims, fresh, goals, identity, machine, questions, setting_up, starting
from bench.context import Context, Kind
from bench.pace import Overdue, within
from bench.results import Result
from bench.row import Row
from bench.rows import in_order_of_arenas

KINDS: dict[str, Kind] = {
    "question": questions.question,
    "claims": claims.claims,
    "several": claims.several,
    "mixed": claims.mixed,
    "searches": claims.searches,
    "lone": claims.lone,
    "fresh": fresh.fresh,
    "hostile": beside.hostile,
    "set up": setting_up.set_up,
    "load": setting_up.load,
    "start": starting.start,
    "memory": starting.memory,
    "identity": identity.measure,
}
ROW_SECONDS_MIN = 5.0
"""With less left than that, no further row is begun."""
CLOSING_SECONDS = 10.0
"""Kept for the last clean-up."""


def run(context: Context, rows: Sequence[Row], *, is_quick: bool, keep: Callable[[Result], None]) -> list[str]:
    """Measure these rows; the names of those that the time did not suffice for."""
    deadline = time.monotonic() + context.pace.total - CLOSING_SECONDS
    left_out = []
    hopeless: set[tuple[str, str]] = set()
    for row in in_order_of_arenas(list(rows)):
        left = deadline - time.monotonic()
        result = None
        if (row.world, row.database) in hopeless:
            result = Result(row.name, is_quick, machine.now(), problem="its world could not be loaded in time")
        elif left >= ROW_SECONDS_MIN:
            result = measured(context, row, min(row.seconds, left), is_quick=is_quick)
        if result is None or (result.ullage is None and result.problem and time.monotonic() >= deadline):
            left_out.append(row.name)
            context.tell(f"{row.name:32} left out: the time is up")
            continue
        if result.ullage is None and result.problem and result.seconds >= row.seconds:
            hopeless.add((row.world, row.database))
        keep(result)
        context.tell(summary(row, result))
    return left_out


def measured(context: Context, row: Row, seconds: float, *, is_quick: bool) -> Result:
    """One row; whatever goes wrong is in the result, and the next row begins with fresh services."""
    result = Result(row.name, is_quick, machine.now())
    began = time.monotonic()
    try:
        with within(seconds):
            KINDS[row.kind](context, row, result)
    except Overdue as overdue:
        leave(context)
        if result.ullage is None or result.problem is not None or not row.has_reference:
            result.fail(str(overdue))
        else:
            result.reference = {"not_within": round(time.monotonic() - began)}
    except Exception as error:  # noqa: BLE001 # a row's failure is a result; the other rows are still wanted
        context.tell(traceback.format_exc())
        leave(context)
        result.fail(f"{type(error).__name__}: {str(error)[:500]}")
    result.seconds = round(time.monotonic() - began, 1)
    return result


def leave(context: Context) -> None:
    """End the row's services; what goes wrong in that may not end the run."""
    try:
        context.place.leave()
    except Exception:  # noqa: BLE001 # the next row has databases and services of its own
        context.tell(traceback.format_exc())


def summary(row: Row, result: Result) -> str:
    """A line for whoever watches."""
    ours, theirs = goals.value_of(result.ullage), goals.value_of(result.reference)
    found = [f"{row.name:32}", f"{ours:12,.2f} {row.unit}" if ours is not None else f"{'-':>12}"]
    if theirs is not None:
        found.append(f"reference {theirs:,.2f}")
    elif result.reference is not None:
        found.append(f"reference {result.reference}")
    if result.problem:
        found.append(f"FAILED: {result.problem}")
    return f"{'  '.join(found)}  [{result.seconds:.0f} s]"
