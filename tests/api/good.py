"""A body for each route that reads one, right in the newest version but for generations."""

from __future__ import annotations

from typing import Any

from api.client import CONSUMER, NOWHERE, OTHER, OWNER, UUID

HELD = {UUID: {"resources": {"VCPU": 1}}}
STOCK = {"resource_provider_generation": 1, "inventories": {"VCPU": {"total": 4, "allocation_ratio": 1e38}}}
CLAIM = {"allocations": HELD, "consumer_generation": None, "consumer_type": "X", **OWNER}
PROVIDER = "/resource_providers/{uuid}"
GOOD: dict[tuple[str, str], Any] = {
    ("POST", "/resource_classes"): {"name": "CUSTOM_A"},
    ("PUT", "/resource_classes/{name}"): {"name": "CUSTOM_B"},
    ("POST", "/resource_providers"): {"name": "child", "uuid": NOWHERE, "parent_provider_uuid": OTHER},
    ("PUT", PROVIDER): {"name": "renamed", "parent_provider_uuid": None},
    ("POST", f"{PROVIDER}/inventories"): {"resource_class": "DISK_GB", "total": 4, "allocation_ratio": 3.4e38},
    ("PUT", f"{PROVIDER}/inventories"): STOCK,
    ("PUT", f"{PROVIDER}/inventories/{{resource_class}}"): {"total": 2**31 - 1},
    ("PUT", f"{PROVIDER}/traits"): {"traits": ["HW_CPU_X86_AVX"]},
    ("PUT", f"{PROVIDER}/aggregates"): {"aggregates": [UUID]},
    ("POST", "/allocations"): {CONSUMER: CLAIM, OTHER: {**CLAIM, "allocations": {}}},
    ("PUT", "/allocations/{consumer_uuid}"): CLAIM,
    ("POST", "/reshaper"): {"inventories": {UUID: STOCK}, "allocations": {CONSUMER: CLAIM}},
}
"""A body for each route that reads one; right in the newest version, but for generations."""
