"""The command that reviews a deployment."""

from __future__ import annotations

from pathlib import Path

import httpx

from ullage.cli.trouble import Trouble
from ullage.review.checks import reviewed
from ullage.review.formats import FORMATS
from ullage.review.gather import deployment
from ullage.review.report import Severity
from ullage.settings import Settings

STATUS_BASE = 10
"""The exit status of a fault is this and the number of its severity: low 11, medium 12, high 13, critical 14."""


def review(settings: Settings, config: Path | None, url: str | None, form: str, fail_on: str) -> tuple[str, int]:
    """What the review prints, and the exit status; raises Trouble for unknown words and a service that is not there."""
    severities = {each.word: each for each in Severity if each is not Severity.INFO}
    if form not in FORMATS:
        raise Trouble(f"option --format: {form!r} is not accepted. Accepted: {', '.join(FORMATS)}.")
    if fail_on not in severities:
        raise Trouble(f"option --fail-on: {fail_on!r} is not accepted. Accepted: {', '.join(severities)}.")
    try:
        report = reviewed(deployment(settings, config, url))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Trouble(f"option --url: the service does not answer there ({type(error).__name__})") from None
    return FORMATS[form](report), STATUS_BASE + report.worst if report.worst >= severities[fail_on] else 0
