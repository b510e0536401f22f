"""Results on file: latest.json, the Markdown table, the plots, and what docs/performance.md has between its marks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import ROOT, plots, table
from bench.goals import ratio, verdict
from bench.results import Result, result
from bench.rows import ROWS

LATEST = ROOT / "bench" / "results" / "latest.json"
OF_A_MACHINE = ("processor", "cores", "memory", "kernel")
"""What has to be the same for rows to stand in one table."""
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


@dataclass
class Book:
    """All results of a run by row, kept in a file."""

    file: Path
    machine: dict[str, Any]
    is_quick: bool
    results: dict[str, Result]

    @classmethod
    def open(cls, file: Path, machine: dict[str, Any], *, is_quick: bool, keeps: bool) -> Book:
        """A new book, or, if it keeps, one with the file's results of rows that still are and from such a machine."""
        results: dict[str, Result] = {}
        if keeps and file.exists():
            known = {row.name for row in ROWS}
            data = json.loads(file.read_text())
            if all(data["machine"].get(name) == machine.get(name) for name in OF_A_MACHINE):
                results = {name: result(each) for name, each in data["rows"].items() if name in known}
        return cls(file, machine, is_quick, results)

    def has_good(self, name: str) -> bool:
        """Whether a row is there, did not fail, and was measured as thoroughly as this run does."""
        found = self.results.get(name)
        return found is not None and found.problem is None and found.is_quick == self.is_quick

    def transactions(self) -> dict[int, float]:
        """pgbench's rates of the run that is gone on with, by clients."""
        found = {}
        for row in ROWS:
            each = self.results.get(row.name)
            if each and each.floor and self.has_good(row.name) and each.floor["what"].startswith("pgbench"):
                found[row.clients] = float(each.floor["value"])
        return found

    def keep(self, measured: Result) -> None:
        """Take a result in, in place of an older one, and write the file."""
        self.results[measured.name] = measured
        self.save()

    def save(self) -> None:
        """Write latest.json."""
        order = [row.name for row in ROWS if row.name in self.results]
        rows = {name: self._row(name) for name in order}
        data = {"machine": self.machine, "is_quick": self.is_quick, "rows": rows}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        partly = self.file.with_suffix(".partly")
        partly.write_text(json.dumps(data, indent=1) + "\n")
        partly.replace(self.file)  # an interruption leaves the old file or the new one

    def _row(self, name: str) -> dict[str, Any]:
        row = next(row for row in ROWS if row.name == name)
        judged = verdict(row, self.results)
        goal = None if judged is None else {"must": judged.must, "aim": judged.aim, "reached": judged.reached}
        found = self.results[name]
        described = {"section": row.section, "title": row.title, "unit": row.unit, "workers": row.workers}
        return {**found.as_data(), **described, "ratio": ratio(row, found), "goal": goal}

    def publish(self, page: Path | None) -> None:
        """Write everything that people read; the page gets the table between its marks."""
        self.save()
        folder = self.file.parent
        text = table.text(self.results, self.machine, is_quick=self.is_quick)
        (folder / "latest.md").write_text(text)
        drawn = plots.draw(self.results)
        for name, image in drawn.items():
            (folder / name).write_text(image)
        for name in set(plots.NAMES) - drawn.keys():
            (folder / name).unlink(missing_ok=True)
        if page is not None:
            images = "".join(f"![{plots.NAMES[name]}](../bench/results/{name})\n\n" for name in drawn)
            page.write_text(put_between(page.read_text(), f"{images}{text}"))


def put_between(page: str, text: str) -> str:
    """The page with this text between the marks; raises ValueError if they are not there."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}"


def last_line(results: Mapping[str, Result], left_out: int, seconds: float) -> str:
    """What a script reads."""
    verdicts = [verdict(row, results) for row in ROWS if row.name in results]
    judged = [each.reached for each in verdicts if each is not None and each.reached != "unknown"]
    reached = sum(each in ("must", "aim") for each in judged)
    failed = sum(each.problem is not None for each in results.values())
    return (
        f"BENCH rows={len(results)} must_reached={reached}/{len(judged)} failed={failed} "
        f"left_out={left_out} seconds={seconds:.0f}"
    )
