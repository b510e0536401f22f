"""Every field of every body has bounds, and where Ullage is lenient the page of the reference says so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from conftest import Servers
from msgspec import inspect

from api.stand import ADMIN, JSON, ask
from ullage.api import openapi
from ullage.api.app import App
from ullage.api.claim_bodies import ProviderKey, Suffix
from ullage.api.decoding import Shape
from ullage.api.routes import ROUTES
from ullage.api.uuids import ANY_SPELLING, DASHED
from ullage.api.versions import LATEST, MINIMUM, Microversion
from ullage.model.commands import CreateProvider
from ullage.model.errors import BadInput
from ullage.model.inventory import Inventory
from ullage.settings import Settings
from ullage.wiring import build_service

UUID = "0fb8ea1f-2c1c-4d3c-9c5b-1fd0ea2a3c11"
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
    "mappings sent back with a claim": (
        "PUT",
        "/allocations/{consumer_uuid}",
        b'{"allocations": {"%(uuid)s": {"resources": {"VCPU": 1}}}, "mappings": {"": ["%(uuid)s"]}, "project_id": "p", '
        b'"user_id": "u", "consumer_generation": null, "consumer_type": "X"}' % {b"uuid": UUID.encode()},
    ),
    "texts of blanks alone": ("POST", "/resource_providers", b'{"name": " "}'),
}
"""Bodies that are accepted though a strict reader would refuse them."""

ANY_TYPE = {"content-type": "text/plain"}
WITH_CHARSET = {"content-type": "application/json; charset=latin-1"}
SEARCH = "/allocation_candidates?resources=VCPU:4"
PLAIN_AND_LENIENT: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "character sets of the content type": (
        ("POST", "/resource_providers", b'{"name": "h\xc3\xb6st"}', JSON),
        ("POST", "/resource_providers", b'{"name": "h\xc3\xb6st"}', WITH_CHARSET),
    ),
    "bodies where none is read": (("PUT", "/traits/CUSTOM_A"), ("PUT", "/traits/CUSTOM_A", b"{", ANY_TYPE)),
    "query keys where none is read": (("PUT", "/traits/CUSTOM_A"), ("PUT", "/traits/CUSTOM_A?a=b")),
    "empty parts of a query": (("GET", f"{SEARCH}&limit=1"), ("GET", f"{SEARCH}&&limit=1&")),
    "amounts in a query with blanks or zeros before them": (("GET", SEARCH), ("GET", SEARCH.replace("4", "%2004"))),
    "classes named twice in `resources`": (("GET", SEARCH), ("GET", SEARCH.replace("VCPU", "VCPU:99,VCPU"))),
    "traits named twice in a query, or with blanks around them": (
        ("GET", f"{SEARCH}&required=!HW_NIC_SRIOV"),
        ("GET", f"{SEARCH}&required=%20!HW_NIC_SRIOV%20,!HW_NIC_SRIOV"),
    ),
    "more than one `!` before a trait": (
        ("GET", f"{SEARCH}&required=!HW_NIC_SRIOV"),
        ("GET", f"{SEARCH}&required=!!HW_NIC_SRIOV"),
    ),
    "truths in capitals": (("GET", "/traits?associated=true"), ("GET", "/traits?associated=TRUE")),
    "lists of nothing": (("GET", "/traits?name=in:CUSTOM_UNKNOWN"), ("GET", "/traits?name=in:")),
    "names of nothing": (("GET", "/resource_providers"), ("GET", "/resource_providers?name=")),
    "repeated query keys": (
        ("GET", f"{SEARCH}&limit=1"),
        ("GET", f"{SEARCH.replace('4', '99')}&resources=VCPU:4&limit=1&limit=2"),
    ),
}
"""A request, and one that is answered like it though a strict reader would refuse it."""


@pytest.mark.parametrize("name", LENIENT)
def test_a_body_is_accepted_leniently(name: str) -> None:
    method, path, body = LENIENT[name]
    shape = openapi.BODIES[method, path].at(LATEST)
    assert shape is not None
    shape.decode(body)


def test_what_is_accepted_leniently_is_listed_and_nothing_else() -> None:
    section = PAGE.read_text().partition("## Where it is lenient")[2]
    listed = re.findall(r"^\| (.+?) \| ", section, flags=re.MULTILINE)
    assert sorted(listed) == sorted(["what", *LENIENT, *PLAIN_AND_LENIENT])


@pytest.fixture(scope="module")
def app(database_servers: Servers) -> Iterator[App]:
    """On a ledger with two providers of 8 VCPU."""
    server = database_servers("sqlite")
    settings = Settings(database=server.new_ledger_database(), auth="noauth2")
    service = build_service(settings)
    for number in (1, 2):
        new = CreateProvider(UUID.replace("0", str(number)), f"host {number}", inventories={"VCPU": Inventory(8)})
        service.committer.run(new)
    yield App(service, settings, ROUTES)
    service.committer.stop()
    service.store.close()
    server.drop_database(settings.database)


@pytest.mark.parametrize("name", PLAIN_AND_LENIENT)
def test_a_lenient_request_is_answered_like_the_plain_one(app: App, name: str) -> None:
    plain, lenient = PLAIN_AND_LENIENT[name]
    first, second, third = (_answer(app, *request) for request in (plain, plain, lenient))
    assert second == third
    assert first[0] in (200, 201, 204)


def _answer(
    app: App, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] = MappingProxyType({})
) -> tuple[int, bytes]:
    response = ask(app, method, target, {**ADMIN, **headers}, body, "1.39")
    return response.status, re.sub(rb"req-[0-9a-f-]+|[0-9a-f-]{36}", b"", response.body)


def test_a_body_of_any_depth_is_refused() -> None:
    for table in openapi.BODIES.values():
        shape = table.at(LATEST)
        assert shape is not None
        for opening in (b"[", b'{"a":'):
            with pytest.raises(BadInput):
                shape.decode(opening * 100_000)
