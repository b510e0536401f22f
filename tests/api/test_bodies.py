"""Bodies by version: what each shape takes, the command it gives, and the words in which it refuses."""

from __future__ import annotations

import pytest

from api.decoded import OTHER, UNDASHED, UUID, decode, refusal
from ullage.api import bodies
from ullage.model.allocation import NOT_SAID
from ullage.model.commands import (
    AddInventory,
    CreateProvider,
    SetInventories,
    SetProviderAggregates,
    SetProviderTraits,
    UpdateInventory,
    UpdateProvider,
)
from ullage.model.errors import BadInput
from ullage.model.inventory import INTEGER_MAX, Inventory

# Providers


@pytest.mark.parametrize(
    ("minor", "body", "command"),
    [
        (0, {"name": "a"}, CreateProvider("new", "a")),
        (0, {"name": "a", "uuid": UUID}, CreateProvider(UUID, "a")),
        (0, {"name": "a", "uuid": UNDASHED}, CreateProvider(UUID, "a")),
        (39, {"name": "a", "uuid": UUID.upper()}, CreateProvider(UUID, "a")),
        (39, {"name": "a", "uuid": "{" + UUID + "}"}, CreateProvider(UUID, "a")),
        (39, {"name": "a", "uuid": "urn:uuid:" + UUID}, CreateProvider(UUID, "a")),
        (14, {"name": "a", "uuid": UUID, "parent_provider_uuid": None}, CreateProvider(UUID, "a")),
        (14, {"name": "a", "uuid": UUID, "parent_provider_uuid": OTHER}, CreateProvider(UUID, "a", OTHER)),
        (14, {"name": "ü" * 200}, CreateProvider("new", "ü" * 200)),
    ],
)
def test_creating_a_provider(minor: int, body: object, command: CreateProvider) -> None:
    assert decode(bodies.CREATE_PROVIDER, minor, body).command("new") == command


@pytest.mark.parametrize(
    ("minor", "body", "words"),
    [
        (0, {}, "'name' is a required property"),
        (0, {"name": ""}, "JSON does not validate: '' should be non-empty"),
        (0, {"name": "a" * 201}, "Failed validating 'maxLength'"),
        (0, {"name": 7}, "7 is not of type 'string'"),
        (0, {"name": "a", "uuid": "fish"}, "'fish' is not a 'uuid'"),
        (0, {"name": "a", "uuid": None}, "None is not of type 'string'"),
        (0, {"name": "a", "uuid": UUID + "0"}, "Failed validating 'format'"),
        (13, {"name": "a", "parent_provider_uuid": UUID}, "Additional properties are not allowed"),
        (14, {"name": "a", "parent_provider_uuid": "fish"}, "On instance['parent_provider_uuid']"),
        (14, {"name": "a", "bad_field": 1}, "('bad_field' was unexpected)"),
        (39, [], "[] is not of type 'object'"),
        (39, {"name": "a\0b"}, "at `$.name`"),
    ],
)
def test_a_bad_new_provider_is_refused_in_known_words(minor: int, body: object, words: str) -> None:
    message = refusal(bodies.CREATE_PROVIDER, minor, body)
    assert message.startswith("JSON does not validate: ")
    assert words in message


@pytest.mark.parametrize(
    ("minor", "body", "command"),
    [
        (0, {"name": "a"}, UpdateProvider(UUID, "a", NOT_SAID, False)),
        (14, {"name": "a"}, UpdateProvider(UUID, "a", NOT_SAID, False)),
        (14, {"name": "a", "parent_provider_uuid": None}, UpdateProvider(UUID, "a", None, False)),
        (37, {"name": "a", "parent_provider_uuid": OTHER.upper()}, UpdateProvider(UUID, "a", OTHER, False)),
    ],
)
def test_updating_a_provider(minor: int, body: object, command: UpdateProvider) -> None:
    assert decode(bodies.UPDATE_PROVIDER, minor, body).command(UUID, False) == command


def test_an_update_cannot_name_a_uuid() -> None:
    assert "'uuid' was unexpected" in refusal(bodies.UPDATE_PROVIDER, 39, {"name": "a", "uuid": UUID})


# Inventories


def test_an_inventory_has_defaults() -> None:
    body = decode(bodies.ADD_INVENTORY, 0, {"resource_class": "VCPU", "total": 7, "resource_provider_generation": 99})
    assert body.command(UUID, True) == AddInventory(UUID, "VCPU", Inventory(7, 0, 1, INTEGER_MAX, 1, 1.0), True)


