"""Until when database servers and Python are cared for by those who make them, and the checks of that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from ullage.review.check import Check, DatabaseCheck, Saying
from ullage.review.deployment import Deployment
from ullage.review.report import Area, Severity
from ullage.storage.privileges import DatabaseFacts

TABLE_OF = date(2026, 11, 24)
"""When the table was last compared with its sources:
https://www.postgresql.org/support/versioning/ and https://mariadb.org/about/#maintenance-policy,
https://endoflife.date/mariadb for the series that are not kept long."""

ENDS: Mapping[str, Mapping[str, date]] = {
    "postgresql": {
        "15": date(2027, 11, 11),
        "16": date(2028, 11, 9),
        "17": date(2029, 11, 8),
        "18": date(2030, 11, 14),
    },
    "mariadb": {
        "10.11": date(2028, 2, 16),
        "11.0": date(2024, 6, 6),
        "11.1": date(2024, 8, 21),
        "11.2": date(2024, 11, 21),
        "11.3": date(2024, 5, 29),
        "11.4": date(2029, 5, 29),
        "11.5": date(2024, 11, 21),
        "11.6": date(2025, 2, 13),
        "11.7": date(2025, 5, 12),
        "11.8": date(2028, 6, 4),
        "12.0": date(2025, 11, 18),
        "12.1": date(2026, 2, 13),
        "12.2": date(2026, 5, 13),
        "12.3": date(2029, 6, 30),
    },
}
"""Kind -> series -> the day after which nobody mends it. Older series are refused at the start."""
PYTHON_ENDS: Mapping[str, date] = {
    "3.11": date(2027, 10, 31),
    "3.12": date(2028, 10, 31),
    "3.13": date(2029, 10, 31),
    "3.14": date(2030, 10, 31),
}
"""The same of Python, from https://devguide.python.org/versions/ (by the month)."""
SOON = timedelta(days=180)


class DatabaseVersion(DatabaseCheck):
    """The database server is one that its makers still mend."""

    name, area = "database-version", Area.DEPENDENCIES

    def judge(self, database: DatabaseFacts, deployment: Deployment) -> Iterator[Saying]:
        what = f"{database.kind} {database.version}"
        if database.kind not in ENDS:
            yield Severity.INFO, f"{what}: its makers end no series; it comes with Python.", ""
            return
        yield _judged(what, ENDS[database.kind].get(series(database.kind, database.version)), deployment.today)


class PythonVersion(Check):
    """Python is one that its makers still mend."""

    name, area = "python-version", Area.DEPENDENCIES

    def look(self, deployment: Deployment) -> Iterator[Saying]:
        version = deployment.versions.get("Python", "")
        yield _judged(f"Python {version}", PYTHON_ENDS.get(series("python", version)), deployment.today)


def _judged(what: str, end: date | None, today: date) -> Saying:
    if end is None:
        return Severity.INFO, f"{what} is not in the table of {TABLE_OF}: see until when its makers mend it.", ""
    if end < today:
        remedy = "Move to a series that is: docs/operating/databases.md, docs/start.md."
        return Severity.HIGH, f"{what} has not been mended by its makers since {end}.", remedy
    if end < today + SOON:
        return Severity.LOW, f"{what} is mended by its makers until {end} only.", "Plan the move to a newer series."
    return Severity.INFO, f"{what} is mended by its makers until {end}.", ""


def series(kind: str, version: str) -> str:
    """The series of a version: 15 of PostgreSQL 15.4, 10.11 of MariaDB 10.11.6."""
    return ".".join(version.split(".")[: 1 if kind == "postgresql" else 2])
