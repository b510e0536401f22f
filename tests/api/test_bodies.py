"""Bodies by version: what each shape takes, the command it gives, and the words in which it refuses."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ullage.api import bodies, claim_bodies
from ullage.api.bodies import shape_at
from ullage.api.claim_bodies import Owner
from ullage.api.decoding import SECOND_LOOK_BYTES_MAX, Shape
from ullage.api.versions import LATEST, Microversion, Since
from ullage.model.allocation import NOT_SAID, Claim
from ullage.model.commands import (
    AddInventory,
    CreateProvider,
    NewInventories,
    Reshape,
    SetInventories,
    SetProviderAggregates,
    SetProviderTraits,
    UpdateInventory,
    UpdateProvider,
)
from ullage.model.errors import BadInput
from ullage.model.inventory import INTEGER_MAX, Inventory

UUID = "0fb8ea1f-2c1c-4d3c-9c5b-1fd0ea2a3c11"
OTHER = "7d2590ae-fb85-4080-9306-058b4c915e3f"
CONSUMER = "3f5f0f2c-6b1e-4a6b-8a52-6fd0f6d5d5a1"
UNDASHED = UUID.replace("-", "")
NOBODY = Owner("no project", "no user")
OWNER = {"project_id": "p", "user_id": "u"}
HELD = {UUID: {"resources": {"VCPU": 2}}}


def version(minor: int) -> Microversion:
    return Microversion(1, minor)


def decode(table: Since[Shape[Any]], minor: int, body: object) -> Any:
    return shape_at(table, version(minor)).decode(body if isinstance(body, bytes) else json.dumps(body).encode())


def refusal(table: Since[Shape[Any]], minor: int, body: object) -> str:
    with pytest.raises(BadInput) as caught:
        decode(table, minor, body)
    return caught.value.message


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


# Claims

LISTED = {"allocations": [{"resource_provider": {"uuid": UUID}, "resources": {"VCPU": 2}}]}
AMOUNTS = {UUID: {"VCPU": 2}}


@pytest.mark.parametrize(
    ("minor", "body", "claim"),
    [
        (0, LISTED, Claim(CONSUMER, AMOUNTS, "no project", "no user")),
        (8, {**LISTED, **OWNER}, Claim(CONSUMER, AMOUNTS, "p", "u")),
        (12, {"allocations": HELD, **OWNER}, Claim(CONSUMER, AMOUNTS, "p", "u")),
        (
            12,
            {"allocations": {UUID.upper(): {"generation": 3, "resources": {"VCPU": 2}}}, **OWNER},
            Claim(CONSUMER, AMOUNTS, "p", "u"),
        ),
        (
            28,
            {"allocations": {}, "consumer_generation": None, **OWNER},
            Claim(CONSUMER, {}, "p", "u", NOT_SAID, None),
        ),
        (
            34,
            {"allocations": HELD, "consumer_generation": 7, "mappings": {"": [UUID], "_NET-1": [UUID]}, **OWNER},
            Claim(CONSUMER, AMOUNTS, "p", "u", NOT_SAID, 7),
        ),
        (
            38,
            {"allocations": HELD, "consumer_generation": 1, "consumer_type": "INSTANCE", **OWNER},
            Claim(CONSUMER, AMOUNTS, "p", "u", "INSTANCE", 1),
        ),
        (
            39,
            {"allocations": {"-" * 36: {"resources": {"VCPU": 2**40}}}, "consumer_generation": 1}
            | {"consumer_type": "X", **OWNER},
            Claim(CONSUMER, {"-" * 36: {"VCPU": 2**40}}, "p", "u", "X", 1),
        ),
    ],
)
def test_claims_of_one_consumer(minor: int, body: object, claim: Claim) -> None:
    assert decode(claim_bodies.PUT_ALLOCATIONS, minor, body).claim(CONSUMER, NOBODY) == claim


def claim_body(**changes: object) -> dict[str, object]:
    return {"allocations": HELD, "consumer_generation": 1, "consumer_type": "INSTANCE", **OWNER, **changes}


def without(body: dict[str, object], field: str) -> dict[str, object]:
    return {name: value for name, value in body.items() if name != field}


@pytest.mark.parametrize(
    ("minor", "body", "words"),
    [
        (0, {"allocations": []}, "[] should be non-empty"),
        (0, {**LISTED, **OWNER}, "Additional properties are not allowed"),
        (8, LISTED, "is a required property"),
        (12, {**LISTED, **OWNER}, "is not of type 'object'"),
        (12, {"allocations": {}, **OWNER}, "{} should be non-empty"),
        (12, {"allocations": {"fish": {"resources": {"VCPU": 1}}}, **OWNER}, "does not match any of the regexes"),
        (12, {"allocations": {UUID: {"resources": {}}}, **OWNER}, "{} should be non-empty"),
        (12, {"allocations": {UUID: {"resources": {"VCPU": 0}}}, **OWNER}, "0 is less than the minimum of 1"),
        (12, {"allocations": {UUID: {"resources": {"cow": 1}}}, **OWNER}, "does not match any of the regexes"),
        (12, {"allocations": {UUID: {"resources": {"VCPU": 2**64}}}, **OWNER}, "Failed validating 'maximum'"),
        (12, {"allocations": HELD, "project_id": "", "user_id": "u"}, "Failed validating 'minLength'"),
        (12, {"allocations": HELD, "project_id": "p", "user_id": "u" * 256}, "Failed validating 'maxLength'"),
        (12, {"allocations": HELD, "project_id": "p", "user_id": "u\0"}, "at `$.user_id`"),
        (27, {"allocations": HELD, "consumer_generation": 1, **OWNER}, "'consumer_generation' was unexpected"),
        (28, {"allocations": HELD, **OWNER}, "'consumer_generation' is a required property"),
        (28, {"allocations": HELD, "consumer_generation": "1", **OWNER}, "is not of type 'integer', 'null'"),
        (33, {"allocations": HELD, "consumer_generation": 1, "mappings": {"": [UUID]}, **OWNER}, "'mappings' was"),
        (34, {"allocations": HELD, "consumer_generation": 1, "mappings": {}, **OWNER}, "{} should be non-empty"),
        (34, {"allocations": HELD, "consumer_generation": 1, "mappings": {"@": [UUID]}, **OWNER}, "any of the reg"),
        (37, claim_body(), "'consumer_type' was unexpected"),
        (38, without(claim_body(), "consumer_type"), "'consumer_type' is a required property"),
        (38, claim_body(consumer_type="instance"), "'instance' does not match '^[A-Z0-9_]+$'"),
        (38, claim_body(consumer_type=""), "Failed validating 'minLength'"),
        (38, claim_body(consumer_type="A" * 256), "Failed validating 'maxLength'"),
    ],
)
def test_a_bad_claim_is_refused_in_known_words(minor: int, body: object, words: str) -> None:
    assert words in refusal(claim_bodies.PUT_ALLOCATIONS, minor, body)


def test_of_several_entries_for_one_provider_the_last_counts() -> None:
    body = {"allocations": [*LISTED["allocations"], {"resource_provider": {"uuid": UUID}, "resources": {"X": 1}}]}
    claim = decode(claim_bodies.PUT_ALLOCATIONS, 0, body).claim(CONSUMER, NOBODY)
    assert claim.allocations == {UUID: {"X": 1}}


def test_claims_of_several_consumers() -> None:
    one, two = {"allocations": HELD, **OWNER}, {"allocations": {}, **OWNER}
    body = decode(claim_bodies.POST_ALLOCATIONS, 13, {CONSUMER: one, OTHER.upper(): two})
    assert claim_bodies.replace_allocations(body, NOBODY).claims == (
        Claim(CONSUMER, AMOUNTS, "p", "u"),
        Claim(OTHER, {}, "p", "u"),
    )


@pytest.mark.parametrize("key", ["-" * 36, "fish", UNDASHED, UUID + "\n"])
def test_a_consumer_must_be_a_dashed_uuid(key: str) -> None:
    refusal(claim_bodies.POST_ALLOCATIONS, 13, {key: {"allocations": HELD, **OWNER}})


def test_nobody_claims_nothing() -> None:
    assert "should be non-empty" in refusal(claim_bodies.POST_ALLOCATIONS, 39, {})


def test_a_reshape_is_both_halves() -> None:
    body = decode(
        claim_bodies.RESHAPE,
        30,
        {
            "inventories": {UUID: {"resource_provider_generation": 2, "inventories": {"VCPU": {"total": 4}}}},
            "allocations": {CONSUMER: {"allocations": HELD, "consumer_generation": None, **OWNER}},
        },
    )
    assert body.reshape(body.allocations, NOBODY) == Reshape(
        {UUID: NewInventories(2, {"VCPU": Inventory(4)})}, (Claim(CONSUMER, AMOUNTS, "p", "u", NOT_SAID, None),)
    )


def test_a_reshape_needs_inventories_but_no_claims() -> None:
    inventories = {UUID: {"resource_provider_generation": 2, "inventories": {}}}
    assert decode(claim_bodies.RESHAPE, 38, {"inventories": inventories, "allocations": {}}).allocations == {}
    assert "should be non-empty" in refusal(claim_bodies.RESHAPE, 38, {"inventories": {}, "allocations": {}})


# What JSON itself allows


@pytest.mark.parametrize("total", [b"7.0", b"70e-1", b"0.7e1"])
def test_an_integral_float_is_an_integer(total: bytes) -> None:
    body = decode(bodies.ADD_INVENTORY, 39, b'{"resource_class":"VCPU","total":' + total + b"}")
    assert body.total == 7
    assert isinstance(body.total, int)


@pytest.mark.parametrize("total", [b'"x","total":7', b'1,"total":7'])
def test_of_a_repeated_key_the_last_value_counts(total: bytes) -> None:
    assert decode(bodies.ADD_INVENTORY, 39, b'{"resource_class":"VCPU","total":' + total + b"}").total == 7


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"name": }',
        b'{"name": NaN}',
        b'{"name": -Infinity}',
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b'\xef\xbb\xbf{"name": "a"}',
        b"[" * 100_000,
        b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"name": 1' + b"0" * 5000 + b"}",
    ],
)
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    assert refusal(bodies.CREATE_PROVIDER, 39, body).startswith("Malformed JSON: ")


def test_a_large_body_is_refused_in_few_words() -> None:
    body = b'{"traits": [' + b'"a",' * SECOND_LOOK_BYTES_MAX + b'7], "resource_provider_generation": 1}'
    message = refusal(bodies.SET_TRAITS, 39, body)
    assert message.startswith("JSON does not validate: ")
    assert len(message) < 200


def test_a_refusal_never_repeats_a_whole_body() -> None:
    assert len(refusal(bodies.SET_TRAITS, 39, {"traits": "a" * 50_000})) < 3000


def test_mixed_types_in_a_long_list_do_not_hurt() -> None:
    aggregates = [[number] if number % 2 else str(number) for number in range(8000)]
    assert "is not of type 'string'" in refusal(bodies.SET_AGGREGATES, 1, aggregates)


TABLES = {
    name: table for module in (bodies, claim_bodies) for name, table in vars(module).items() if isinstance(table, Since)
}
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([UUID, "VCPU", "CUSTOM_A"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=5)
            | st.sampled_from([UUID, "VCPU", "name", "allocations", "resources", "inventories", "total", "aggregates"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(value=PLAIN, minor=st.integers(0, 39), name=st.sampled_from(sorted(TABLES)))
def test_any_json_is_taken_or_refused_by_every_body(value: object, minor: int, name: str) -> None:
    shape = TABLES[name].at(version(minor))
    if shape is not None:
        is_taken_or_refused(shape, json.dumps(value).encode())


@given(raw=st.binary(max_size=60), name=st.sampled_from(sorted(TABLES)))
@example(raw=b"\x00", name="SET_TRAITS")
def test_any_bytes_are_taken_or_refused_by_every_body(raw: bytes, name: str) -> None:
    is_taken_or_refused(shape_at(TABLES[name], LATEST), raw)


def is_taken_or_refused(shape: Shape[Any], raw: bytes) -> None:
    with suppress(BadInput):
        value = shape.decode(raw)
        assert shape.wording.fault(json.loads(msgspec.json.encode(value))) is None


@given(body=st.binary(max_size=20))
def test_the_schema_is_never_stricter_than_the_judge(body: bytes) -> None:
    """A body that is taken has no fault in its schema's eyes; checked over bodies built from a good one."""
    good = claim_body(project_id="p" + body.hex())
    shape = shape_at(claim_bodies.PUT_ALLOCATIONS, LATEST)
    shape.decode(json.dumps(good).encode())
    assert shape.wording.fault(good) is None
