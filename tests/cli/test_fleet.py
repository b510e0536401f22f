"""The fleet format says what is wrong, and where."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ullage.cli.fleet import FleetError, InventoryEntry, _Loader, _QuickLoader, parse, read


def fault(text: str, *, is_json: bool = False) -> FleetError:
    with pytest.raises(FleetError) as caught:
        parse(text, is_json=is_json)
    return caught.value


def test_a_bare_number_and_a_mapping_both_make_an_inventory() -> None:
    fleet = parse("providers: [{name: a, inventories: {VCPU: 4, DISK_GB: {total: 10, reserved: 1}}}]")
    assert fleet.providers[0].inventories == {"VCPU": 4, "DISK_GB": InventoryEntry(total=10, reserved=1)}


def test_json_and_yaml_say_the_same() -> None:
    text = '{"providers": [{"name": "a", "inventories": {"VCPU": 4}, "children": [{"name": "b"}]}]}'
    assert parse(text, is_json=True) == parse(text)


@pytest.mark.parametrize(
    ("text", "path", "problem"),
    [
        ("providers: [{name: a, inventories: {VCPU: four}}]", "providers[0].inventories.VCPU", '"four"'),
        ("providers: [{name: a, inventories: {VCPU: {total: x}}}]", "providers[0].inventories.VCPU.total", '"x"'),
        ("providers: [{name: a, traits: [A, 3]}]", "providers[0].traits[1]", "Expected str, got int: 3"),
        ("providers: [{name: a, children: [{nam: b}]}]", "providers[0].children[0]", "did you mean 'name'?"),
        ("providers: [{name: a, children: [{}]}]", "providers[0].children[0]", "the field 'name' is missing"),
        ("providers: {}", "providers", "Expected array, got object: {}"),
        ("provider: []", "", "unknown field 'provider' (did you mean 'providers'?)"),
        ("templates: {t: {inventories: {VCPU: {total: 1.5}}}}", "templates.t.inventories.VCPU.total", "1.5"),
        ("consumers: [{name: a, project: p, user: u}]", "consumers[0]", "the field 'holds' is missing"),
        ("overrides: {a: {inventories: {VCPU: true}}}", "overrides.a.inventories.VCPU", "true"),
        ("[]", "", "Expected object, got array"),
        ("", "", "is empty"),
        ("providers: [", "line 1, column 13", "is not YAML"),
        ("a: 1\na: 2", "line 2, column 1", "the key 'a' is there twice"),
        ("providers: 2026-13-01", "", "is not YAML"),
    ],
)
def test_a_fault_is_named_with_its_path(text: str, path: str, problem: str) -> None:
    error = fault(text)
    assert error.path == path
    assert problem in error.problem


def test_json_faults_are_named_too() -> None:
    assert fault('{"providers": [}', is_json=True).path == "line 1, column 16"
    assert "'a' is there twice" in fault('{"a": 1, "a": 2}', is_json=True).problem
    assert fault('{"providers": [{"name": 3}]}', is_json=True).path == "providers[0].name"
    assert "is not JSON" in fault("[" * 100_000, is_json=True).problem


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_nesting_that_would_overrun_the_stack_is_a_fault(opening: str) -> None:
    assert "is not YAML" in fault(opening * 100_000).problem


@pytest.mark.parametrize(
    "text",
    [
        "providers: [{name: a, numbers: '1-3', inventories: {VCPU: 8, DISK_GB: 0x10}, traits: [A, 'B']}]",
        "templates: &all\n  t: {inventories: {VCPU: {total: 1, allocation_ratio: 1.5}}}\noverrides: {}\n",
        "overrides: {a: {inventories: {VCPU: null, DISK_GB: ~}, without_traits: [on, no]}}",
    ],
)
def test_the_quick_reader_reads_what_the_plain_one_reads(text: str) -> None:
    assert yaml.load(text, Loader=_QuickLoader) == yaml.load(text, Loader=_Loader)


def test_an_error_begins_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("providers: [{name: 3}]")
    with pytest.raises(FleetError) as caught:
        read(file)
    assert str(caught.value) == f"{file}: providers[0].name: Expected str, got int: 3"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=r"none\.yaml: cannot be read: No such file"):
        read(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"providers: \xff")
    with pytest.raises(FleetError, match=r"is not UTF-8 text \(byte 11\)"):
        read(tmp_path / "latin.yaml")
