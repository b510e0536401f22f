"""Commands whose outcome is told later, instead of waited for."""

from __future__ import annotations

from collections.abc import Callable

from ullage.model.commands import Command, Result
from ullage.model.origin import NOBODY, Origin
from ullage.operations.service import Service

Outcome = Result | Exception
"""What became of a command: its result, its refusal, or an error that is a bug."""


def submit(service: Service, command: Command, tell: Callable[[Outcome], object], origin: Origin = NOBODY) -> None:
    """Have a command decided and stored; see Committer.submit."""
    service.committer.submit(command, tell, origin)


def run(service: Service, command: Command, origin: Origin) -> Outcome:
    """Have a command decided and stored, and wait for what becomes of it."""
    try:
        return service.committer.run(command, origin)
    except Exception as error:  # noqa: BLE001 # it is an outcome like any other, for the asker to look at
        return error


def result(outcome: Outcome) -> Result:
    """What a command answered; raises what it was refused for, or what failed."""
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
