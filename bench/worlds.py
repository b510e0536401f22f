"""Fleets by name, such as "flat-10000": plain data in Ullage's fleet format, the same every time.

Both services get their providers from the same fleet; uuids are made from names (see docs/reference/fleet.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ullage.cli.expand import made_uuid

Fleet = dict[str, Any]

ROWS, RACKS = 50, 300
"""How many aggregates of each kind a flat fleet has, besides the one that every host is in; a host is in one of each.
The one divides the other."""
TRAITS = ["HW_CPU_X86_AVX2", "STORAGE_DISK_SSD"]
ROOMY = {"VCPU": 10_000_000, "MEMORY_MB": 2**31 - 1, "DISK_GB": 100_000_000}
FULL_OF_20 = 19
"""So many of 20 hosts have no VCPU left in a full fleet."""
HURTING_TREES, HURTING_CHILDREN, HURTING_NODES = 300, 16, 40
"""The trees that hostile questions are about: so many with so many children, and one with more."""
POOL_HOSTS = 100
"""So many hosts share the disks of one provider."""


def aggregate_uuid(name: str) -> str:
    """The uuid of an aggregate of any world."""
    return made_uuid("aggregate", name)


def flat(count: int, inventories: dict[str, Any] | None = None) -> Fleet:
    """Hosts without children: three inventories, three aggregates, two traits each."""
    offered = inventories or {
        "VCPU": {"total": 64, "allocation_ratio": 16.0},
        "MEMORY_MB": {"total": 262_144, "reserved": 512},
        "DISK_GB": {"total": 2_000, "reserved": 100},
    }
    providers = [
        {
            "name": "host-{n}",
            "numbers": ",".join(map(str, range(first, count + 1, RACKS))),
            "template": "host",
            "aggregates": ["hall", f"row-{first % ROWS}", f"rack-{first % RACKS}"],
        }
        for first in range(1, min(RACKS, count) + 1)
    ]
    names = ["hall", *(f"row-{number}" for number in range(ROWS)), *(f"rack-{number}" for number in range(RACKS))]
    return {
        "aggregates": dict.fromkeys(names),
        "templates": {"host": {"inventories": offered, "traits": TRAITS}},
        "providers": providers,
    }


def roomy(count: int) -> Fleet:
    """A flat fleet that claims cannot fill."""
    return flat(count, ROOMY)


def full(count: int) -> Fleet:
    """A flat fleet, 95 % of it without a VCPU to spare."""
    fleet = flat(count, {"VCPU": 64, "MEMORY_MB": 262_144, "DISK_GB": 2_000})
    taken = [number for number in range(1, count + 1) if number % 20 < FULL_OF_20]
    holds = {"host-{n}": {"VCPU": 64, "MEMORY_MB": 65_536, "DISK_GB": 100}}
    numbers = ",".join(map(str, taken))
    fleet["consumers"] = [{"name": "tenant-{n}", "numbers": numbers, "project": "p", "user": "u", "holds": holds}]
    return fleet


def sharing(count: int) -> Fleet:
    """Hosts without disks; each hundred shares the disks of one provider."""
    pools = range(_pools(count))
    hosts = [
        {
            "name": "host-{n}",
            "numbers": f"{pool * POOL_HOSTS + 1}-{min((pool + 1) * POOL_HOSTS, count)}",
            "aggregates": [f"pool-{pool}"],
            "inventories": {"VCPU": {"total": 64, "allocation_ratio": 16.0}, "MEMORY_MB": 262_144},
        }
        for pool in pools
    ]
    disks = [
        {
            "name": f"disks-{pool}",
            "aggregates": [f"pool-{pool}"],
            "inventories": {"DISK_GB": 1_000_000},
            "traits": ["MISC_SHARES_VIA_AGGREGATE"],
        }
        for pool in pools
    ]
    return {"aggregates": {f"pool-{pool}": None for pool in pools}, "providers": [*hosts, *disks]}


def numa(count: int) -> Fleet:
    """Trees of seven: a root with disks, and six nodes with processors and memory."""
    node = {
        "name": "{parent}-node-{n}",
        "numbers": "1-6",
        "inventories": {"VCPU": 8, "MEMORY_MB": 4_096},
        "traits": ["HW_CPU_X86_AVX2"],
    }
    root = {"name": "root-{n}", "numbers": f"1-{count}", "inventories": {"DISK_GB": 100}, "children": [node]}
    return {"providers": [root]}


def wide(children: int) -> Fleet:
    """One tree: a root, and so many children with one VGPU each."""
    child = {"name": "{parent}-gpu-{n}", "numbers": f"1-{children}", "inventories": {"VGPU": 1}}
    return {"providers": [{"name": "root", "inventories": {"VCPU": 8}, "children": [child]}]}


def hostile(count: int) -> Fleet:
    """A flat fleet, and trees that make hostile questions hurt."""
    fleet = flat(count)
    child = {"name": "{parent}-{n}", "numbers": f"1-{HURTING_CHILDREN}", "inventories": {"VGPU": 4}}
    many = {"name": "tree-{n}", "numbers": f"1-{HURTING_TREES}", "children": [child]}
    node = {"name": "{parent}-{n}", "numbers": f"1-{HURTING_NODES}", "inventories": {"PGPU": 10}}
    fleet["providers"] += [many, {"name": "wide", "children": [node]}]
    return fleet


def empty(_: int) -> Fleet:
    """Nothing."""
    return {"providers": []}


MAKERS: dict[str, Callable[[int], Fleet]] = {
    "flat": flat,
    "roomy": roomy,
    "full": full,
    "sharing": sharing,
    "numa": numa,
    "wide": wide,
    "hostile": hostile,
    "empty": empty,
}


def fleet(name: str) -> Fleet:
    """The fleet of a world named KIND-SIZE."""
    kind, _, size = name.partition("-")
    return MAKERS[kind](int(size))


def provider_count(name: str) -> int:
    """How many providers a world has."""
    kind, _, text = name.partition("-")
    size = int(text)
    hurting = HURTING_TREES * (1 + HURTING_CHILDREN) + 1 + HURTING_NODES
    known = {"sharing": size + _pools(size), "numa": 7 * size, "wide": 1 + size, "hostile": size + hurting}
    return known.get(kind, size)


def host_uuids(count: int) -> list[str]:
    """The uuids of the first hosts of any world that has hosts."""
    return [made_uuid("provider", f"host-{number}") for number in range(1, count + 1)]


def _pools(hosts: int) -> int:
    return (hosts + POOL_HOSTS - 1) // POOL_HOSTS
