"""What every operation works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from ullage.engine.effort import WORK_MAX
from ullage.model.request import Strategy
from ullage.operations.turns import Turns

if TYPE_CHECKING:
    from ullage.operations.mirror import Mirror
    from ullage.storage.committer import Committer
    from ullage.storage.unit import Store


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How candidates are made when a request does not say: see the settings of the same names."""

    candidates_max: int = 100_000
    work_max: int = WORK_MAX
    strategy: Strategy = Strategy.DEPTH_FIRST
    randomise: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """One process's parts: the store to read from, the committer that alone writes, the mirror to search in."""

    store: Store
    committer: Committer
    mirror: Mirror
    search_options: SearchOptions = SearchOptions()
    searching: Turns = field(default_factory=Turns)
    """At searching, the writing of the answer included."""
    incomplete_consumer_project: str = "00000000-0000-0000-0000-000000000000"
    incomplete_consumer_user: str = "00000000-0000-0000-0000-000000000000"
    """Who owns allocations written by clients that name no owner (before 1.8)."""


Kind = TypeVar("Kind")


def answered(kind: type[Kind], result: object) -> Kind:
    """The result of a command as the kind that its docstring names."""
    if not isinstance(result, kind):
        raise TypeError(f"a command answered {result!r} instead of a {kind.__name__}")  # the ledger's bug, never data's
    return result
