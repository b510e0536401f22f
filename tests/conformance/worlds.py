"""The worlds that the published suites expect to find, in a small text form.

One provider per line, children indented under their parent:

    NAME  @AGGREGATE ...  CLASS:TOTAL[,field=value ...] ...  TRAIT ...

An inventory's max_unit is its total unless it says otherwise. The suites know providers and aggregates by variables of
the environment: an aggregate's is written in the line, a provider's follows from its name (`World.variable`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import indent

Inventory = dict[str, int | float]


@dataclass(frozen=True, slots=True)
class Node:
    """One provider of a world; `parent` is its parent's name, aggregates are names of variables."""

    name: str
    parent: str | None
    aggregates: tuple[str, ...]
    inventories: tuple[tuple[str, Inventory], ...]
    traits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Holding:
    """A consumer that holds something on one provider; `consumer` and `user` are names of variables."""

    provider: str
    resources: dict[str, int]
    consumer: str
    user: str = "USER_ID"


@dataclass(frozen=True, slots=True)
class World:
    """A text of providers, and who holds what of them."""

    text: str
    variable: str = "{NAME}_UUID"
    """How the suites call a provider's uuid; {NAME} is its name in capitals, {name} its name."""
    holdings: tuple[Holding, ...] = ()

    def nodes(self) -> Iterator[Node]:
        """The providers in order of the text: parents before children."""
        above: list[str] = []
        for line in self.text.splitlines():
            if not line.strip():
                continue
            name, *words = line.split()
            depth = (len(line) - len(line.lstrip())) // 2
            del above[depth:]
            yield _node(name, above[-1] if above else None, words)
            above.append(name)

    def variable_of(self, name: str) -> str:
        """The environment variable with the uuid of a provider."""
        return self.variable.format(NAME=name.upper(), name=name)


def _node(name: str, parent: str | None, words: list[str]) -> Node:
    return Node(
        name=name,
        parent=parent,
        aggregates=tuple(word[1:] for word in words if word.startswith("@")),
        inventories=tuple(_inventory(word) for word in words if ":" in word),
        traits=tuple(word for word in words if ":" not in word and not word.startswith("@")),
    )


def _inventory(word: str) -> tuple[str, Inventory]:
    resource_class, _, text = word.partition(":")
    total, *fields = text.split(",")
    inventory: Inventory = {"total": int(total), "max_unit": int(total)}
    for field in fields:
        key, _, value = field.partition("=")
        inventory[key] = float(value) if key == "allocation_ratio" else int(value)
    return resource_class, inventory


SHARED_STORAGE = """
cn1 @AGG_UUID VCPU:24,allocation_ratio=16 MEMORY_MB:131072,allocation_ratio=1.5 HW_CPU_X86_SSE HW_CPU_X86_SSE2
  numa1_1
    pf1_1 SRIOV_NET_VF:8
  numa1_2
    pf1_2 SRIOV_NET_VF:8
cn2 @AGG_UUID VCPU:24,allocation_ratio=16 MEMORY_MB:131072,allocation_ratio=1.5 DISK_GB:2000,reserved=100
  numa2_1
    pf2_1 SRIOV_NET_VF:8
  numa2_2
    pf2_2 SRIOV_NET_VF:8
ss @AGG_UUID DISK_GB:2000,reserved=100 MISC_SHARES_VIA_AGGREGATE
ss2 @AGG_UUID DISK_GB:2000,reserved=100 MISC_SHARES_VIA_AGGREGATE
"""

NUMA_AGGREGATES = """
cn1 @AGGA_UUID
  numa1_1 @AGGC_UUID VCPU:24,allocation_ratio=16
  numa1_2 VCPU:24,allocation_ratio=16
cn2 @AGGA_UUID @AGGB_UUID
  numa2_1 VCPU:24,allocation_ratio=16
  numa2_2 VCPU:24,allocation_ratio=16
ss1 @AGGA_UUID DISK_GB:2000,reserved=100 MISC_SHARES_VIA_AGGREGATE
ss2 @AGGC_UUID DISK_GB:2000,reserved=100 MISC_SHARES_VIA_AGGREGATE
"""