def test_an_inventory_may_say_everything() -> None:
    body = decode(
        bodies.UPDATE_INVENTORY,
        39,
        {
            "total": 8,
            "reserved": 1,
            "min_unit": 2,
            "max_unit": 4,
            "step_size": 2,
            "allocation_ratio": 16,
            "resource_provider_generation": 3,
        },
    )
    assert body.command(UUID, "VCPU", False) == UpdateInventory(UUID, "VCPU", 3, Inventory(8, 1, 2, 4, 2, 16.0), False)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("total", 0, "JSON does not validate: 0 is less than the minimum of 1"),
        ("total", 0, "Failed validating 'minimum' in schema['properties']['total']"),
        ("total", 2**31, "Failed validating 'maximum'"),
        ("total", 2**70, "Failed validating 'maximum'"),
        ("total", True, "True is not of type 'integer'"),
        ("total", "7", "'7' is not of type 'integer'"),
        ("total", 1.5, "1.5 is not of type 'integer'"),
        ("total", None, "None is not of type 'integer'"),
        ("reserved", -1, "-1 is less than the minimum of 0"),
        ("min_unit", 0, "Failed validating 'minimum' in schema['properties']['min_unit']"),
        ("max_unit", 0, "Failed validating 'minimum' in schema['properties']['max_unit']"),
        ("step_size", 0, "Failed validating 'minimum' in schema['properties']['step_size']"),
        ("allocation_ratio", 3.5e38, "Failed validating 'maximum'"),
        ("allocation_ratio", -0.5, "-0.5 is less than the minimum of 0"),
        ("resource_class", "bad_class", "'bad_class' does not match '^[A-Z0-9_]+$'"),
        ("resource_class", "VCPU\n", "at `$.resource_class`"),
        ("resource_provider_generation", "invalid_generation", "'invalid_generation' is not of type 'integer'"),
        ("resource_provider_generation", 2**63, "Failed validating 'maximum'"),
    ],
)
def test_a_bad_inventory_is_refused_in_known_words(field: str, value: object, words: str) -> None:
    assert words in refusal(bodies.ADD_INVENTORY, 39, {"resource_class": "VCPU", "total": 1, field: value})


def test_all_inventories_are_set_at_once() -> None:
    body = decode(
        bodies.SET_INVENTORIES,
        39,
        {"resource_provider_generation": 4, "inventories": {"VCPU": {"total": 1}, "no such": {"total": 2}}},
    )
    assert body.command(UUID, True) == SetInventories(UUID, 4, {"VCPU": Inventory(1), "no such": Inventory(2)}, True)


def test_no_inventories_may_be_set() -> None:
    body = decode(bodies.SET_INVENTORIES, 0, {"resource_provider_generation": 0, "inventories": {}})
    assert body.command(UUID, False) == SetInventories(UUID, 0, {}, False)


def test_a_class_without_a_total_is_refused() -> None:
    body = {"resource_provider_generation": 4, "inventories": {"lower": {}}}
    assert "'total' is a required property" in refusal(bodies.SET_INVENTORIES, 39, body)


# Labels


@pytest.mark.parametrize("name", ["VCPU", "CUSTOM_", "CUSTOM_a", "CUSTOM_" + "A" * 249, "CUSTOM_A\n", 'CUSTOM_A"'])
def test_only_custom_names_make_resource_classes(name: str) -> None:
    refusal(bodies.RESOURCE_CLASS, 39, {"name": name})


def test_a_custom_name_makes_a_resource_class() -> None:
    assert decode(bodies.RESOURCE_CLASS, 2, {"name": "CUSTOM_" + "A" * 248}).name == "CUSTOM_" + "A" * 248


def test_a_trait_said_twice_is_said_once() -> None:
    body = decode(bodies.SET_TRAITS, 6, {"traits": ["A", "B", "A"], "resource_provider_generation": 1})
    assert body.command(UUID) == SetProviderTraits(UUID, 1, frozenset({"A", "B"}))


@pytest.mark.parametrize(
    ("minor", "body", "command"),
    [
        (1, [UUID, OTHER], SetProviderAggregates(UUID, NOT_SAID, frozenset({UUID, OTHER}))),
        (18, [UNDASHED], SetProviderAggregates(UUID, NOT_SAID, frozenset({UUID}))),
        (
            19,
            {"aggregates": [OTHER], "resource_provider_generation": 5},
            SetProviderAggregates(UUID, 5, frozenset({OTHER})),
        ),
    ],
)
def test_setting_aggregates(minor: int, body: object, command: SetProviderAggregates) -> None:
    assert bodies.set_aggregates(decode(bodies.SET_AGGREGATES, minor, body), UUID) == command


@pytest.mark.parametrize(
    ("minor", "body", "words"),
    [
        (1, {"aggregates": [], "resource_provider_generation": 1}, "is not of type 'array'"),
        (19, [UUID], "is not of type 'object'"),
        (19, {"aggregates": "invalid_type", "resource_provider_generation": 1}, "is not of type 'array'"),
        (19, {"aggregates": []}, "'resource_provider_generation' is a required property"),
        (1, ["fish"], "'fish' is not a 'uuid'"),
    ],
)
def test_aggregates_change_their_shape(minor: int, body: object, words: str) -> None:
    assert words in refusal(bodies.SET_AGGREGATES, minor, body)


def test_an_aggregate_must_not_be_named_twice_in_any_spelling() -> None:
    with pytest.raises(BadInput, match="has non-unique elements"):
        bodies.set_aggregates(decode(bodies.SET_AGGREGATES, 1, [UUID, UNDASHED]), OTHER)
