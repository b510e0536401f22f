"""The kinds of "no"; `errors` has one class for each meaning below them.

The wire maps a refusal to a status and a code by its class, in one table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(eq=False)
class Refusal(Exception):
    """A request that is answered with "no"."""

    def __post_init__(self) -> None:
        Exception.__init__(self, self.message)

    def __str__(self) -> str:
        return self.message

    sentence: ClassVar[str]
    """What `message` says, with the fields' names in braces."""

    @property
    def message(self) -> str:
        """One sentence for the asker; it names the field, the value and what would be accepted."""
        return self.sentence.format(**vars(self))


class Missing(Refusal):
    """The thing addressed does not exist."""


class Unknown(Refusal):
    """A thing named in the request does not exist."""


class Unacceptable(Refusal):
    """The request breaks a rule of form."""


class Conflict(Refusal):
    """What is stored is not what the asker believed; reading again and asking again may help."""


class InUse(Refusal):
    """The thing cannot go, because others rest on it."""


class Exists(Refusal):
    """A thing of this name exists already."""


class DoesNotFit(Refusal):
    """A capacity or unit rule forbids it."""


class Denied(Refusal):
    """The asker may not do this."""


class Busy(Refusal):
    """The service cannot take this on now."""
