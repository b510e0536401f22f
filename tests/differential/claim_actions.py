"""Random claims, releases and reshapes, and reads of what is held."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from differential.asks import Answer, Ask
from differential.provider_actions import inventory
from differential.vocabulary import CLASSES, CONSUMER_TYPES, PROJECTS, USERS
from differential.world import LATEST, Action, World, make_ask


def put_allocations(world: World) -> Action:
    """Replace what one consumer holds."""
    consumer = world.consumer_uuid()
    minor = world.minor(8)
    body = yield from _claim_body(world, consumer, minor)
    yield make_ask("PUT", f"/allocations/{consumer}", minor, body)
    world.forget_generations()


def post_allocations(world: World) -> Action:
    """Replace what several consumers hold."""
    minor = world.minor(13)
    body = {}
    for consumer in world.some(world.consumers, 1, 3):
        body[consumer] = yield from _claim_body(world, consumer, max(minor, 12))
    yield make_ask("POST", "/allocations", minor, body)
    world.forget_generations()


def delete_allocations(world: World) -> Action:
    yield make_ask("DELETE", f"/allocations/{world.consumer_uuid()}", world.minor())


def read_allocations(world: World) -> Action:
    yield make_ask("GET", f"/allocations/{world.consumer_uuid()}", world.minor())


def read_usages(world: World) -> Action:
    query = f"project_id={world.pick(PROJECTS)}"
    minor = world.minor(9)
    if world.chance(0.4):
        query += f"&user_id={world.pick(USERS)}"
    if minor >= 38 and world.chance(0.5):
        query += f"&consumer_type={world.pick((*CONSUMER_TYPES, 'all', 'unknown', 'lower'))}"
    yield make_ask("GET", f"/usages?{query}", minor)


def reshape(world: World) -> Action:
    """Move inventory between providers of one tree, with the allocations of consumers, or nearly so."""
    minor = world.minor(30)
    inventories = {}
    for uuid in {world.provider_uuid(): None for _ in range(world.random.randint(1, 2))}:
        generation = yield from world.generation(uuid)
        known = world.providers.get(uuid)
        kept = sorted(known.classes) if known and world.chance(0.8) else []
        offered = {name: inventory(world) for name in [*kept, *world.some(CLASSES, 0, 2)]}
        inventories[uuid] = {"resource_provider_generation": generation, "inventories": offered}
    allocations = {}
    for consumer in world.some(world.consumers, 0, 2):
        allocations[consumer] = yield from _claim_body(world, consumer, max(minor, 28))
    yield make_ask("POST", "/reshaper", minor, {"inventories": inventories, "allocations": allocations})
    world.forget_generations()


def _claim_body(world: World, consumer: str, minor: int) -> Generator[Ask, Answer, dict[str, Any]]:
    """The body of a claim at a version, now and then at another version than the request's."""
    shape = minor if world.chance(0.97) else world.random.randint(0, LATEST)
    held = _held(world, shape)
    body: dict[str, Any] = {"allocations": held}
    if shape < 12:
        body["allocations"] = [
            {"resource_provider": {"uuid": uuid}, "resources": entry["resources"]} for uuid, entry in held.items()
        ]
    if shape >= 8:
        body |= {"project_id": world.pick(PROJECTS), "user_id": world.pick(USERS)}
    if shape >= 28:
        body["consumer_generation"] = yield from _consumer_generation(world, consumer)
    if shape >= 34 and world.chance(0.2):
        body["mappings"] = {"": list(held) or [world.provider_uuid()]}
    if shape >= 38:
        body["consumer_type"] = world.pick(CONSUMER_TYPES)
    return body


def _held(world: World, shape: int) -> dict[str, Any]:
    least = 0 if shape >= 28 and world.chance(0.25) else 1
    held: dict[str, Any] = {}
    for _ in range(world.random.randint(least, max(least, 2))):
        uuid = world.stocked_uuid()
        known = world.providers.get(uuid)
        offered = sorted(known.classes) if known and known.classes and world.chance(0.93) else CLASSES
        resources = {name: world.pick((1, 1, 1, 1, 2, 2, 3, 20)) for name in world.some(offered, 1, 2)}
        held[uuid] = {"resources": resources}
        if world.chance(0.1):
            held[uuid]["generation"] = world.random.randint(0, 3)
    return held


def _consumer_generation(world: World, consumer: str) -> Generator[Ask, Answer, int | None]:
    """The consumer's generation as it is, or (rarely) something else."""
    answer = yield make_ask("GET", f"/allocations/{consumer}", LATEST)
    document = answer.json()
    generation: int | None = document.get("consumer_generation") if isinstance(document, dict) else None
    if world.chance(0.05):
        return world.pick((None, 0, 1, 2, 7))
    return generation
