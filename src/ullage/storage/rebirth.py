"""Which commands may not share a batch because one could bring back what another took away.

A provider or consumer that is created again is a new one: new key, generation from the start. In a Book both would be
one row that changed, so a command that may create what a command before it may have deleted waits for the next batch.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ullage.model.allocation import Claim
from ullage.model.commands import (
    Command,
    CreateProvider,
    DeleteProvider,
    ReleaseConsumer,
    ReplaceAllocations,
    Reshape,
)


@dataclass(slots=True)
class Vacated:
    """Uuids of what the commands of a batch may delete."""

    providers: set[str] = field(default_factory=set)
    consumers: set[str] = field(default_factory=set)

    def add(self, command: Command) -> None:
        """Count what this command may delete."""
        if isinstance(command, DeleteProvider):
            self.providers.add(command.uuid)
        elif isinstance(command, ReleaseConsumer):
            self.consumers.add(command.consumer_uuid)
        else:
            self.consumers.update(claim.consumer_uuid for claim in _claims(command) if not claim.allocations)

    def is_taken_by(self, command: Command) -> bool:
        """Whether this command may create anew what was counted."""
        if isinstance(command, CreateProvider):
            return command.uuid in self.providers
        if not self.consumers:
            return False
        return any(claim.consumer_uuid in self.consumers for claim in _claims(command) if claim.allocations)


def _claims(command: Command) -> tuple[Claim, ...]:
    return command.claims if isinstance(command, ReplaceAllocations | Reshape) else ()
