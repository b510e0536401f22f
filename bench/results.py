"""What a row gave: plain data that goes to latest.json and back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

Figures = dict[str, Any]
"""`value`, the headline in the row's unit, and where there are answers their `median` and `p99` in milliseconds, how
many `samples`, and how many were `refused` (not 2xx). Of a service that did not finish: `not_within` (seconds), or
`failed` (why). Anything may have a `note`."""


@dataclass(slots=True)
class Result:
    """One row's figures. `problem` says why the row failed."""

    name: str
    is_quick: bool
    when: str
    """Local time with its zone, to the second."""
    ullage: Figures | None = None
    reference: Figures | None = None
    floor: Figures | None = None
    """With `what` it is."""
    seconds: float = 0.0
    """What the row took, with loading and starting."""
    problem: str | None = None

    def fail(self, problem: str) -> None:
        """Note what is wrong; the first problem stays in front."""
        self.problem = problem if self.problem is None else f"{self.problem}; {problem}"

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


def result(data: dict[str, Any]) -> Result:
    """The result that `as_data` made this of; unknown entries are left out."""
    known = {each.name for each in fields(Result)}
    return Result(**{name: value for name, value in data.items() if name in known})
