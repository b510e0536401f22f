"""Random work on providers and what they offer: each action is one or a few requests that mostly make sense."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from differential.asks import Answer
from differential.vocabulary import AGGREGATES, CLASSES, CUSTOM_CLASSES, CUSTOM_TRAITS, STANDARD_TRAITS, TRAITS
from differential.world import Action, KnownProvider, World, make_ask


def create_provider(world: World) -> Action:
    """A root or a child, at times a duplicate."""
    uuid = world.new_uuid() if world.chance(0.95) else world.provider_uuid()
    name = world.new_name()
    if world.providers and world.chance(0.04):
        name = world.pick(list(world.providers.values())).name
    minor = world.minor(14)
    body: dict[str, Any] = {"uuid": uuid, "name": name}
    parent = None
    if minor >= 14 and world.providers and world.chance(0.65):
        parent = world.provider_uuid()
        body["parent_provider_uuid"] = parent
    answer = yield make_ask("POST", "/resource_providers", minor, body)
    if answer.status in (200, 201):
        world.providers[uuid] = KnownProvider(uuid, name, parent=parent)


def update_provider(world: World) -> Action:
    """A new name, a new parent, none, or all as it was."""
    uuid = world.provider_uuid()
    minor = world.minor(14)
    known = world.providers.get(uuid)
    name = known.name if known and world.chance(0.5) else world.new_name()
    body: dict[str, Any] = {"name": name}
    if minor >= 14 and world.chance(0.7):
        body["parent_provider_uuid"] = world.provider_uuid() if world.chance(0.6) else None
    answer = yield make_ask("PUT", f"/resource_providers/{uuid}", minor, body)
    if answer.status == 200 and known:
        known.name = name


def delete_provider(world: World) -> Action:
    uuid = world.provider_uuid()
    answer = yield make_ask("DELETE", f"/resource_providers/{uuid}", world.minor())
    if answer.status == 204:
        world.providers.pop(uuid, None)


def inventory(world: World) -> dict[str, Any]:
    """A small inventory, so that claims meet its limits."""
    body: dict[str, Any] = {"total": world.random.randint(1, 16)}
    for field, values in {
        "reserved": (0, 0, 1, 2, body["total"], body["total"] + 1),
        "min_unit": (1, 1, 2),
        "max_unit": (1, 2, 4, 100),
        "step_size": (1, 1, 2, 3),
        "allocation_ratio": (1.0, 1.5, 2, 0.5, 0.1, 16.0, 1.1),
    }.items():
        if world.chance(0.15):
            body[field] = world.pick(values)
    return body


def set_inventories(world: World) -> Action:
    uuid = world.provider_uuid()
    generation = yield from world.generation(uuid)
    inventories = {name: inventory(world) for name in world.some(CLASSES, 1, 5)}
    if world.chance(0.08):
        inventories = {}
    body = {"resource_provider_generation": generation, "inventories": inventories}
    answer = yield make_ask("PUT", f"/resource_providers/{uuid}/inventories", world.minor(), body)
    _learn(world, uuid, answer)
    if answer.status == 200 and uuid in world.providers:
        world.providers[uuid].classes = set(inventories)


def add_inventory(world: World) -> Action:
    uuid = world.provider_uuid()
    name = world.class_name()
    body = {"resource_class": name, **inventory(world)}
    if world.chance(0.1):
        body["resource_provider_generation"] = world.random.randint(0, 5)
    answer = yield make_ask("POST", f"/resource_providers/{uuid}/inventories", world.minor(), body)
    _learn(world, uuid, answer)
    if answer.status == 201 and uuid in world.providers:
        world.providers[uuid].classes.add(name)


def update_inventory(world: World) -> Action:
    uuid = world.provider_uuid()
    name = _class_there(world, uuid)
    generation = yield from world.generation(uuid)
    body = {"resource_provider_generation": generation, **inventory(world)}
    answer = yield make_ask("PUT", f"/resource_providers/{uuid}/inventories/{name}", world.minor(), body)
    _learn(world, uuid, answer)


def delete_inventory(world: World) -> Action:
    uuid = world.provider_uuid()
    whole = world.chance(0.2)
    path = f"/resource_providers/{uuid}/inventories" + ("" if whole else f"/{_class_there(world, uuid)}")
    yield make_ask("DELETE", path, world.minor())
    if uuid in world.providers:
        world.providers[uuid].generation = None


def set_traits(world: World) -> Action:
    uuid = world.provider_uuid()
    generation = yield from world.generation(uuid)
    traits = world.some(TRAITS, 0, 4)
    if world.chance(0.03):
        traits.append("CUSTOM_ABSENT")
    body = {"resource_provider_generation": generation, "traits": traits}
    answer = yield make_ask("PUT", f"/resource_providers/{uuid}/traits", world.minor(6), body)
    _learn(world, uuid, answer)


def delete_traits(world: World) -> Action:
    uuid = world.provider_uuid()
    yield make_ask("DELETE", f"/resource_providers/{uuid}/traits", world.minor(6))
    if uuid in world.providers:
        world.providers[uuid].generation = None


def set_aggregates(world: World) -> Action:
    uuid = world.provider_uuid()
    minor = world.minor(1)
    generation = yield from world.generation(uuid)
    aggregates = world.some(AGGREGATES, 0, 2)
    if world.chance(0.03):
        aggregates += aggregates[:1]
    body: Any = aggregates
    if (minor >= 19) != world.chance(0.03):
        body = {"resource_provider_generation": generation, "aggregates": aggregates}
    answer = yield make_ask("PUT", f"/resource_providers/{uuid}/aggregates", minor, body)
    _learn(world, uuid, answer)


def make_names(world: World) -> Action:
    """The custom classes and traits, most of them."""
    for name in CUSTOM_CLASSES:
        yield make_ask("PUT", f"/resource_classes/{name}", 39)
    for name in CUSTOM_TRAITS:
        yield make_ask("PUT", f"/traits/{name}", 39)


def change_class(world: World) -> Action:
    """Make, make sure of, rename or delete a resource class."""
    name = world.pick((*CUSTOM_CLASSES, *CUSTOM_CLASSES, "CUSTOM_NEW", "VCPU"))
    roll = world.random.random()
    if roll < 0.25:
        yield make_ask("POST", "/resource_classes", world.minor(2), {"name": name})
    elif roll < 0.6:
        yield make_ask("PUT", f"/resource_classes/{name}", world.minor(7))
    elif roll < 0.8:
        yield make_ask("PUT", f"/resource_classes/{name}", world.random.randint(2, 6), {"name": "CUSTOM_NEWER"})
        yield make_ask("PUT", "/resource_classes/CUSTOM_NEWER", world.random.randint(2, 6), {"name": name})
    else:
        yield make_ask("DELETE", f"/resource_classes/{name}", world.minor(2))


def change_trait(world: World) -> Action:
    name = world.pick((*CUSTOM_TRAITS, *CUSTOM_TRAITS, "CUSTOM_NEW", "HW_CPU_X86_AVX", "NOT_CUSTOM"))
    method = world.pick(("PUT", "PUT", "PUT", "DELETE"))
    yield make_ask(method, f"/traits/{name}", world.minor(6))


def read_something(world: World) -> Action:
    """One of the reads that need no query."""
    uuid = world.provider_uuid()
    path = world.pick(
        (
            "/",
            "/traits",
            "/resource_classes",
            f"/resource_classes/{world.class_name()}",
            f"/traits/{world.trait_name()}",
            f"/resource_providers/{uuid}",
            f"/resource_providers/{uuid}",
            f"/resource_providers/{uuid}/inventories",
            f"/resource_providers/{uuid}/inventories",
            f"/resource_providers/{uuid}/inventories/{_class_there(world, uuid)}",
            f"/resource_providers/{uuid}/usages",
            f"/resource_providers/{uuid}/usages",
            f"/resource_providers/{uuid}/aggregates",
            f"/resource_providers/{uuid}/traits",
            f"/resource_providers/{uuid}/allocations",
            f"/resource_providers/{uuid}/allocations",
        )
    )
    yield make_ask("GET", path, world.minor(6))


def list_traits(world: World) -> Action:
    key, value = world.pick(
        (
            ("name", f"in:{','.join(world.some(TRAITS, 1, 3))}"),
            ("name", f"startswith:{world.pick(('HW_CPU_X86_A', 'CUSTOM_', 'CUSTOM_R', 'ABSENT'))}"),
            ("associated", world.pick(("true", "false", "True", "x"))),
            ("name", world.pick(STANDARD_TRAITS)),
        )
    )
    query = f"{key}={quote(value, safe=':,')}"
    if world.chance(0.2):
        query += "&associated=true"
    yield make_ask("GET", f"/traits?{query}", world.minor(6))


def _class_there(world: World, uuid: str) -> str:
    known = world.providers.get(uuid)
    if known and known.classes and world.chance(0.85):
        return world.pick(sorted(known.classes))
    return world.class_name()


def _learn(world: World, uuid: str, answer: Answer) -> None:
    """Take a provider's generation from an answer, or forget it."""
    known = world.providers.get(uuid)
    if known is None:
        return
    document = answer.json()
    generation = document.get("resource_provider_generation") if isinstance(document, dict) else None
    known.generation = generation if isinstance(generation, int) else None
