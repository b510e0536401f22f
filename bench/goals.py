"""Whether figures reached what the design asks of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.results import Figures, Result
from bench.row import Goal, Row

LESS_IS_BETTER = frozenset({"ms", "us", "s", "MiB"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal in the row's unit, and what was reached: "aim", "must", "missed", or "unknown" if a figure is missing."""

    must: float | None
    aim: float | None
    reached: str


def verdict(row: Row, results: Mapping[str, Result]) -> Verdict | None:
    """The verdict on a row; None if it has no goal."""
    if row.goal is None:
        return None
    result = results[row.name]
    base = _base(row.goal, result, results)
    if base is None:
        return Verdict(None, None, "unknown")
    must = row.goal.must * base
    aim = None if row.goal.aim is None else row.goal.aim * base
    value = value_of(result.ullage)
    if result.problem is not None or value is None:
        return Verdict(must, aim, "missed")
    if aim is not None and is_reached(row, value, aim):
        return Verdict(must, aim, "aim")
    return Verdict(must, aim, "must" if is_reached(row, value, must) else "missed")


def is_reached(row: Row, value: float, goal: float) -> bool:
    """Whether a figure of this row is as good as a goal."""
    return value <= goal if row.unit in LESS_IS_BETTER else value >= goal


def ratio(row: Row, result: Result) -> float | None:
    """How many times better Ullage is than the reference; None if one of them has no figure."""
    ours, theirs = value_of(result.ullage), value_of(result.reference)
    if not ours or not theirs:
        return None
    return theirs / ours if row.unit in LESS_IS_BETTER else ours / theirs


def value_of(figures: Figures | None) -> float | None:
    """The headline of some figures, if they have one."""
    return None if figures is None else figures.get("value")


def _base(goal: Goal, result: Result, results: Mapping[str, Result]) -> float | None:
    if not goal.of:
        return 1.0
    if goal.of == "floor":
        return value_of(result.floor)
    if goal.of == "reference":
        return value_of(result.reference)
    other = results.get(goal.of)
    return value_of(other.ullage) if other else None
