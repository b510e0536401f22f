"""Microversions: one HISTORY table says what each step brought; nothing outside `api` knows a version.

Code asks `has(version, Feature.X)` or holds a `Since` table and takes its value `at(version)`; nobody compares numbers.
Source of the steps: the Placement API's published microversion history.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Microversion(NamedTuple):
    """A version of the wire; prints as "1.39"."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


class Feature(Enum):
    """Everything that came after 1.0 and that code asks about."""

    AGGREGATES = auto()
    RESOURCE_CLASSES = auto()
    MEMBER_OF = auto()
    RESOURCES_FILTER = auto()
    DELETE_ALL_INVENTORIES = auto()
    TRAITS = auto()
    ENSURE_RESOURCE_CLASS = auto()
    CONSUMER_OWNER = auto()
    PROJECT_USAGES = auto()
    ALLOCATION_CANDIDATES = auto()
    ALLOCATIONS_LINK = auto()
    KEYED_ALLOCATIONS = auto()
    POST_ALLOCATIONS = auto()
    NESTED_PROVIDERS = auto()
    CACHE_HEADERS = auto()
    CANDIDATES_LIMIT = auto()
    CANDIDATES_REQUIRED = auto()
    PROVIDERS_REQUIRED = auto()
    AGGREGATE_GENERATION = auto()
    CREATED_PROVIDER_BODY = auto()
    CANDIDATES_MEMBER_OF = auto()
    FORBIDDEN_TRAITS = auto()
    ERROR_CODES = auto()
    REPEATED_MEMBER_OF = auto()
    GRANULAR_GROUPS = auto()
    RESERVED_MAY_EQUAL_TOTAL = auto()
    ALL_CLASSES_IN_SUMMARIES = auto()
    CONSUMER_GENERATION = auto()
    NESTED_CANDIDATES = auto()
    RESHAPER = auto()
    IN_TREE = auto()
    FORBIDDEN_AGGREGATES = auto()
    STRING_SUFFIXES = auto()
    MAPPINGS = auto()
    ROOT_REQUIRED = auto()
    SAME_SUBTREE = auto()
    REPARENTING = auto()
    CONSUMER_TYPES = auto()
    ANY_TRAITS = auto()


@dataclass(frozen=True, slots=True)
class Row:
    """One step of the history: the minor version, what it brought, and a sentence for the reference page."""

    minor: int
    feature: Feature | None
    sentence: str


