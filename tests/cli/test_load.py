"""A fleet becomes what the database says, whichever way it is loaded; a second load is no change; a refusal is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from conftest import Servers

from cli.running import Service
from ullage.cli import admin, fleet
from ullage.cli.client import Client
from ullage.cli.expand import expand, made_uuid
from ullage.cli.load import LoadError, Tally, Target, load
from ullage.model.commands import ReleaseConsumer

EXAMPLE = Path(__file__).parents[2] / "examples" / "fleet.yaml"

SMALL = """
aggregates: {rack: null}
providers:
  - name: host
    inventories: {VCPU: {total: 8, reserved: 2}, CUSTOM_LICENCE: 3}
    traits: [COMPUTE_NODE, CUSTOM_QUIET]
    aggregates: [rack]
    children: [{name: "{parent}_gpu{n}", numbers: 0-1, inventories: {PGPU: 1}}]
  - {name: spare}
consumers:
  - {name: one, project: p, user: u, holds: {host: {VCPU: 4}, host_gpu0: {PGPU: 1}}}
  - {name: two, project: p, user: u, type: LEASE, holds: {host: {VCPU: 2, CUSTOM_LICENCE: 1}}}
"""


class Recorder:
    """Keeps what a load says of its progress."""

    def __init__(self) -> None:
        self.stages: dict[str, int] = {}
        self.done = 0

    def begin(self, stage: str, total: int) -> None:
        self.stages[stage] = total

    def advance(self, count: int) -> None:
        self.done += count


def loaded(text: str, target: Target) -> Tally:
    return load(expand(fleet.parse(text)), target, Recorder())


WAYS = [f"straight into {name}" for name in servers.chosen_names()]


@pytest.fixture(params=[*WAYS, "over HTTP"])
def target(request: pytest.FixtureRequest, database_servers: Servers) -> Iterator[Target]:
    """Both ways: straight into each database, and over HTTP, to which the database makes no difference."""
    way: str = request.param
    server = database_servers("sqlite" if way == "over HTTP" else way.rpartition(" ")[2])
    url = server.new_ledger_database()
    if way == "over HTTP":
        with Service(url) as service, Client(service.url, "admin") as client:
            yield client
    else:
        with admin.database_target(url) as direct:
            yield direct
    server.drop_database(url)


def test_what_the_fleet_says_is_there_and_a_second_load_writes_nothing(target: Target) -> None:
    first = loaded(SMALL, target)
    assert first.written == {
        "custom names": 2,
        "providers": 4,
        "inventories": 3,
        "traits": 1,
        "aggregates": 1,
        "consumers": 2,
    }
    providers = {provider.name: provider for provider in target.providers()}
    host, gpu = providers["host"], providers["host_gpu0"]
    assert (gpu.parent_uuid, gpu.root_uuid) == (host.uuid, host.uuid)
    assert {name: each.total for name, each in target.inventories([host.uuid])[host.uuid].items()} == {
        "VCPU": 8,
        "CUSTOM_LICENCE": 3,
    }
    assert target.provider_traits([host.uuid])[host.uuid] == {"COMPUTE_NODE", "CUSTOM_QUIET"}
    assert target.provider_aggregates([host.uuid])[host.uuid] == {made_uuid("aggregate", "rack")}
    one = target.consumer(made_uuid("consumer", "one"))
    assert one is not None
    assert {uuid: dict(held.resources) for uuid, held in one.allocations.items()} == {
        host.uuid: {"VCPU": 4},
        gpu.uuid: {"PGPU": 1},
    }
    second = loaded(SMALL, target)
    assert not +second.written
    assert second.unchanged["providers"] == 4
    assert second.unchanged["consumers"] == 2


def test_a_changed_fleet_makes_the_changes_and_leaves_the_rest_alone(target: Target) -> None:
    loaded(SMALL, target)
    changed = SMALL.replace("total: 8", "total: 16").replace("CUSTOM_QUIET]", "CUSTOM_LOUD]").replace("LEASE", "LOAN")
    changed = changed.replace("  - {name: spare}", "  - {name: more}")
    tally = loaded(changed, target)
    assert +tally.written == {"custom names": 1, "providers": 1, "inventories": 1, "traits": 1, "consumers": 1}
    assert {provider.name for provider in target.providers()} >= {"spare", "more"}
    two = target.consumer(made_uuid("consumer", "two"))
    assert two is not None
    assert two.consumer.consumer_type == "LOAN"


def test_a_provider_that_is_there_under_another_uuid_keeps_it_unless_the_fleet_states_one(target: Target) -> None:
    uuid = "6f1d0b60-3c07-4a5e-9d0c-0f5b8f2d1a01"
    loaded(f"providers: [{{name: a, uuid: {uuid}}}]", target)
    loaded("providers: [{name: a, children: [{name: b}]}]", target)
    assert {provider.name: provider.parent_uuid for provider in target.providers()} == {"a": None, "b": uuid}
    with pytest.raises(LoadError, match=f"'a' is there already, with the uuid {uuid}"):
        loaded("providers: [{name: a, uuid: 6f1d0b60-3c07-4a5e-9d0c-0f5b8f2d1a02}]", target)


def test_a_stated_uuid_makes_another_name_a_rename_and_another_parent_a_move(target: Target) -> None:
    uuid = "6f1d0b60-3c07-4a5e-9d0c-0f5b8f2d1a01"
    loaded(f"providers: [{{name: a, uuid: {uuid}}}, {{name: top}}]", target)
    loaded(f"providers: [{{name: top, children: [{{name: z, uuid: {uuid}}}]}}]", target)
    providers = {provider.name: provider for provider in target.providers()}
    assert providers.keys() == {"top", "z"}
    assert (providers["z"].uuid, providers["z"].parent_uuid) == (uuid, providers["top"].uuid)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{name: a, traits: [HW_CPU_X86_AVX3]}", r"providers\[0\]: there is no trait 'HW_CPU_X86_AVX3' \(did you mean"),
        ("{name: a, inventories: {VCPUS: 1}}", "there is no resource class 'VCPUS' .did you mean 'VCPU'"),
    ],
)
def test_a_standard_name_that_does_not_exist_is_refused_before_anything_is_written(
    target: Target, line: str, message: str
) -> None:
    with pytest.raises(LoadError, match=message) as caught:
        loaded(f"providers: [{line}]", target)
    assert not +caught.value.tally.written
    assert not list(target.providers())


def test_a_refusal_stops_the_load_and_what_was_written_is_told(target: Target) -> None:
    loaded(SMALL, target)
    two = SMALL[SMALL.index("  - {name: two") :]
    three = "  - {name: three, project: p, user: u, holds: {host: {CUSTOM_LICENCE: 3}}}\n"
    text = SMALL.replace(two, three).replace("providers:\n", "providers:\n  - {name: new}\n")
    with pytest.raises(LoadError, match=r"consumers\[1\]: .*would exceed the capacity") as caught:
        loaded(text, target)
    assert +caught.value.tally.written == {"providers": 1}


def test_the_example_loads_and_the_laws_hold(database_url: str) -> None:
    plan = expand(fleet.read(EXAMPLE))
    recorder = Recorder()
    with admin.database_target(database_url) as target:
        tally = load(plan, target, recorder)
        assert recorder.done == sum(recorder.stages.values())
        assert tally.written["consumers"] == len(plan.consumers)
        assert admin.findings(database_url) == ([], [])
        assert target.run_all([ReleaseConsumer(plan.consumers[0].uuid)]) == [None]
        again = load(plan, target, Recorder())
    assert +again.written == {"consumers": 1}
