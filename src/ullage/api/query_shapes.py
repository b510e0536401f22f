"""Which query keys a version takes and what each value must look like; the meaning of values is in `query_values`.

Like bodies, queries are judged by code of our own and worded by jsonschema: clients match its sentences.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from jsonschema import FormatChecker

from ullage.api.decoding import Wording, shortened
from ullage.api.uuids import from_dashed
from ullage.api.versions import Feature, Since
from ullage.model.errors import BadInput
from ullage.model.names import NAME_LENGTH_MAX

Query = Mapping[str, list[str]]
"""Decoded query keys in order of appearance, each with all its values."""

_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("uuid")
def _is_dashed_uuid(value: object) -> bool:
    return not isinstance(value, str) or from_dashed(value) is not None


class Value(NamedTuple):
    """What the value of a key must look like: a JSON schema for the words, a function for the judgement."""

    schema: Mapping[str, Any]
    admits: Callable[[str], bool]
    first_counts: bool = False
    """Of repeated values the first counts (else the last, or all)."""


def _matching(pattern: str, **rules: Any) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


TEXT = Value({"type": "string"}, lambda text: True)
UUID = Value({"type": "string", "format": "uuid"}, lambda text: from_dashed(text) is not None)
LIMIT = Value({"type": "string", "pattern": "^[1-9][0-9]*$"}, _matching("[1-9][0-9]*"), first_counts=True)
POLICY = Value(
    {"type": "string", "enum": ["none", "isolate"]}, lambda text: text in ("none", "isolate"), first_counts=True
)
OWNER = Value(
    {"type": "string", "minLength": 1, "maxLength": NAME_LENGTH_MAX}, lambda text: 0 < len(text) <= NAME_LENGTH_MAX
)
CONSUMER_TYPE = Value(
    {"type": "string", "pattern": "^[A-Z0-9_]+$|^all$|^unknown$", "minLength": 1, "maxLength": NAME_LENGTH_MAX},
    _matching("(?=.{1,255}$)(?:[A-Z0-9_]+|all|unknown)"),
)

GROUP_KEYS = ("resources", "required", "member_of", "in_tree")


class QueryShape:
    """The keys of one route at some version: fixed ones, and those that take a group's suffix."""

    def __init__(
        self,
        keys: Mapping[str, Value],
        required: tuple[str, ...] = (),
        grouped: tuple[str, ...] = (),
        suffix: str = "",
    ) -> None:
        self.keys = keys
        self.required = required
        self.group_key = re.compile(f"({'|'.join(grouped)})({suffix})?") if grouped else None
        """Matches a whole key as (kind, suffix)."""
        self._firsts = tuple(key for key, value in keys.items() if value.first_counts)
        self._wording = Wording(_schema(keys, required, grouped, suffix), _FORMATS)

    def check(self, query: Query) -> None:
        """Raise BadInput unless every key is known and the values that count look right."""
        for key, values in query.items():
            if any("\0" in value for value in values):
                raise BadInput(f"Invalid query string parameters: {key!r} holds a NUL character")
        last = {key: values[-1] for key, values in query.items()}
        self._judge(last)
        first = {key: query[key][0] for key in self._firsts if key in query}
        self._judge({**last, **first})

    def _judge(self, values: Mapping[str, str]) -> None:
        if all(map(self._admits, values.items())) and all(key in values for key in self.required):
            return
        fault = self._wording.fault(dict(values))
        if fault is None:  # the schema's `$` lets a trailing newline pass
            bad = [key for key, value in values.items() if not self._admits((key, value))]
            fault = f"bad key or value: {shortened(', '.join(map(repr, bad)))}"
        raise BadInput(f"Invalid query string parameters: {fault}")

    def _admits(self, item: tuple[str, str]) -> bool:
        key, text = item
        value = self.keys.get(key)
        if value is not None:
            return value.admits(text)
        return self.group_key is not None and self.group_key.fullmatch(key) is not None


def _schema(
    keys: Mapping[str, Value], required: tuple[str, ...], grouped: tuple[str, ...], suffix: str
) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {key: value.schema for key, value in keys.items()},
        "required": list(required),
        "additionalProperties": False,
    }
    if grouped:
        schema["patternProperties"] = {f"^{kind}({suffix})?$": {"type": "string"} for kind in grouped}
    return schema


NUMBERED = "[1-9][0-9]*"
NAMED = "[a-zA-Z0-9_-]{1,64}"

_LIMITED = {"resources": TEXT, "limit": LIMIT}
_WIDE = {"limit": LIMIT, "group_policy": POLICY}

CANDIDATES: Since[QueryShape] = Since(
    None,
    {
        Feature.ALLOCATION_CANDIDATES: QueryShape({"resources": TEXT}, ("resources",)),
        Feature.CANDIDATES_LIMIT: QueryShape(_LIMITED, ("resources",)),
        Feature.CANDIDATES_REQUIRED: QueryShape({**_LIMITED, "required": TEXT}, ("resources",)),
        Feature.CANDIDATES_MEMBER_OF: QueryShape({**_LIMITED, "required": TEXT, "member_of": TEXT}, ("resources",)),
        Feature.GRANULAR_GROUPS: QueryShape(_WIDE, (), GROUP_KEYS[:3], NUMBERED),
        Feature.IN_TREE: QueryShape(_WIDE, (), GROUP_KEYS, NUMBERED),
        Feature.STRING_SUFFIXES: QueryShape(_WIDE, (), GROUP_KEYS, NAMED),
        Feature.ROOT_REQUIRED: QueryShape({**_WIDE, "root_required": TEXT}, (), GROUP_KEYS, NAMED),
        Feature.SAME_SUBTREE: QueryShape({**_WIDE, "root_required": TEXT, "same_subtree": TEXT}, (), GROUP_KEYS, NAMED),
    },
)

_PROVIDERS = {"name": TEXT, "uuid": UUID}

PROVIDERS: Since[QueryShape] = Since(
    QueryShape(_PROVIDERS),
    {
        Feature.MEMBER_OF: QueryShape({**_PROVIDERS, "member_of": TEXT}),
        Feature.RESOURCES_FILTER: QueryShape({**_PROVIDERS, "member_of": TEXT, "resources": TEXT}),
        Feature.NESTED_PROVIDERS: QueryShape({**_PROVIDERS, "member_of": TEXT, "resources": TEXT, "in_tree": UUID}),
        Feature.PROVIDERS_REQUIRED: QueryShape(
            {**_PROVIDERS, "member_of": TEXT, "resources": TEXT, "in_tree": UUID, "required": TEXT}
        ),
    },
)
TRAITS: Since[QueryShape] = Since(QueryShape({"name": TEXT, "associated": TEXT}))
USAGES: Since[QueryShape] = Since(
    QueryShape({"project_id": OWNER, "user_id": OWNER}, ("project_id",)),
    {
        Feature.CONSUMER_TYPES: QueryShape(
            {"project_id": OWNER, "user_id": OWNER, "consumer_type": CONSUMER_TYPE}, ("project_id",)
        )
    },
)
