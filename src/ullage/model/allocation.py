"""Consumers, what they hold and what they shall hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal


class _NotSaid(Enum):
    NOT_SAID = "not said"

    def __repr__(self) -> str:
        return "NOT_SAID"


NOT_SAID: Final = _NotSaid.NOT_SAID
"""A field that the caller did not mention, as distinct from one that is null."""

NotSaid = Literal[_NotSaid.NOT_SAID]

Held = Mapping[str, Mapping[str, int]]
"""Provider uuid -> resource class name -> amount."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who holds allocations. A consumer exists only while it holds at least one."""

    uuid: str
    project: str
    user: str
    consumer_type: str | None
    generation: int


@dataclass(frozen=True, slots=True)
class Claim:
    """All that one consumer shall hold from now on; empty `allocations` release everything.

    `expected_generation`: NOT_SAID skips the check, None says that the consumer must not exist yet.
    `consumer_type`: NOT_SAID keeps the type that the consumer has (none, when it is new).
    """

    consumer_uuid: str
    allocations: Held
    project: str
    user: str
    consumer_type: str | NotSaid = NOT_SAID
    expected_generation: int | NotSaid | None = NOT_SAID


@dataclass(frozen=True, slots=True)
class ProviderHeld:
    """What a consumer holds on one provider, with that provider's generation."""

    generation: int
    resources: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ConsumerAllocations:
    """A consumer with everything it holds, by provider uuid."""

    consumer: Consumer
    allocations: Mapping[str, ProviderHeld]
    updated_us: int = 0


@dataclass(frozen=True, slots=True)
class ConsumerHeld:
    """What one consumer holds on a provider that is being looked at."""

    consumer_generation: int
    resources: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ProviderAllocations:
    """A provider's generation with everything held on it, by consumer uuid."""

    generation: int
    allocations: Mapping[str, ConsumerHeld]
    updated_us: int = 0


@dataclass(frozen=True, slots=True)
class TypeUsage:
    """The usage of all consumers of one type (None: consumers without a type)."""

    consumer_type: str | None
    consumer_count: int
    resources: Mapping[str, int]
