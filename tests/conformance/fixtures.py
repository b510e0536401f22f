"""The fixtures that the published YAML files name, each bound to a stage.

A fixture sets the environment variables that the files use, starts the stage on an empty database and seeds the
fixture's world through the API itself, so the same fixtures serve Ullage in process, a server, and the reference.
"""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
from gabbi.fixture import GabbiFixture

from conformance.stage import Options, Stage
from conformance.worlds import WORLDS, Holding, Node, World

FIXED_VARIABLES = {
    "CUSTOM_RES_CLASS": "CUSTOM_IRON_NFV",
    "CUSTOM_RES_CLASS1": "CUSTOM_IRON_NFV1",
    "CUSTOM_RES_CLASS2": "CUSTOM_IRON_NFV2",
}
UUID_VARIABLES = (
    *("RP_UUID", "RP_NAME", "RP_UUID1", "RP_NAME1", "RP_UUID2", "RP_NAME2", "ALT_RP_UUID", "ALT_RP_NAME"),
    *("PROJECT_ID", "PROJECT_ID_ALT", "ADMIN_PROJECT_ID", "SERVICE_PROJECT_ID"),
    *("USER_ID", "USER_ID_ALT", "ALT_USER_ID", "INSTANCE_UUID", "MIGRATION_UUID", "CONSUMER_UUID"),
    *("PARENT_PROVIDER_UUID", "ALT_PARENT_PROVIDER_UUID", "AGGA_UUID", "AGGB_UUID", "AGGC_UUID"),
)

OPTIONS = {
    "CORSFixture": Options(cors=True),
    "OpenPolicyFixture": Options(open_policy=True),
    "SecureRBACPolicyFixture": Options(enforce_new_defaults=True),
}


class SeedFailed(Exception):
    """The service refused a part of a world that a suite needs."""


def fixtures_for(stage: Stage) -> SimpleNamespace:
    """What gabbi takes for a fixture module: every fixture's class by name, bound to a stage."""
    names = {"APIFixture", "LegacyRBACPolicyFixture", *OPTIONS, *WORLDS}
    return SimpleNamespace(
        **{name: type(name, (_Fixture,), {"stage": stage, "world": WORLDS.get(name)}) for name in names}
    )


class _Fixture(GabbiFixture):  # type: ignore[misc] # gabbi has no types
    stage: Stage
    world: World | None

    def start_fixture(self) -> None:
        self._outside = dict(os.environ)
        os.environ.update(FIXED_VARIABLES)
        os.environ.update({name: str(uuid4()) for name in UUID_VARIABLES})
        self.stage.start(OPTIONS.get(type(self).__name__, Options()))
        if self.world is not None:
            with self.stage.client() as client:
                _Seeder(client, self.world).seed()

    def stop_fixture(self) -> None:
        self.stage.stop()
        os.environ.clear()
        os.environ.update(self._outside)


class _Seeder:
    """Makes a world by the API, one write per class so that generations come out as the suites expect them."""

    def __init__(self, client: httpx.Client, world: World) -> None:
        self._client = client
        self._world = world

    def seed(self) -> None:
        for node in self._world.nodes():
            self._make_provider(node)
            self._make_inventories(node)
            self._set_traits(node)
        for holding in self._world.holdings:
            self._claim(holding)

    def _make_provider(self, node: Node) -> None:
        uuid = _variable(self._world.variable_of(node.name))
        name = os.environ.get(f"{node.name.upper()}_NAME", node.name)
        parent = None if node.parent is None else os.environ[self._world.variable_of(node.parent)]
        self._send("POST", "/resource_providers", {"uuid": uuid, "name": name, "parent_provider_uuid": parent})
        if node.aggregates:
            aggregates = [_variable(variable) for variable in node.aggregates]
            self._send("PUT", f"/resource_providers/{uuid}/aggregates", aggregates, version="1.18")  # 1.19 counts it

    def _make_inventories(self, node: Node) -> None:
        uuid = os.environ[self._world.variable_of(node.name)]
        for resource_class, inventory in node.inventories:
            if resource_class.startswith("CUSTOM_"):
                self._send("PUT", f"/resource_classes/{resource_class}")
            body = {"resource_class": resource_class, **inventory}
            self._send("POST", f"/resource_providers/{uuid}/inventories", body)

    def _set_traits(self, node: Node) -> None:
        if not node.traits:
            return
        for trait in node.traits:
            if trait.startswith("CUSTOM_"):
                self._send("PUT", f"/traits/{trait}")
        uuid = os.environ[self._world.variable_of(node.name)]
        generation = self._send("GET", f"/resource_providers/{uuid}").json()["generation"]
        body = {"resource_provider_generation": generation, "traits": list(node.traits)}
        self._send("PUT", f"/resource_providers/{uuid}/traits", body)

    def _claim(self, holding: Holding) -> None:
        provider = os.environ[self._world.variable_of(holding.provider)]
        body = {
            "allocations": {provider: {"resources": holding.resources}},
            "project_id": os.environ["PROJECT_ID"],
            "user_id": os.environ[holding.user],
            "consumer_generation": None,
        }
        consumer = _variable(holding.consumer)
        self._send("PUT", f"/allocations/{consumer}", body, version="1.37")  # 1.38 would give it a type

    def _send(self, method: str, path: str, body: Any = None, version: str = "1.39") -> httpx.Response:
        headers = {"x-auth-token": "admin", "openstack-api-version": f"placement {version}"}
        response = self._client.request(method, path, json=body, headers=headers)
        if response.is_error:
            raise SeedFailed(f"{method} {path} {body}: {response.status_code} {response.text}")
        return response


def _variable(name: str) -> str:
    """The uuid in an environment variable, made now if nobody has set it."""
    return os.environ.setdefault(name, str(uuid4()))
