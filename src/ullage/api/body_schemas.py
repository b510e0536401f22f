"""What jsonschema is told about each wire shape, so that it can word refusals in the sentences that clients match.

The judges are the structs of `bodies`; a schema here may be a little laxer, never stricter.
"""

from __future__ import annotations

from typing import Any

from ullage.api.decoding import INTEGER_64_MAX, INTEGER_64_MIN
from ullage.model.inventory import INTEGER_MAX, RATIO_MAX
from ullage.model.names import NAME_LENGTH_MAX, PROVIDER_NAME_LENGTH_MAX

Schema = dict[str, Any]

LABEL_PATTERN = "^[A-Z0-9_]+$"
CUSTOM_PATTERN = "^CUSTOM_[A-Z0-9_]+$"
UUID_KEY_PATTERN = "^[0-9a-fA-F-]{36}$"
SUFFIX_PATTERN = "^[a-zA-Z0-9_-]{0,64}$"

UUID: Schema = {"type": "string", "format": "uuid"}
GENERATION: Schema = {"type": "integer", "minimum": INTEGER_64_MIN, "maximum": INTEGER_64_MAX}


def record(required: Schema, optional: Schema | None = None) -> Schema:
    """An object with exactly these fields."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def keyed(pattern: str, value: Schema, least: int = 0) -> Schema:
    """An object whose keys match a pattern, with at least so many of them."""
    entries: Schema = {"type": "object", "patternProperties": {pattern: value}, "additionalProperties": False}
    return {**entries, "minProperties": least} if least else entries


def whole_number(least: int, most: int = INTEGER_MAX) -> Schema:
    """An integer within bounds."""
    return {"type": "integer", "minimum": least, "maximum": most}


def text(most: int, **rules: Any) -> Schema:
    """A string of 1 to `most` characters."""
    return {"type": "string", "minLength": 1, "maxLength": most, **rules}


# Providers

PROVIDER_NAME = text(PROVIDER_NAME_LENGTH_MAX)
PARENT: Schema = {"anyOf": [UUID, {"type": "null"}]}

CREATE_PROVIDER = record({"name": PROVIDER_NAME}, {"uuid": UUID})
CREATE_NESTED_PROVIDER = record({"name": PROVIDER_NAME}, {"uuid": UUID, "parent_provider_uuid": PARENT})
UPDATE_PROVIDER = record({"name": PROVIDER_NAME})
UPDATE_NESTED_PROVIDER = record({"name": PROVIDER_NAME}, {"parent_provider_uuid": PARENT})

# Inventories

INVENTORY_RULES: Schema = {
    "reserved": whole_number(0),
    "min_unit": whole_number(1),
    "max_unit": whole_number(1),
    "step_size": whole_number(1),
    "allocation_ratio": {"type": "number", "minimum": 0, "maximum": RATIO_MAX},
}
TOTAL: Schema = {"total": whole_number(1)}
PROVIDER_GENERATION: Schema = {"resource_provider_generation": GENERATION}

INVENTORY = record(TOTAL, {**INVENTORY_RULES, **PROVIDER_GENERATION})
UPDATE_INVENTORY = record({**TOTAL, **PROVIDER_GENERATION}, INVENTORY_RULES)
ADD_INVENTORY = record(
    {**TOTAL, "resource_class": {"type": "string", "pattern": LABEL_PATTERN}},
    {**INVENTORY_RULES, **PROVIDER_GENERATION},
)
SET_INVENTORIES = record({**PROVIDER_GENERATION, "inventories": {"type": "object", "additionalProperties": INVENTORY}})

# Labels

RESOURCE_CLASS = record({"name": text(NAME_LENGTH_MAX, pattern=CUSTOM_PATTERN)})
TRAIT_NAMES: Schema = {"type": "array", "items": text(NAME_LENGTH_MAX)}
SET_TRAITS = record({"traits": TRAIT_NAMES, **PROVIDER_GENERATION})
AGGREGATES: Schema = {"type": "array", "items": UUID, "uniqueItems": True}
SET_AGGREGATES = record({"aggregates": AGGREGATES, **PROVIDER_GENERATION})

# Claims

RESOURCES = keyed(LABEL_PATTERN, whole_number(1, INTEGER_64_MAX), least=1)
OWNER: Schema = {"project_id": text(NAME_LENGTH_MAX), "user_id": text(NAME_LENGTH_MAX)}
LISTED: Schema = {
    "type": "array",
    "minItems": 1,
    "items": record({"resource_provider": record({"uuid": UUID}), "resources": RESOURCES}),
}
HELD = record({"resources": RESOURCES}, {"generation": GENERATION})
CONSUMER_GENERATION: Schema = {"consumer_generation": {**GENERATION, "type": ["integer", "null"]}}
MAPPINGS: Schema = {"mappings": keyed(SUFFIX_PATTERN, {"type": "array", "minItems": 1, "items": UUID}, least=1)}
CONSUMER_TYPE: Schema = {"consumer_type": text(NAME_LENGTH_MAX, pattern=LABEL_PATTERN)}

LISTED_CLAIM = record({"allocations": LISTED})
OWNED_LISTED_CLAIM = record({"allocations": LISTED, **OWNER})
KEYED_CLAIM = record({"allocations": keyed(UUID_KEY_PATTERN, HELD, least=1), **OWNER})
RELEASABLE_CLAIM = record({"allocations": keyed(UUID_KEY_PATTERN, HELD), **OWNER})
GENERATION_CLAIM = record({"allocations": keyed(UUID_KEY_PATTERN, HELD), **OWNER, **CONSUMER_GENERATION})
MAPPED_CLAIM = record({"allocations": keyed(UUID_KEY_PATTERN, HELD), **OWNER, **CONSUMER_GENERATION}, MAPPINGS)
TYPED_CLAIM = record(
    {"allocations": keyed(UUID_KEY_PATTERN, HELD), **OWNER, **CONSUMER_GENERATION, **CONSUMER_TYPE}, MAPPINGS
)


def claims(claim: Schema, least: int = 1) -> Schema:
    """Claims by consumer."""
    return keyed(UUID_KEY_PATTERN, claim, least)


def reshape(claim: Schema) -> Schema:
    """Inventories by provider and claims by consumer."""
    return record({"inventories": keyed(UUID_KEY_PATTERN, SET_INVENTORIES, least=1), "allocations": claims(claim, 0)})
