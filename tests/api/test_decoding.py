"""What JSON itself allows in a body, and that no body hurts."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.decoded import UUID, claim_body, decode, refusal, version
from ullage.api import bodies, claim_bodies
from ullage.api.bodies import shape_at
from ullage.api.decoding import SECOND_LOOK_BYTES_MAX, Shape
from ullage.api.versions import LATEST, Since
from ullage.model.errors import BadInput


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


def test_whether_items_are_unique_is_not_compared_pair_by_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    """As jsonschema does for lists that cannot be sorted."""
    monkeypatch.setattr("jsonschema._keywords.uniq", pytest.fail)
    assert "is not of type 'string'" in refusal(bodies.SET_AGGREGATES, 1, [UUID, 7])


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
