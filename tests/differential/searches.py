"""Random searches: candidates, and lists of providers."""

from __future__ import annotations

from urllib.parse import quote

from differential.vocabulary import AGGREGATES, CLASSES, SUFFIXES, TRAITS
from differential.world import Action, World, make_ask

Query = list[tuple[str, str]]


def list_providers(world: World) -> Action:
    """The list with any of its filters."""
    minor = world.minor(18)
    query: Query = []
    if world.chance(0.15) and world.providers:
        known = world.pick(list(world.providers.values()))
        query.append(world.pick((("uuid", known.uuid), ("name", known.name), ("name", "absent"))))
    if world.chance(0.3):
        query += _member_of(world, "", minor)
    if world.chance(0.3):
        query.append(("resources", _resources(world)))
    if world.chance(0.2):
        query.append(("in_tree", world.provider_uuid()))
    if world.chance(0.35):
        query += _required(world, "", minor)
    yield make_ask("GET", _target("/resource_providers", query), minor)


def find_candidates(world: World) -> Action:
    """Candidates for an unsuffixed group, some suffixed ones, and what ties them together."""
    minor = world.minor(25) if world.chance(0.8) else world.minor(10)
    query: Query = []
    suffixes = world.some(SUFFIXES, 1, 3) if world.chance(0.5) and minor >= 25 else []
    if not suffixes or world.chance(0.5):
        query += _group(world, "", minor, has_resources=True)
    resourceless = []
    for suffix in suffixes:
        has_resources = minor < 36 or world.chance(0.8)
        if not has_resources:
            resourceless.append(suffix)
        query += _group(world, suffix, minor, has_resources=has_resources)
    if len(suffixes) > 1 and world.chance(0.97):
        query.append(("group_policy", world.pick(("none", "isolate"))))
    if suffixes and minor >= 36 and (resourceless or world.chance(0.3)):
        together = resourceless + [suffix for suffix in suffixes if suffix not in resourceless and world.chance(0.7)]
        query.append(("same_subtree", ",".join(together or suffixes)))
    if minor >= 35 and world.chance(0.1):
        traits = [("!" if world.chance(0.4) else "") + name for name in world.some(TRAITS, 1, 2)]
        query.append(("root_required", ",".join(traits)))
    if minor >= 16 and world.chance(0.2):
        query.append(("limit", str(world.random.randint(1, 4))))
    world.random.shuffle(query)
    yield make_ask("GET", _target("/allocation_candidates", query), minor)


def _group(world: World, suffix: str, minor: int, *, has_resources: bool) -> Query:
    query: Query = []
    if has_resources:
        query.append((f"resources{suffix}", _resources(world)))
    if minor >= 17 and (world.chance(0.2) or not has_resources):
        query += _required(world, suffix, minor)
    if minor >= 21 and world.chance(0.15):
        query += _member_of(world, suffix, minor)
    if minor >= 31 and world.chance(0.1):
        query.append((f"in_tree{suffix}", world.provider_uuid()))
    return query


def _resources(world: World) -> str:
    classes = world.some(CLASSES[:3], 1, 2) if world.chance(0.85) else world.some(CLASSES, 1, 3)
    return ",".join(f"{name}:{world.pick((1, 1, 1, 1, 2, 2, 3, 6))}" for name in classes)


def _required(world: World, suffix: str, minor: int) -> Query:
    names = world.some(TRAITS, 1, 2)
    values = ["!" + name if minor >= 22 and world.chance(0.35) else name for name in names]
    query: Query = [(f"required{suffix}", ",".join(values))]
    if minor >= 39 and world.chance(0.35):
        query.append((f"required{suffix}", "in:" + ",".join(world.some(TRAITS, 1, 3))))
    return query


def _member_of(world: World, suffix: str, minor: int) -> Query:
    def value() -> str:
        aggregates = world.some(AGGREGATES, 1, 2)
        mark = "!" if minor >= 32 and world.chance(0.35) else ""
        return f"{mark}in:{','.join(aggregates)}" if len(aggregates) > 1 or world.chance(0.3) else mark + aggregates[0]

    count = 2 if minor >= 24 and world.chance(0.25) else 1
    return [(f"member_of{suffix}", value()) for _ in range(count)]


def _target(path: str, query: Query) -> str:
    text = "&".join(f"{quote(key)}={quote(value, safe=':,!')}" for key, value in query)
    return f"{path}?{text}" if text else path
