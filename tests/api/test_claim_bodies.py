"""Bodies that claim, by version."""

from __future__ import annotations

import pytest

from api.decoded import CONSUMER, HELD, NOBODY, OTHER, OWNER, UNDASHED, UUID, claim_body, decode, refusal
from ullage.api import claim_bodies
from ullage.model.allocation import NOT_SAID, Claim
from ullage.model.commands import NewInventories, Reshape
from ullage.model.inventory import Inventory

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
