"""A report as text, JSON, SARIF 2.1.0 or Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ullage import __version__
from ullage.review.report import Area, Observation, Report, Severity

SARIF_LEVELS = {
    Severity.INFO: "none",
    Severity.LOW: "note",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}
SARIF_SCORES = {
    Severity.INFO: "0.0",
    Severity.LOW: "3.0",
    Severity.MEDIUM: "5.5",
    Severity.HIGH: "8.0",
    Severity.CRITICAL: "9.5",
}
"""What readers of SARIF sort by, on the scale of CVSS."""


def text(report: Report) -> str:
    """For a terminal."""
    lines = []
    for area in Area:
        lines.append(area.value)
        for each in report.of_area(area):
            lines.append(f"  {each.severity.word:<8}  {each.seen}  [{each.check}]")
            lines += [f"            To do: {each.remedy}"] if each.remedy else []
    return "\n".join([*lines, "", report.verdict])


def markdown(report: Report) -> str:
    """For a page."""
    lines = ["# Review of an Ullage deployment", "", report.verdict]
    for area in Area:
        lines += ["", f"## {area.value}", "", "| severity | check | seen | to do |", "|---|---|---|---|"]
        lines += [
            f"| {each.severity.word} | {each.check} | {_cell(each.seen)} | {_cell(each.remedy)} |"
            for each in report.of_area(area)
        ]
    return "\n".join(lines)


def as_json(report: Report) -> str:
    """For programs."""
    areas = [{"area": area.value, "observations": [_object(each) for each in report.of_area(area)]} for area in Area]
    whole = {"ullage": __version__, "verdict": report.verdict, "worst": report.worst.word, "areas": areas}
    return json.dumps(whole, indent=2)


def sarif(report: Report) -> str:
    """For code scanning services."""
    checks = {each.check: each.area for each in report.observations}
    rules = [{"id": name, "shortDescription": {"text": f"{area.value}: {name}"}} for name, area in checks.items()]
    driver = {"name": "ullage review", "version": __version__, "rules": rules}
    run = {"tool": {"driver": driver}, "results": [_result(each) for each in report.observations]}
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2)


FORMATS: Mapping[str, Callable[[Report], str]] = {"text": text, "json": as_json, "sarif": sarif, "md": markdown}


def _object(each: Observation) -> dict[str, str]:
    return {"check": each.check, "severity": each.severity.word, "seen": each.seen, "remedy": each.remedy}


def _result(each: Observation) -> dict[str, Any]:
    return {
        "ruleId": each.check,
        "kind": "pass" if each.severity is Severity.INFO else "fail",
        "level": SARIF_LEVELS[each.severity],
        "message": {"text": f"{each.seen} {each.remedy}".strip()},
        "locations": [{"logicalLocations": [{"name": each.area.value, "kind": "module"}]}],
        "properties": {"security-severity": SARIF_SCORES[each.severity], "severity": each.severity.word},
    }


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")