NUMA_HOST = """
cn1 @AGGA_UUID COMPUTE_VOLUME_MULTI_ATTACH
  numa0 VCPU:4 MEMORY_MB:2048,min_unit=512,step_size=256 HW_NUMA_ROOT
    fpga0 FPGA:1
    pgpu0 VGPU:8
  numa1 VCPU:4 MEMORY_MB:2048,min_unit=256,max_unit=1024 HW_NUMA_ROOT CUSTOM_FOO
    fpga1_0 FPGA:1
    fpga1_1 FPGA:1
  sriov_agent CUSTOM_VNIC_TYPE_DIRECT
    esn1 NET_BW_EGR_KILOBIT_PER_SEC:10000 CUSTOM_PHYSNET1
    esn2 NET_BW_EGR_KILOBIT_PER_SEC:20000 CUSTOM_PHYSNET2
  ovs_agent CUSTOM_VNIC_TYPE_NORMAL
    br_int NET_BW_EGR_KILOBIT_PER_SEC:1000 CUSTOM_PHYSNET0
"""

NIC_HOST = """
cn2 @AGGA_UUID VCPU:8 MEMORY_MB:2048,min_unit=1024,step_size=128 DISK_GB:1000 CUSTOM_FOO
  nic1 CUSTOM_HW_NIC_ROOT
    pf1_1 CUSTOM_VF:4 CUSTOM_PHYSNET1
    pf1_2 CUSTOM_VF:4 CUSTOM_PHYSNET2
  nic2 CUSTOM_HW_NIC_ROOT
    pf2_1 CUSTOM_VF:2 CUSTOM_PHYSNET1
    pf2_2 CUSTOM_VF:2 CUSTOM_PHYSNET2
    pf2_3 CUSTOM_VF:2 CUSTOM_PHYSNET1
    pf2_4 CUSTOM_VF:2 CUSTOM_PHYSNET2
  nic3 CUSTOM_HW_NIC_ROOT
    pf3_1 CUSTOM_VF:8 CUSTOM_PHYSNET1
"""

SHARED_DISK = """
ss1 @AGGA_UUID DISK_GB:2000 MISC_SHARES_VIA_AGGREGATE
"""

DEEP_HOSTS = f"""
gp1
  p1{indent(NUMA_HOST, "    ")}
  p2{indent(NIC_HOST, "    ")}
"""

NUMA_HOLDINGS = (Holding("numa0", {"VCPU": 2}, "NUMA0_HOLDER"), Holding("cn2", {"VCPU": 3}, "CN2_HOLDER"))

THREE_HOSTS = """
cn1 VCPU:24 MEMORY_MB:131072 DISK_GB:2000
cn2 VCPU:24 MEMORY_MB:131072 DISK_GB:2000
cn3 VCPU:24 MEMORY_MB:131072 DISK_GB:2000
"""

GRANULAR = """
cn_left @AGGA VCPU:8 MEMORY_MB:4096 DISK_GB:500 VGPU:8 SRIOV_NET_VF:8 CUSTOM_NET_MBPS:4000 \
  HW_CPU_X86_AVX HW_CPU_X86_AVX2 HW_GPU_API_DXVA HW_NIC_DCB_PFC CUSTOM_FOO
cn_middle @AGGA @AGGB VCPU:8 MEMORY_MB:4096 SRIOV_NET_VF:8 CUSTOM_NET_MBPS:4000 \
  HW_CPU_X86_AVX HW_CPU_X86_AVX2 HW_CPU_X86_SSE HW_NIC_ACCEL_TLS
cn_right @AGGB @AGGC VCPU:8 MEMORY_MB:4096 DISK_GB:500 VGPU:8,max_unit=2 \
  HW_CPU_X86_MMX HW_GPU_API_DXVA CUSTOM_DISK_SSD
shr_disk_1 @AGGA DISK_GB:1000 MISC_SHARES_VIA_AGGREGATE CUSTOM_DISK_SSD
shr_disk_2 @AGGA @AGGB DISK_GB:1000 MISC_SHARES_VIA_AGGREGATE
shr_net @AGGC SRIOV_NET_VF:16 CUSTOM_NET_MBPS:40000 MISC_SHARES_VIA_AGGREGATE
"""


