"""What must be locked and read before commands can be decided."""

from __future__ import annotations

from dataclasses import dataclass, field, fields


@dataclass(slots=True)
class Needs:
    """Public keys of the rows that a decision looks at; keys that do not exist are fine and are read as absent.

    Whatever is named here is locked first (consumers before providers, each in order of integer key) and read after,
    in later statements. A provider that is read always brings its row, its root's row and all its inventories.
    """

    providers: set[str] = field(default_factory=set)
    provider_names: set[str] = field(default_factory=set)
    """Names whose owner must be known."""
    parents: set[str] = field(default_factory=set)
    """Providers that shall get a child: also their roots are locked."""
    children_of: set[str] = field(default_factory=set)
    """Providers whose direct children must be read; their roots are locked."""
    trees: set[str] = field(default_factory=set)
    """Providers whose whole trees must be read (rows only, no inventories); their roots are locked."""
    traits_of: set[str] = field(default_factory=set)
    """Providers whose traits must be read."""
    aggregates_of: set[str] = field(default_factory=set)
    """Providers whose aggregates must be read."""
    consumers: set[str] = field(default_factory=set)
    """Consumers, with all they hold; the providers they hold on are read as if named in `providers`."""
    resource_classes: set[str] = field(default_factory=set)
    traits: set[str] = field(default_factory=set)
    """Resource classes and traits by name."""
    use_of_classes: set[str] = field(default_factory=set)
    use_of_traits: set[str] = field(default_factory=set)
    """Names of which it must be known whether anything uses them."""
    alone: bool = False
    """The command must not share its batch: it asks about rows (the use of a name) that a Book does not hold."""

    def add(self, other: Needs) -> None:
        """Make this the union of both."""
        self.alone = self.alone or other.alone
        for name in _SETS:
            more = getattr(other, name)
            if more:
                getattr(self, name).update(more)


_SETS = tuple(each.name for each in fields(Needs) if each.name != "alone")
