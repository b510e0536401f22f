"""What an option is: a field of a dataclass of options, with all that is to be known about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class SettingsError(Exception):
    """An option has a value that it cannot have; the sentence names the option, the value and what is accepted."""


@dataclass(frozen=True)
class Option:
    """What is to be known about an option beside its name. Bounds are inclusive."""

    default: Any
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    accepted: str = ""
    """What `pattern` means, in words."""
    is_secret: bool = False
    is_on_command_line: bool = True


def option(default: Any, help: str, **details: Any) -> Any:
    """A field of a dataclass of options; see Option for the details."""
    return field(default=default, metadata={"option": Option(default, help, **details)})
