"""The results as Markdown, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.goals import Verdict, ratio, value_of, verdict
from bench.results import Figures, Result
from bench.row import SECTIONS, Row
from bench.rows import ROWS

HEAD = (
    "row",
    "what",
    "Ullage",
    "reference",
    "times better",
    "floor",
    "must, aims at",
    "reached",
    "Ullage median, p99",
    "reference median, p99",
    "took",
)
WORKERS = (
    "Unless a row says otherwise, Ullage has one worker and the database is MariaDB. The reference has 2 processes "
    "with 4 threads each.\n"
)
REACHED = {"aim": "**aim**", "must": "must", "missed": "no", "unknown": "cannot be said"}


def text(results: Mapping[str, Result], machine: Mapping[str, Any], *, is_quick: bool) -> str:
    """The machine, then a table for each section, then notes."""
    kind = "A quick run" if is_quick else "A full run"
    parts = [f"{kind}, begun {machine['date']}.\n", _machine(machine), WORKERS]
    for section in SECTIONS:
        rows = [row for row in ROWS if row.section == section and row.name in results]
        if rows:
            parts.append(f"### {section}\n\n{_table(rows, results)}")
    notes = [line for row in ROWS if row.name in results for line in _notes(row, results)]
    if notes:
        parts.append("### Notes\n\n" + "".join(f"- {line}\n" for line in notes))
    parts.append(_durations(results, machine))
    return "\n".join(parts)


def _durations(results: Mapping[str, Result], machine: Mapping[str, Any]) -> str:
    earlier = [name for name, result in results.items() if result.when < machine["date"]]
    told = f"All rows together took {sum(result.seconds for result in results.values()):,.0f} s.\n"
    if earlier:
        told += f"\nOf an earlier run, in which the version and the load may have been others: {', '.join(earlier)}.\n"
    return told


def _machine(machine: Mapping[str, Any]) -> str:
    lines = [f"| {name} | {value} |" for name, value in machine.items() if name not in ("versions", "date")]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return "\n".join(["| the machine | |", "|---|---|", *lines, f"| versions | {versions} |", ""])


def _table(rows: list[Row], results: Mapping[str, Result]) -> str:
    lines = [f"| {' | '.join(HEAD)} |", "|---|---" + "|---:" * (len(HEAD) - 2) + "|"]
    lines += [f"| {' | '.join(_cells(row, results))} |" for row in rows]
    return "\n".join(lines) + "\n"


def _cells(row: Row, results: Mapping[str, Result]) -> list[str]:
    result = results[row.name]
    times = ratio(row, result)
    judged = verdict(row, results)
    return [
        row.name,
        row.title,
        f"{'failed; ' if result.problem else ''}{_headline(row, result.ullage)}",
        _reference(row, results),
        "" if times is None else f"{_number(times)} x",
        _headline(row, result.floor),
        _goal(row, judged),
        "" if judged is None else REACHED[judged.reached],
        _spread(result.ullage),
        _spread(result.reference),
        f"{result.seconds:.0f} s",
    ]


def _reference(row: Row, results: Mapping[str, Result]) -> str:
    figures = results[row.name].reference
    other = results.get(row.stands_for)
    if figures is None and other is not None and other.reference is not None and row.stands_for:
        return _other_reference(row, other)
    if figures is None:
        return ""
    if figures.get("value") is not None:
        return _headline(row, figures)
    if "not_within" in figures:
        return f"not within {figures['not_within']:g} s"
    return "failed"


def _other_reference(row: Row, other: Result) -> str:
    figures = other.reference or {}
    if "not_within" in figures:
        return f"not within {figures['not_within']:g} s ({row.stands_for})"
    return f"see {row.stands_for}"


def _headline(row: Row, figures: Figures | None) -> str:
    value = value_of(figures)
    return "" if value is None else f"{_number(value)} {row.unit if row.unit in UNITS else '/s'}"


UNITS = ("ms", "us", "s", "MiB")


def _goal(row: Row, judged: Verdict | None) -> str:
    if judged is None or judged.must is None:
        return ""
    aim = "" if judged.aim is None else f", {_number(judged.aim)}"
    return f"{_number(judged.must)}{aim} {row.unit if row.unit in UNITS else '/s'}"


def _spread(figures: Figures | None) -> str:
    if figures is None or figures.get("median") is None or figures.get("value") is None:
        return ""
    return f"{_number(figures['median'])}, {_number(figures['p99'])} ms"


def _number(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 10 else f"{value:.1f}".removesuffix(".0")


def _notes(row: Row, results: Mapping[str, Result]) -> list[str]:
    result = results[row.name]
    found = [f"failed: {result.problem}"] if result.problem else []
    for name, figures in (("Ullage", result.ullage), ("the reference", result.reference)):
        if figures and "note" in figures:
            found.append(f"{name}: {figures['note']}")
        if figures and "failed" in figures:
            found.append(f"{name} failed: {figures['failed']}")
    theirs = result.reference or {}
    if theirs.get("refused") or theirs.get("broken"):
        broken = f", {theirs['broken']} came too late or not at all" if theirs.get("broken") else ""
        good = theirs["samples"] - theirs["refused"]
        found.append(f"the reference: {good} good answers, {theirs['refused']} that were not 2xx{broken}")
    if row.kind == "load" and "set-up" in results and value_of(results["set-up"].reference):
        writes = 4 * int(row.world.partition("-")[2])
        seconds = writes / (value_of(results["set-up"].reference) or 1)
        found.append(f"the reference has no bulk load; at its rate through the API it would take {seconds:,.0f} s")
    return [f"{row.name}: {'; '.join(found)}"] if found else []
