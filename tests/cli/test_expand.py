"""Expansion is pure: the same fleet gives the same plan, names are unique, and nothing in it could be refused later."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from ullage.cli import fleet as fleet_format
from ullage.cli.expand import Plan, expand, made_uuid, numbers
from ullage.cli.fleet import Fleet, FleetError, ProviderEntry, parse
from ullage.model.inventory import Inventory

EXAMPLE = Path(__file__).parents[2] / "examples" / "fleet.yaml"


def plan(text: str) -> Plan:
    return expand(parse(text))


def fault(text: str) -> str:
    with pytest.raises(FleetError) as caught:
        plan(text)
    return str(caught.value)


def test_a_numbered_host_brings_its_children_under_names_made_from_its_own() -> None:
    made = plan(
        """
        templates:
          numa:
            inventories: {DISK_GB: 100}
            children: [{name: "{parent}_numa{n}", numbers: 0-1, inventories: {PCPU: 8}}]
        providers: [{name: "cmp-{n:03}", numbers: "7, 9-10", template: numa}]
        """
    )
    assert [(each.name, each.parent_name) for each in made.providers] == [
        ("cmp-007", None),
        ("cmp-009", None),
        ("cmp-010", None),
        ("cmp-007_numa0", "cmp-007"),
        ("cmp-007_numa1", "cmp-007"),
        ("cmp-009_numa0", "cmp-009"),
        ("cmp-009_numa1", "cmp-009"),
        ("cmp-010_numa0", "cmp-010"),
        ("cmp-010_numa1", "cmp-010"),
    ]
    assert made.providers[3].inventories == {"PCPU": Inventory(total=8, max_unit=8)}


def test_a_template_builds_on_another_and_the_entry_has_the_last_word() -> None:
    made = plan(
        """
        templates:
          base: {inventories: {VCPU: 4, DISK_GB: 10}, traits: [A]}
          big: {template: base, inventories: {VCPU: 8}, traits: [B]}
        providers: [{name: a, template: big, inventories: {DISK_GB: 20}, traits: [C]}]
        """
    )
    (provider,) = made.providers
    assert {name: each.total for name, each in provider.inventories.items()} == {"VCPU": 8, "DISK_GB": 20}
    assert provider.traits == {"A", "B", "C"}


def test_an_override_changes_one_provider() -> None:
    made = plan(
        """
        aggregates: {rack: null, row: 6f1d0b60-3c07-4a5e-9d0c-0f5b8f2d1a01}
        providers: [{name: "a{n}", numbers: 1-2, inventories: {VCPU: 4, DISK_GB: 10}, traits: [A], aggregates: [rack]}]
        overrides:
          a2:
            uuid: 0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A
            inventories: {VCPU: 8, DISK_GB: null}
            traits: [B]
            without_traits: [A]
            aggregates: [row]
            without_aggregates: [rack]
        """
    )
    first, second = made.providers
    assert first.traits == {"A"}
    assert first.aggregates == {made_uuid("aggregate", "rack")}
    assert second.uuid == "0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a"
    assert second.uuid_is_stated
    assert {name: each.total for name, each in second.inventories.items()} == {"VCPU": 8}
    assert second.traits == {"B"}
    assert second.aggregates == {"6f1d0b60-3c07-4a5e-9d0c-0f5b8f2d1a01"}


def test_consumers_are_numbered_like_the_hosts_they_are_on() -> None:
    made = plan(
        """
        providers: [{name: "a{n}", numbers: 1-2, inventories: {VCPU: 4}}]
        consumers: [{name: "web-{n}", numbers: 1-2, project: p, user: u, holds: {"a{n}": {VCPU: 3}}}]
        """
    )
    assert [(each.name, each.holds) for each in made.consumers] == [
        ("web-1", {"a1": {"VCPU": 3}}),
        ("web-2", {"a2": {"VCPU": 3}}),
    ]


ONE = "providers: [{name: a, inventories: {VCPU: {total: 8, reserved: 2, max_unit: 4, step_size: 2}}}]\n"


def holds(amounts: str) -> str:
    return ONE + f"consumers: [{{name: c, project: p, user: u, holds: {amounts}}}]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("providers: [{name: a}, {name: a}]", "providers[1]: provider 'a' is there already (providers[0])"),
        ("providers: [{name: a, numbers: 1-2}]", "provider 'a' is there already"),
        (
            "providers: [{name: a, uuid: 0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a}, "
            "{name: b, uuid: 0A0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a}]",
            "providers[1]: the provider uuid '0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a' is taken already (providers[0])",
        ),
        ("providers: [{name: 'a{n}'}]", "providers[0].name: '{n}' in 'a{n}' stands for nothing here; nothing would"),
        ("providers: [{name: 'a{host}', numbers: 1-2}]", "stands for nothing here; {n} would"),
        ("providers: [{name: 'a{n', numbers: 1-2}]", "has a brace without its partner"),
        ("providers: [{name: '{parent}', numbers: 1-2}]", "stands for nothing here"),
        ("providers: [{name: 'a{n}', numbers: 2-1}]", "providers[0].numbers: '2-1' must go upwards"),
        ("providers: [{name: 'a{n}', numbers: 1-999999999}]", "over 1000000 numbers at most"),
        ("providers: [{name: 'a{n}', numbers: one}]", "'one' is no list of numbers such as '1-40, 57'"),
        ("providers: [{name: 'a{n}', numbers: 1-2, uuid: x}]", "a numbered entry can have no uuid"),
        ("providers: [{name: a, uuid: x}]", "providers[0].uuid: 'x' is no uuid"),
        (f"providers: [{{name: {'a' * 201}}}]", "must have 1 to 200 characters"),
        ("providers: [{name: ''}]", "must have 1 to 200 characters"),
        ("providers: [{name: a, template: nuna}]\ntemplates: {numa: {}}", "no template 'nuna' (did you mean 'numa'?)"),
        ("providers: [{name: a, template: t}]\ntemplates: {t: {template: t}}", "template 't' builds on itself"),
        ("providers: [{name: a, aggregates: [rock]}]\naggregates: {rack: null}", "aggregates[0]: 'rock' is no uuid"),
        ("aggregates: {rack: x}", "aggregates.rack: 'x' is no uuid"),
        ("providers: [{name: a, traits: [ok]}]", "providers[0].traits[0]: 'ok' must be capitals"),
        ("providers: [{name: a, inventories: {vcpu: 1}}]", "inventories.vcpu: 'vcpu' must be capitals"),
        ("providers: [{name: a, inventories: {VCPU: 0}}]", "inventories.VCPU.total: must be 1 to 2147483647: 0"),
        (
            "providers: [{name: a, inventories: {VCPU: {total: 1, reserved: 2}}}]",
            "inventories.VCPU.reserved: must not be above the total, 1: 2",
        ),
        ("providers: [{name: a, inventories: {VCPU: {total: 1, allocation_ratio: .nan}}}]", "allocation_ratio: must"),
        ("providers: [{name: a}]\noverrides: {b: {}}", "overrides.b: there is no provider 'b'"),
        ("providers: [{name: a}]\noverrides: {a: {inventories: {VCPU: null}}}", "'a' has no such inventory"),
        (holds("{b: {VCPU: 2}}"), "consumers[0].holds.b: there is no provider 'b'"),
        (holds("{a: {DISK_GB: 2}}"), "consumers[0].holds.a.DISK_GB: 'a' does not offer it; it offers VCPU"),
        (holds("{a: {VCPU: 3}}"), "consumers[0].holds.a.VCPU: 3 is not allowed there; 1 to 4 in steps of 2 is"),
        (holds("{a: {}}"), "consumers[0].holds.a: 'a' is empty, or there twice"),
        (holds("{}"), "consumers[0].holds: is empty"),
        (
            ONE + "consumers: [{name: 'c{n}', numbers: 1-2, project: p, user: u, holds: {a: {VCPU: 4}}}]",
            "with this, 8 would be used of a capacity of 6",
        ),
        (ONE + "consumers: [{name: c, project: '', user: u, holds: {a: {VCPU: 4}}}]", "consumers[0].project: must"),
        (ONE + "consumers: [{name: c, project: p, user: u, type: vm, holds: {a: {VCPU: 4}}}]", "must be capitals"),
    ],
)
def test_what_could_not_be_loaded_is_refused_with_its_place(text: str, message: str) -> None:
    assert message in fault(text)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30, unique=True))
def test_numbers_reads_what_a_person_writes(wanted: list[int]) -> None:
    assert numbers(", ".join(map(str, wanted)), "here") == wanted
    assert numbers(f"{min(wanted)}-{max(wanted)}", "here") == list(range(min(wanted), max(wanted) + 1))


names = st.sampled_from(["a", "b", "a{n}", "b{n:02}", "{parent}x{n}", "{root}_y"])
entries = st.recursive(
    st.builds(ProviderEntry, name=names, numbers=st.sampled_from([None, "1", "1-3", "2,4"])),
    lambda children: st.builds(
        ProviderEntry,
        name=names,
        numbers=st.sampled_from([None, "1-2", "3"]),
        children=st.lists(children, max_size=3),
    ),
    max_leaves=6,
)


@given(st.lists(entries, max_size=4))
def test_expansion_is_deterministic_and_its_names_and_uuids_are_unique_or_it_is_an_error(
    providers: list[ProviderEntry],
) -> None:
    fleet = Fleet(providers=providers)
    try:
        made = expand(fleet)
    except FleetError as error:
        event(error.problem.split("'", maxsplit=1)[0])
        return
    assert expand(fleet) == made
    assert len({each.name for each in made.providers}) == len(made.providers)
    assert len({uuid.UUID(each.uuid) for each in made.providers}) == len(made.providers)
    seen: set[str | None] = {None}
    for each in made.providers:
        assert each.parent_name in seen
        seen.add(each.name)


def test_the_example_is_a_cloud_of_about_300_hosts_with_some_hundred_consumers() -> None:
    made = expand(fleet_format.read(EXAMPLE))
    roots = [each for each in made.providers if each.parent_name is None]
    assert 280 <= len(roots) <= 320
    assert len(made.consumers) >= 200
    offered = {name for each in made.providers for name in each.inventories}
    assert offered >= {"VCPU", "PCPU", "PGPU", "VGPU", "SRIOV_NET_VF", "CUSTOM_BAREMETAL_GOLD"}
    assert any("MISC_SHARES_VIA_AGGREGATE" in each.traits for each in roots)
