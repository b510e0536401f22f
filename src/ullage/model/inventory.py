"""What a provider offers of one resource class, and the only capacity arithmetic of the project."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

INTEGER_MAX = 2**31 - 1
"""The largest total, reserved, unit, step or amount: Placement's `INT` columns set it."""

RATIO_MAX = 3.40282e38
"""The largest allocation ratio that Placement accepts (a single-precision float's)."""


class Misfit(Enum):
    """Why an amount does not fit an inventory."""

    UNITS = "units"
    CAPACITY = "capacity"


@dataclass(frozen=True, slots=True)
class Inventory:
    """An amount of one resource class on one provider, and the rules for taking from it."""

    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int = INTEGER_MAX
    step_size: int = 1
    allocation_ratio: float = 1.0

    @property
    def capacity(self) -> int:
        """The most that may be used: floor((total - reserved) * allocation_ratio)."""
        return math.floor((self.total - self.reserved) * self.allocation_ratio)

    def admits_amount(self, amount: int) -> bool:
        """Whether one allocation row may have this amount (min_unit, max_unit, step_size)."""
        return self.min_unit <= amount <= self.max_unit and amount % self.step_size == 0

    def admits_total(self, before: int, after: int) -> bool:
        """Law 1: the use after a request is within capacity, or no worse than before it."""
        return after <= self.capacity or after <= before

    def why_unfit(self, used: int, amount: int) -> Misfit | None:
        """Why `amount` cannot be taken beside `used`, or None if it can; units are judged first."""
        if not self.admits_amount(amount):
            return Misfit.UNITS
        if used + amount > self.capacity:
            return Misfit.CAPACITY
        return None
