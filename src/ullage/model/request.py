"""What a search asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class GroupPolicy(Enum):
    """Whether suffixed groups may share a provider."""

    NONE = "none"
    ISOLATE = "isolate"


class Strategy(Enum):
    """In which order candidates are made over the anchors (roots)."""

    DEPTH_FIRST = "depth-first"
    BREADTH_FIRST = "breadth-first"


@dataclass(frozen=True, slots=True)
class LabelFilter:
    """Constraints on traits or on aggregates: of every set in `required` one must be there, of `forbidden` none."""

    required: tuple[frozenset[str], ...] = ()
    forbidden: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.required or self.forbidden)


@dataclass(frozen=True, slots=True)
class RequestGroup:
    """What shall come from one place: `suffix` "" is the unsuffixed group, which may be spread over a tree."""

    suffix: str
    resources: Mapping[str, int] = field(default_factory=dict)
    traits: LabelFilter = LabelFilter()
    member_of: LabelFilter = LabelFilter()
    in_tree: str | None = None


@dataclass(frozen=True, slots=True)
class CandidateRequest:
    """A question for allocation candidates.

    `nested`: one candidate may use several providers of one tree, and summaries cover whole trees (Placement 1.29).
    `permutations`: candidates that differ only in their mappings are distinct answers. Placement's are, also where the
    reply shows no mappings (before 1.34): its command-line client's tests count them.
    `seed`: None keeps the order of provider keys; a number shuffles, reproducibly.
    """

    groups: tuple[RequestGroup, ...]
    group_policy: GroupPolicy | None = None
    root_traits: LabelFilter = LabelFilter()
    same_subtrees: tuple[frozenset[str], ...] = ()
    limit: int | None = None
    nested: bool = True
    permutations: bool = True
    strategy: Strategy = Strategy.DEPTH_FIRST
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class ProviderFilter:
    """A question for providers; everything said must hold of the provider itself."""

    name: str | None = None
    uuid: str | None = None
    resources: Mapping[str, int] = field(default_factory=dict)
    traits: LabelFilter = LabelFilter()
    member_of: LabelFilter = LabelFilter()
    in_tree: str | None = None