HISTORY: tuple[Row, ...] = (
    Row(0, None, "Providers, inventories, usages and allocations."),
    Row(1, Feature.AGGREGATES, "A provider's aggregates can be read and set."),
    Row(2, Feature.RESOURCE_CLASSES, "Resource classes can be listed, made, renamed and deleted."),
    Row(3, Feature.MEMBER_OF, "Providers can be filtered by the aggregates they are in."),
    Row(4, Feature.RESOURCES_FILTER, "Providers can be filtered by the amounts they have room for."),
    Row(5, Feature.DELETE_ALL_INVENTORIES, "All inventories of a provider can be deleted at once."),
    Row(6, Feature.TRAITS, "Traits can be listed, made and deleted, and set on providers."),
    Row(7, Feature.ENSURE_RESOURCE_CLASS, "PUT of a resource class makes sure that it exists, and renames no more."),
    Row(8, Feature.CONSUMER_OWNER, "An allocation names the project and the user it is for."),
    Row(9, Feature.PROJECT_USAGES, "The usages of a project, or of a user in it, can be read."),
    Row(10, Feature.ALLOCATION_CANDIDATES, "Allocation candidates can be asked for."),
    Row(11, Feature.ALLOCATIONS_LINK, "A provider links to its allocations."),
    Row(12, Feature.KEYED_ALLOCATIONS, "Allocations are written as they are read: keyed by provider."),
    Row(13, Feature.POST_ALLOCATIONS, "Allocations of several consumers can be replaced in one request."),
    Row(14, Feature.NESTED_PROVIDERS, "Providers form trees: each may have a parent, and shows its root."),
    Row(15, Feature.CACHE_HEADERS, "Replies carry last-modified and cache-control."),
    Row(16, Feature.CANDIDATES_LIMIT, "The number of candidates can be limited."),
    Row(17, Feature.CANDIDATES_REQUIRED, "Candidates can be asked to have traits; summaries show traits."),
    Row(18, Feature.PROVIDERS_REQUIRED, "Providers can be filtered by the traits they have."),
    Row(19, Feature.AGGREGATE_GENERATION, "Setting aggregates asks for, checks and raises the provider's generation."),
    Row(20, Feature.CREATED_PROVIDER_BODY, "Creating a provider answers with the provider."),
    Row(21, Feature.CANDIDATES_MEMBER_OF, "Candidates can be filtered by aggregates."),
    Row(22, Feature.FORBIDDEN_TRAITS, "Traits can be forbidden."),
    Row(23, Feature.ERROR_CODES, "Errors carry a code."),
    Row(24, Feature.REPEATED_MEMBER_OF, "member_of can be repeated: every one must hold."),
    Row(25, Feature.GRANULAR_GROUPS, "Numbered request groups, each from one provider, and group_policy."),
    Row(26, Feature.RESERVED_MAY_EQUAL_TOTAL, "All of an inventory may be reserved."),
    Row(27, Feature.ALL_CLASSES_IN_SUMMARIES, "Summaries show every resource class of their providers."),
    Row(28, Feature.CONSUMER_GENERATION, "Consumers have generations, asked for and checked on every write."),
    Row(29, Feature.NESTED_CANDIDATES, "A candidate may use several providers of one tree; summaries show it whole."),
    Row(30, Feature.RESHAPER, "Inventories and allocations can be reshaped as one change."),
    Row(31, Feature.IN_TREE, "Candidates can be limited to one tree."),
    Row(32, Feature.FORBIDDEN_AGGREGATES, "Aggregates can be forbidden."),
    Row(33, Feature.STRING_SUFFIXES, "Request groups may have names as suffixes."),
    Row(34, Feature.MAPPINGS, "Candidates say which providers satisfy which group."),
    Row(35, Feature.ROOT_REQUIRED, "Traits can be required of, or forbidden on, the root provider."),
    Row(36, Feature.SAME_SUBTREE, "Groups can be asked to share a subtree, also groups without resources."),
    Row(37, Feature.REPARENTING, "A provider can be moved under another parent, or made a root."),
    Row(38, Feature.CONSUMER_TYPES, "Consumers have types, and usages are shown by type."),
    Row(39, Feature.ANY_TRAITS, "A requirement may be met by any of several traits, and required can be repeated."),
)

MINIMUM = Microversion(1, 0)
LATEST = Microversion(1, HISTORY[-1].minor)

_BIRTHS: Mapping[Feature, int] = {row.feature: row.minor for row in HISTORY if row.feature is not None}


def has(version: Microversion, feature: Feature) -> bool:
    """Whether a version has a feature."""
    return version.minor >= _BIRTHS[feature]


class Since(Generic[T]):
    """A value that changes with the version: `Since(first, {Feature.X: from then on})`.

    A `first` of None says that there is nothing before the first feature.
    """

    def __init__(self, first: T | None, later: Mapping[Feature, T] | None = None) -> None:
        steps = sorted(
            ((_BIRTHS[feature], value) for feature, value in (later or {}).items()), key=lambda step: step[0]
        )
        self._minors = [minor for minor, _ in steps]
        self._values: list[T | None] = [first, *(value for _, value in steps)]

    def at(self, version: Microversion) -> T | None:
        """The value at a version; None if it did not exist yet."""
        return self._values[bisect_right(self._minors, version.minor)]


_VERSION = re.compile(r"([+-]?[0-9]+)\.([+-]?[0-9]+)")
_VERSION_LENGTH_MAX = 4000  # Python turns no more than 4300 digits into a number


def is_served(version: Microversion) -> bool:
    """Whether a version is within the range."""
    return MINIMUM <= version <= LATEST


def parse(text: str) -> Microversion | None:
    """The version that a text names ("1.39", "latest"), or None if it names none; it may be out of range."""
    if text == "latest":
        return LATEST
    match = _VERSION.fullmatch(text)
    if match is None or len(text) > _VERSION_LENGTH_MAX:
        return None
    return Microversion(int(match[1]), int(match[2]))
