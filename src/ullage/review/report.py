"""What a review says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, IntEnum


class Severity(IntEnum):
    """How bad an observation is; INFO is no fault."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        """As it is written."""
        return self.name.lower()


class Area(Enum):
    """What is reviewed, in this order."""

    INJECTION = "SQL injection"
    ERRORS = "Errors"
    LOGGING = "Logging"
    VALIDATION = "Validation"
    TRANSACTIONS = "Transactions"
    ACCESS = "Access control"
    DEPENDENCIES = "Dependencies"
    EXHAUSTION = "Exhaustion"
    ENCRYPTION = "Encryption"


@dataclass(frozen=True)
class Observation:
    """One thing that a check saw. `remedy` is what to do, empty if nothing needs to be done."""

    check: str
    area: Area
    severity: Severity
    seen: str
    remedy: str = ""


@dataclass(frozen=True)
class Report:
    """All observations of a review, the worst of each area first."""

    observations: tuple[Observation, ...]

    @staticmethod
    def of(observations: Iterable[Observation]) -> Report:
        """A report in its order."""
        order = {area: place for place, area in enumerate(Area)}
        return Report(tuple(sorted(observations, key=lambda each: (order[each.area], -each.severity, each.check))))

    @property
    def worst(self) -> Severity:
        """The highest severity; INFO if there is no fault."""
        return max((each.severity for each in self.observations), default=Severity.INFO)

    @property
    def verdict(self) -> str:
        """One sentence."""
        counts = [(level, sum(each.severity is level for each in self.observations)) for level in reversed(Severity)]
        faults = [f"{count} {level.word}" for level, count in counts if count and level is not Severity.INFO]
        return f"Faults found: {', '.join(faults)}." if faults else "No fault found."

    def of_area(self, area: Area) -> tuple[Observation, ...]:
        """What was seen in one area."""
        return tuple(each for each in self.observations if each.area is area)