def _network_host(name: str, bridges: dict[str, str], functions: dict[str, str], bandwidth: tuple[int, int]) -> str:
    """A host with an Open vSwitch agent over bridges and an SR-IOV agent over functions, each on its physical net."""
    direct = "CUSTOM_VNIC_TYPE_DIRECT CUSTOM_VNIC_TYPE_DIRECT_PHYSICAL CUSTOM_VNIC_TYPE_MACVTAP"
    lines = [
        f"{name} VCPU:8 MEMORY_MB:4096 DISK_GB:500",
        f"  {name}:ovs_agent NET_PACKET_RATE_KILOPACKET_PER_SEC:1000 CUSTOM_VNIC_TYPE_NORMAL",
    ]
    for ports, labels, rate in (
        (bridges, "CUSTOM_VNIC_TYPE_NORMAL", bandwidth[0]),
        (functions, direct, bandwidth[1]),
    ):
        if ports is functions:
            lines.append(f"  {name}:sriov_agent {direct}")
        lines += [
            f"    {name}:{port} NET_BW_EGR_KILOBIT_PER_SEC:{rate} NET_BW_IGR_KILOBIT_PER_SEC:{rate} "
            f"{labels} CUSTOM_PHYSNET_{network}"
            for port, network in ports.items()
        ]
    return "\n".join(lines)


MULTI_SEGMENT = "\n".join(
    [
        _network_host("compute0", {"br_ex": "OTHER"}, {"pf0": "OTHER"}, (5000, 10000)),
        _network_host("compute1", {"br_ex": "MSN_S1"}, {"pf0": "MSN_S1"}, (5000, 10000)),
        _network_host("compute2", {"br_ex": "MSN_S2"}, {"pf0": "MSN_S2"}, (5000, 10000)),
        _network_host(
            "compute3", {"br_ex": "MSN_S1", "br_ex2": "MSN_S2"}, {"pf0": "MSN_S1", "pf1": "MSN_S2"}, (1000, 1000)
        ),
    ]
)

WORLDS: dict[str, World] = {
    "AllocationFixture": World(
        "rp DISK_GB:2048,step_size=10,min_unit=10,max_unit=1000 VCPU:10",
        holdings=(
            Holding("rp", {"DISK_GB": 1000}, "CONSUMER_0"),
            Holding("rp", {"VCPU": 6}, "CONSUMER_ID"),
            Holding("rp", {"DISK_GB": 20, "VCPU": 1}, "ALT_CONSUMER_ID", user="ALT_USER_ID"),
        ),
    ),
    "SharedStorageFixture": World(SHARED_STORAGE),
    "NUMAAggregateFixture": World(NUMA_AGGREGATES),
    "NUMANetworkFixture": World(SHARED_DISK + NUMA_HOST + NIC_HOST, holdings=NUMA_HOLDINGS),
    "DeepNUMANetworkFixture": World(SHARED_DISK + DEEP_HOSTS, holdings=NUMA_HOLDINGS),
    "NonSharedStorageFixture": World(THREE_HOSTS),
    "GranularFixture": World(GRANULAR, variable="{NAME}"),
    "NeutronQoSMultiSegmentFixture": World(MULTI_SEGMENT, variable="{name}"),
}
"""By the name of the fixture that a YAML file asks for."""
