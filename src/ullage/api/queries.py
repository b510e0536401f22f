"""Query strings to questions, by version.

Every question is bounded: at most GROUPS_MAX request groups, SUBTREES_MAX subtrees, TERMS_MAX names, uuids and
amounts in all groups together, suffixes of at most 64 characters. That is far above what clients ask and bounds what
a search can cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ullage.api import query_shapes, query_values
from ullage.api.query_shapes import Query, QueryShape
from ullage.api.uuids import from_dashed
from ullage.api.versions import Feature, Microversion, Since, has
from ullage.model.allocation import NOT_SAID, NotSaid
from ullage.model.errors import BadInput, BadQuestion, MissingQuestion, RepeatedQuestion
from ullage.model.request import CandidateRequest, GroupPolicy, LabelFilter, ProviderFilter, RequestGroup

GROUPS_MAX = 256
SUBTREES_MAX = 64
TERMS_MAX = 4096
LIMIT_DIGITS_MAX = 18
NO_LABELS = LabelFilter()


@dataclass(frozen=True, slots=True)
class TraitQuestion:
    """Which traits: by name or by beginning, and whether any provider has them (None: all the same)."""

    names: frozenset[str] | None = None
    prefix: str | None = None
    associated: bool | None = None


@dataclass(frozen=True, slots=True)
class UsageQuestion:
    """Whose usage, and of consumers of which type (None: without a type; NOT_SAID: of every type).

    `together`: the types are to be summed up.
    """

    project: str
    user: str | None = None
    consumer_type: str | NotSaid | None = NOT_SAID
    together: bool = False


def _checked(table: Since[QueryShape], query: Query, version: Microversion) -> QueryShape:
    shape = table.at(version)
    if shape is None:
        raise LookupError(f"no query at {version}")  # a route that says since when it exists never asks
    shape.check(query)
    return shape


def providers(query: Query, version: Microversion) -> ProviderFilter:
    """GET /resource_providers; raises BadInput."""
    _checked(query_shapes.PROVIDERS, query, version)
    member_of, traits, resources = NO_LABELS, NO_LABELS, {}
    if "member_of" in query:
        member_of = query_values.member_of("member_of", query["member_of"], version)
    if "required" in query:
        traits = query_values.required(query["required"], version)
    if "resources" in query:
        resources = query_values.resources(query["resources"][-1])
    _limit_terms(_terms(resources, traits, member_of))
    return ProviderFilter(
        name=_last(query, "name") or None,
        uuid=_dashed(query, "uuid"),
        resources=resources,
        traits=traits,
        member_of=member_of,
        in_tree=_dashed(query, "in_tree"),
    )


def _last(query: Query, key: str) -> str | None:
    return query[key][-1] if key in query else None


def _dashed(query: Query, key: str) -> str | None:
    return from_dashed(query[key][-1]) if key in query else None


def _terms(resources: Mapping[str, int], traits: LabelFilter, member_of: LabelFilter) -> int:
    labels = (traits, member_of)
    return len(resources) + sum(len(label.forbidden) + sum(map(len, label.required)) for label in labels)


def _limit_terms(terms: int) -> None:
    if terms > TERMS_MAX:
        raise BadInput(f"Invalid query string parameters: more than {TERMS_MAX} names, uuids and amounts")


def candidates(query: Query, version: Microversion) -> CandidateRequest:
    """GET /allocation_candidates; raises BadInput."""
    shape = _checked(query_shapes.CANDIDATES, query, version)
    root_traits = _root_traits(query)
    subtrees = _same_subtrees(query)
    groups = _groups(query, shape, version)
    if has(version, Feature.SAME_SUBTREE):
        _refuse_loose_groups(groups, subtrees)
    else:
        _refuse_orphans(groups)
    if has(version, Feature.FORBIDDEN_TRAITS):
        _refuse_conflicts(groups)
    return CandidateRequest(
        groups=tuple(groups.values()),
        group_policy=_policy(query, groups),
        root_traits=root_traits,
        same_subtrees=subtrees,
        limit=_limit(query),
        nested=has(version, Feature.NESTED_CANDIDATES),
    )


def _limit(query: Query) -> int | None:
    if "limit" not in query:
        return None
    digits = query["limit"][0]
    return int(digits) if len(digits) <= LIMIT_DIGITS_MAX else int("9" * LIMIT_DIGITS_MAX)


def _root_traits(query: Query) -> LabelFilter:
    if "root_required" not in query:
        return NO_LABELS
    if len(query["root_required"]) > 1:
        raise RepeatedQuestion("Query parameter 'root_required' may be specified only once.")
    traits = query_values.root_required(query["root_required"][0])
    conflicts = _conflicts(traits)
    if conflicts:
        raise BadQuestion(f"Conflicting required and forbidden traits found in root_required: {', '.join(conflicts)}")
    _limit_terms(_terms({}, traits, NO_LABELS))
    return traits


def _conflicts(traits: LabelFilter) -> list[str]:
    """The sets (as text) of which every trait is forbidden."""
    return [", ".join(sorted(names)) for names in traits.required if names <= traits.forbidden]


def _same_subtrees(query: Query) -> tuple[frozenset[str], ...]:
    subtrees: dict[frozenset[str], None] = {}
    for value in query.get("same_subtree", ()):
        suffixes = frozenset(part.strip() for part in value.split(","))
        if "" in suffixes:
            raise BadQuestion("Empty string (unsuffixed group) can not be specified in `same_subtree`")
        subtrees[suffixes] = None
        if len(subtrees) > SUBTREES_MAX:
            raise BadQuestion(f"Invalid query string parameters: more than {SUBTREES_MAX} different `same_subtree`")
    return tuple(subtrees)


@dataclass(slots=True)
class _Parts:
    """A request group in the making."""

    resources: Mapping[str, int]
    traits: LabelFilter = NO_LABELS
    member_of: LabelFilter = NO_LABELS
    in_tree: str | None = None


def _groups(query: Query, shape: QueryShape, version: Microversion) -> dict[str, RequestGroup]:
    """The groups by suffix, in order of appearance; "" is the unsuffixed one."""
    parts: dict[str, _Parts] = {}
    for key, values in query.items():
        kind, suffix = _kind_and_suffix(key, shape)
        if kind is None:
            continue
        if suffix not in parts and len(parts) == GROUPS_MAX:
            raise BadInput(f"Invalid query string parameters: more than {GROUPS_MAX} request groups")
        group = parts.setdefault(suffix, _Parts({}))
        match kind:
            case "resources":
                group.resources = [query_values.resources(value) for value in values][-1]
            case "required":
                group.traits = query_values.required(values, version)
            case "member_of":
                group.member_of = query_values.member_of(key, values, version)
            case "in_tree":
                group.in_tree = [query_values.in_tree(value) for value in values][-1]
    _limit_terms(sum(_terms(group.resources, group.traits, group.member_of) for group in parts.values()))
    return {
        suffix: RequestGroup(suffix, group.resources, group.traits, group.member_of, group.in_tree)
        for suffix, group in parts.items()
    }


def _kind_and_suffix(key: str, shape: QueryShape) -> tuple[str | None, str]:
    if shape.group_key is None:
        return (key, "") if key in query_shapes.GROUP_KEYS else (None, "")
    match = shape.group_key.fullmatch(key)
    return (match[1], match[2] or "") if match else (None, "")


def _refuse_loose_groups(groups: Mapping[str, RequestGroup], subtrees: tuple[frozenset[str], ...]) -> None:
    """A group without resources must be tied to others, and only groups that exist can be tied."""
    tied = frozenset().union(*subtrees)
    resourceless = [suffix for suffix, group in groups.items() if not group.resources]
    if len(resourceless) == len(groups):
        raise MissingQuestion("There must be at least one resources or resources[$S] parameter.")
    loose = [suffix for suffix in resourceless if suffix not in tied]
    if loose:
        raise BadQuestion(
            "Resourceless suffixed group request should be specified in `same_subtree` query param: "
            f"bad group(s) - {loose}."
        )
    strange = sorted(suffix for suffix in tied if suffix not in groups)
    if strange:
        raise BadQuestion(
            f"Real suffixes should be specified in `same_subtree`: {strange} not found in {list(groups)}."
        )


def _refuse_orphans(groups: Mapping[str, RequestGroup]) -> None:
    """Before groups could do without resources, what constrained no resources was a mistake."""
    idle = {suffix: group for suffix, group in groups.items() if not group.resources}
    orphans = [f"required{suffix}" for suffix, group in idle.items() if group.traits.required]
    if orphans:
        raise BadInput(
            "All traits parameters must be associated with resources.  "
            f"Found the following orphaned traits keys: {', '.join(orphans)}"
        )
    orphans = [f"member_of{suffix}" for suffix, group in idle.items() if group.member_of]
    if orphans:
        raise BadInput(
            "All member_of parameters must be associated with resources. "
            f"Found the following orphaned member_of keys: {', '.join(orphans)}"
        )
    if idle:
        raise BadInput("All request groups must specify resources.")
    if not groups:
        raise BadInput("At least one request group (`resources` or `resources{$S}`) is required.")


def _refuse_conflicts(groups: Mapping[str, RequestGroup]) -> None:
    conflicts = [
        f"required{suffix}: ({names})" for suffix, group in groups.items() for names in _conflicts(group.traits)
    ]
    if conflicts:
        raise BadInput(
            "Conflicting required and forbidden traits found in the following traits keys: "
            f"{', '.join(sorted(conflicts))}"
        )


def _policy(query: Query, groups: Mapping[str, RequestGroup]) -> GroupPolicy | None:
    if "group_policy" in query:
        return GroupPolicy(query["group_policy"][0])
    if sum(1 for suffix in groups if suffix) > 1:
        raise BadInput(
            'The "group_policy" parameter is required when specifying more than one "resources{N}" parameter.'
        )
    return None


def traits(query: Query, version: Microversion) -> TraitQuestion:
    """GET /traits; raises BadInput."""
    _checked(query_shapes.TRAITS, query, version)
    names, prefix, associated = None, None, None
    if "name" in query:
        operator, separator, value = query["name"][-1].partition(":")
        if operator == "in" and separator:
            names = frozenset(value.split(","))
        elif operator == "startswith" and separator:
            prefix = value
        else:
            raise BadInput(
                "Badly formatted name parameter. Expected name query string parameter in form: "
                f'?name=[in|startswith]:[name1,name2|prefix]. Got: "{query["name"][-1]}"'
            )
        _limit_terms(len(names or ()))
    if "associated" in query:
        said = query["associated"][-1].lower()
        if said not in ("true", "false"):
            raise BadInput('The query parameter "associated" only accepts "true" or "false"')
        associated = said == "true"
    return TraitQuestion(names, prefix, associated)


def usages(query: Query, version: Microversion) -> UsageQuestion:
    """GET /usages; raises BadInput. Before usages had types, they are asked for together."""
    _checked(query_shapes.USAGES, query, version)
    project, user = query["project_id"][-1], _last(query, "user_id")
    consumer_type = _last(query, "consumer_type")
    if consumer_type in (None, "all"):
        together = consumer_type == "all" or not has(version, Feature.CONSUMER_TYPES)
        return UsageQuestion(project, user, NOT_SAID, together)
    return UsageQuestion(project, user, None if consumer_type == "unknown" else consumer_type)
