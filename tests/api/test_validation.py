"""Every field of every body has bounds, and where Ullage is lenient the page of the reference says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from ullage.api import openapi
from ullage.api.claim_bodies import ProviderKey, Suffix
from ullage.api.decoding import Shape
from ullage.api.uuids import ANY_SPELLING, DASHED
from ullage.api.versions import LATEST, MINIMUM, Microversion
from ullage.model.errors import BadInput

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "validation.md"
VERSIONS = [Microversion(1, minor) for minor in range(MINIMUM.minor, LATEST.minor + 1)]


def _pattern(kind: Any) -> str:
    said = inspect.type_info(kind)
    assert isinstance(said, inspect.StrType)
    assert said.pattern is not None
    return said.pattern


BOUNDING = {ANY_SPELLING, DASHED, _pattern(ProviderKey), _pattern(Suffix)}
"""Patterns that say themselves how long a text may be."""


def every_shape() -> dict[int, Shape[Any]]:
    """Every shape of every body in every version, once."""
    shapes = (table.at(version) for table in openapi.BODIES.values() for version in VERSIONS)
    return {id(shape): shape for shape in shapes if shape is not None}


def loose(kind: inspect.Type, where: str) -> Iterator[str]:
    """The places of a type where anything goes."""
    match kind:
        case inspect.StrType():
            if kind.max_length is None and kind.pattern not in BOUNDING:
                yield f"{where}: text of any length"
            if kind.pattern is None:
                yield f"{where}: text of any characters"
        case inspect.IntType() | inspect.FloatType():
            if kind.ge is None or kind.le is None:
                yield f"{where}: a number without bounds"
        case inspect.StructType():
            if not kind.forbid_unknown_fields:
                yield f"{where}: unknown fields"
            for field in kind.fields:
                yield from loose(field.type, f"{where}.{field.encode_name}")
        case inspect.UnionType():
            for each in kind.types:
                yield from loose(each, where)
        case inspect.ListType():
            yield from loose(kind.item_type, f"{where}[]")
        case inspect.DictType():
            yield from loose(kind.key_type, f"{where} key")
            yield from loose(kind.value_type, f"{where}{{}}")
        case inspect.NoneType():
            return
        case _:
            yield f"{where}: a {type(kind).__name__} is not bounded"


def test_every_field_of_every_body_is_typed_and_bounded() -> None:
    shapes = every_shape()
    assert len(shapes) > 20
    found = [place for shape in shapes.values() for place in loose(inspect.type_info(shape.kind), str(shape.kind))]
    assert found == []


def test_what_is_not_bounded_is_found() -> None:
    class Loose(msgspec.Struct):
        name: str
        count: int
        values: list[Any]

    assert len(list(loose(inspect.type_info(Loose), "x"))) == 5


PROVIDER = "/resource_providers/{uuid}"
LENIENT: dict[str, tuple[str, str, bytes]] = {
    "whole numbers with a point": (
        "PUT",
        f"{PROVIDER}/inventories",
        b'{"resource_provider_generation": 1.0, "inventories": {}}',
    ),
    "whole numbers with an exponent": ("POST", f"{PROVIDER}/inventories", b'{"resource_class": "VCPU", "total": 1e2}'),
    "repeated keys": ("POST", "/resource_providers", b'{"name": "", "name": "a"}'),
    "generations that are not asked for": (
        "POST",
        f"{PROVIDER}/inventories",
        b'{"resource_class": "VCPU", "total": 1, "resource_provider_generation": 7}',
    ),
    "units that exclude each other": (
        "POST",
        f"{PROVIDER}/inventories",
        b'{"resource_class": "VCPU", "total": 1, "min_unit": 9, "max_unit": 2}',
    ),
    "class names that cannot exist": (
        "PUT",
        f"{PROVIDER}/inventories",
        b'{"resource_provider_generation": 1, "inventories": {"no class": {"total": 1}}}',
    ),
    "traits named twice": (
        "PUT",
        f"{PROVIDER}/traits",
        b'{"resource_provider_generation": 1, "traits": ["HW_NIC", "HW_NIC"]}',
    ),
    "uuids in any spelling": (
        "POST",
        "/resource_providers",
        b'{"name": "a", "uuid": "{0FB8EA1F2C1C4D3C9C5B1FD0EA2A3C11}"}',
    ),
}
"""What is accepted though a strict reader would refuse it."""


@pytest.mark.parametrize("name", LENIENT)
def test_what_is_accepted_leniently_is_listed(name: str) -> None:
    method, path, body = LENIENT[name]
    shape = openapi.BODIES[method, path].at(LATEST)
    assert shape is not None
    shape.decode(body)
    assert f"| {name} |" in PAGE.read_text()


def test_a_body_of_any_depth_is_refused() -> None:
    for table in openapi.BODIES.values():
        shape = table.at(LATEST)
        assert shape is not None
        for opening in (b"[", b'{"a":'):
            with pytest.raises(BadInput):
                shape.decode(opening * 100_000)
