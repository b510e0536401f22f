"""From a fleet to single providers and claims: pure, and the same every time."""

from __future__ import annotations

import math
import re
import uuid as uuid_module
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ullage.cli.fleet import (
    ConsumerEntry,
    Fleet,
    FleetError,
    InventoryEntry,
    OverrideEntry,
    ProviderEntry,
    TemplateEntry,
    nearest,
)
from ullage.model.inventory import INTEGER_MAX, RATIO_MAX, Inventory
from ullage.model.names import CONSUMER_TYPE, NAME_LENGTH_MAX, PROVIDER_NAME_LENGTH_MAX, normalised_uuid

NAMESPACE = uuid_module.UUID("0b1e55ed-ca5c-5ade-a11e-ca7a10c0ffee")
"""Uuids that a fleet does not state are made from names in this namespace, so that a second load finds the first."""

NUMBERS_MAX = 1_000_000
DEPTH_MAX = 32

_LABEL = re.compile(r"[A-Z0-9_]+")
_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NUMBER = re.compile(r"n(?::0(\d))?")


@dataclass(frozen=True, slots=True)
class PlannedProvider:
    """One provider as it shall be. `where` is its entry's path in the file."""

    where: str
    name: str
    uuid: str
    uuid_is_stated: bool
    parent_name: str | None
    depth: int
    inventories: Mapping[str, Inventory]
    traits: frozenset[str]
    aggregates: frozenset[str]


@dataclass(frozen=True, slots=True)
class PlannedConsumer:
    """One consumer as it shall be; `holds` is keyed by provider name."""

    where: str
    name: str
    uuid: str
    project: str
    user: str
    consumer_type: str
    holds: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a fleet says: providers with parents before children, and consumers in the order of the file."""

    providers: tuple[PlannedProvider, ...]
    consumers: tuple[PlannedConsumer, ...]


def expand(fleet: Fleet) -> Plan:
    """Number, name and complete everything; raises FleetError for what could not hold together when loaded."""
    providers = _Providers(fleet).plan()
    consumers = tuple(_consumers(fleet))
    _refuse_twins(consumers, "consumer")
    _refuse_oversold(providers, consumers)
    return Plan(providers, consumers)


def made_uuid(kind: str, name: str) -> str:
    """The uuid that stands for a name which has none stated; `kind` is "provider", "consumer" or "aggregate"."""
    return str(uuid_module.uuid5(NAMESPACE, f"{kind}/{name}"))


def numbers(text: str | None, where: str) -> list[int | None]:
    """ "1-3, 7" -> [1, 2, 3, 7]; None, for an entry that has no numbers, -> [None]."""
    if text is None:
        return [None]
    found: list[int | None] = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise FleetError(where, f"'{text}' is no list of numbers such as '1-40, 57'")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or len(found) + last - first >= NUMBERS_MAX:
            raise FleetError(where, f"'{part.strip()}' must go upwards, and over {NUMBERS_MAX} numbers at most")
        found.extend(range(first, last + 1))
    return found


def filled(pattern: str, values: Mapping[str, str | int | None], where: str) -> str:
    """A name with its placeholders filled in: {n}, {n:03}, {parent}, {root}."""

    def value(match: re.Match[str]) -> str:
        inside = match[1]
        number = _NUMBER.fullmatch(inside)
        key = "n" if number else inside
        found = values.get(key)
        if found is None:
            able = ", ".join("{" + name + "}" for name, each in values.items() if each is not None)
            raise FleetError(where, f"'{{{inside}}}' in '{pattern}' stands for nothing here; {able or 'nothing'} would")
        return f"{found:0{number[1]}}" if number and number[1] else str(found)

    name = _PLACEHOLDER.sub(value, pattern)
    if "{" in name or "}" in name:
        raise FleetError(where, f"'{pattern}' has a brace without its partner")
    return name


class _Providers:
    """Expands the provider side of one fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._aggregates = dict(_aggregates(fleet))
        self._templates: dict[str, TemplateEntry] = {}

    def plan(self) -> tuple[PlannedProvider, ...]:
        found: dict[str, PlannedProvider] = {}
        for number, entry in enumerate(self._fleet.providers):
            for provider in self._expanded(entry, f"providers[{number}]", None):
                if provider.name in found:
                    first = found[provider.name].where
                    raise FleetError(provider.where, f"provider '{provider.name}' is there already ({first})")
                found[provider.name] = provider
        for name, override in self._fleet.overrides.items():
            where = f"overrides.{name}"
            if name not in found:
                raise FleetError(where, f"there is no provider '{name}'{nearest(name, found)}")
            found[name] = self._overridden(found[name], override, where)
        planned = sorted(found.values(), key=lambda provider: provider.depth)
        _refuse_twins(planned, "provider")
        return tuple(planned)

    def _expanded(
        self, entry: ProviderEntry, where: str, parent: PlannedProvider | None, root_name: str | None = None
    ) -> Iterator[PlannedProvider]:
        depth = parent.depth + 1 if parent else 0
        if depth > DEPTH_MAX:
            raise FleetError(where, f"a tree may be {DEPTH_MAX} levels deep")
        if entry.uuid is not None and entry.numbers is not None:
            raise FleetError(f"{where}.uuid", "a numbered entry can have no uuid; give it in 'overrides', by name")
        whole = self._with_template(entry, where)
        inventories = _inventories(whole.inventories, f"{where}.inventories")
        traits = _labels(whole.traits, f"{where}.traits")
        aggregates = self._aggregate_uuids(whole.aggregates, f"{where}.aggregates")
        for number in numbers(entry.numbers, f"{where}.numbers"):
            values = {"n": number, "parent": parent.name if parent else None, "root": root_name}
            name = _provider_name(filled(entry.name, values, f"{where}.name"), f"{where}.name")
            provider = PlannedProvider(
                where=where,
                name=name,
                uuid=_uuid(entry.uuid, f"{where}.uuid") or made_uuid("provider", name),
                uuid_is_stated=entry.uuid is not None,
                parent_name=parent.name if parent else None,
                depth=depth,
                inventories=inventories,
                traits=traits,
                aggregates=aggregates,
            )
            yield provider
            for position, child in enumerate(whole.children):
                yield from self._expanded(child, f"{where}.children[{position}]", provider, root_name or name)

    def _with_template(self, entry: ProviderEntry, where: str) -> TemplateEntry:
        own = TemplateEntry(
            inventories=entry.inventories, traits=entry.traits, aggregates=entry.aggregates, children=entry.children
        )
        return _merged(self._template(entry.template, f"{where}.template", ()), own)

    def _template(self, name: str | None, where: str, users: tuple[str, ...]) -> TemplateEntry:
        if name is None:
            return TemplateEntry()
        if name in users:
            raise FleetError(where, f"template '{name}' builds on itself")
        if name not in self._fleet.templates:
            raise FleetError(where, f"there is no template '{name}'{nearest(name, self._fleet.templates)}")
        if name not in self._templates:
            own = self._fleet.templates[name]
            base = self._template(own.template, f"templates.{name}.template", (*users, name))
            self._templates[name] = _merged(base, own)
        return self._templates[name]

    def _overridden(self, provider: PlannedProvider, override: OverrideEntry, where: str) -> PlannedProvider:
        kept = {name: each for name, each in override.inventories.items() if each is not None}
        inventories = {**provider.inventories, **_inventories(kept, f"{where}.inventories")}
        for name, each in override.inventories.items():
            if each is None and inventories.pop(name, None) is None:
                raise FleetError(f"{where}.inventories.{name}", f"'{provider.name}' has no such inventory")
        traits = provider.traits | _labels(override.traits, f"{where}.traits")
        aggregates = provider.aggregates | self._aggregate_uuids(override.aggregates, f"{where}.aggregates")
        without = self._aggregate_uuids(override.without_aggregates, f"{where}.without_aggregates")
        stated = _uuid(override.uuid, f"{where}.uuid")
        return replace(
            provider,
            uuid=stated or provider.uuid,
            uuid_is_stated=provider.uuid_is_stated or stated is not None,
            inventories=inventories,
            traits=traits - _labels(override.without_traits, f"{where}.without_traits"),
            aggregates=aggregates - without,
        )

    def _aggregate_uuids(self, names: Iterable[str], where: str) -> frozenset[str]:
        found = set()
        for position, name in enumerate(names):
            uuid = self._aggregates.get(name) or normalised_uuid(name)
            if uuid is None:
                known = nearest(name, self._aggregates)
                raise FleetError(f"{where}[{position}]", f"'{name}' is no uuid and not in 'aggregates'{known}")
            found.add(uuid)
        return frozenset(found)


def _aggregates(fleet: Fleet) -> Iterator[tuple[str, str]]:
    for name, uuid in fleet.aggregates.items():
        yield name, _uuid(uuid, f"aggregates.{name}") or made_uuid("aggregate", name)


def _merged(base: TemplateEntry, own: TemplateEntry) -> TemplateEntry:
    return TemplateEntry(
        inventories={**base.inventories, **own.inventories},
        traits=[*base.traits, *own.traits],
        aggregates=[*base.aggregates, *own.aggregates],
        children=[*base.children, *own.children],
    )


def _consumers(fleet: Fleet) -> Iterator[PlannedConsumer]:
    for position, entry in enumerate(fleet.consumers):
        where = f"consumers[{position}]"
        if entry.uuid is not None and entry.numbers is not None:
            raise FleetError(f"{where}.uuid", "a numbered entry can have no uuid")
        _check_owner(entry, where)
        for number in numbers(entry.numbers, f"{where}.numbers"):
            values = {"n": number}
            name = filled(entry.name, values, f"{where}.name")
            holds: dict[str, Mapping[str, int]] = {}
            for pattern, resources in entry.holds.items():
                provider_name = filled(pattern, values, f"{where}.holds.{pattern}")
                if not resources or provider_name in holds:
                    raise FleetError(f"{where}.holds.{pattern}", f"'{provider_name}' is empty, or there twice")
                holds[provider_name] = resources
            yield PlannedConsumer(
                where=where,
                name=name,
                uuid=_uuid(entry.uuid, f"{where}.uuid") or made_uuid("consumer", name),
                project=entry.project,
                user=entry.user,
                consumer_type=entry.type,
                holds=holds,
            )


def _check_owner(entry: ConsumerEntry, where: str) -> None:
    for field, value in (("project", entry.project), ("user", entry.user)):
        if not 1 <= len(value) <= NAME_LENGTH_MAX:
            raise FleetError(f"{where}.{field}", f"must have 1 to {NAME_LENGTH_MAX} characters: '{value}'")
    if len(entry.type) > NAME_LENGTH_MAX or CONSUMER_TYPE.fullmatch(entry.type) is None:
        raise FleetError(f"{where}.type", f"must be capitals, digits and underscores: '{entry.type}'")
    if not entry.holds:
        raise FleetError(f"{where}.holds", "is empty; a consumer exists only while it holds something")


def _provider_name(name: str, where: str) -> str:
    if not 1 <= len(name) <= PROVIDER_NAME_LENGTH_MAX or "\0" in name:
        raise FleetError(where, f"must have 1 to {PROVIDER_NAME_LENGTH_MAX} characters: '{name}'")
    return name


def _uuid(text: str | None, where: str) -> str | None:
    if text is None:
        return None
    uuid = normalised_uuid(text)
    if uuid is None:
        raise FleetError(where, f"'{text}' is no uuid")
    return uuid


def _labels(names: Iterable[str], where: str) -> frozenset[str]:
    found = list(names)
    for position, name in enumerate(found):
        _check_label(name, f"{where}[{position}]")
    return frozenset(found)


def _check_label(name: str, where: str) -> None:
    if len(name) > NAME_LENGTH_MAX or _LABEL.fullmatch(name) is None:
        raise FleetError(where, f"'{name}' must be capitals, digits and underscores, {NAME_LENGTH_MAX} at most")


def _inventories(entries: Mapping[str, int | InventoryEntry], where: str) -> dict[str, Inventory]:
    made = {}
    for name in sorted(entries):
        _check_label(name, f"{where}.{name}")
        made[name] = _inventory(entries[name], f"{where}.{name}")
    return made


def _inventory(entry: int | InventoryEntry, where: str) -> Inventory:
    whole = InventoryEntry(total=entry) if isinstance(entry, int) else entry
    max_unit = whole.total if whole.max_unit is None else whole.max_unit
    for field, value, low in (
        ("total", whole.total, 1),
        ("reserved", whole.reserved, 0),
        ("min_unit", whole.min_unit, 1),
        ("max_unit", max_unit, 1),
        ("step_size", whole.step_size, 1),
    ):
        if not low <= value <= INTEGER_MAX:
            raise FleetError(f"{where}.{field}", f"must be {low} to {INTEGER_MAX}: {value}")
    if whole.reserved > whole.total:
        raise FleetError(f"{where}.reserved", f"must not be above the total, {whole.total}: {whole.reserved}")
    if not (math.isfinite(whole.allocation_ratio) and 0 <= whole.allocation_ratio <= RATIO_MAX):
        raise FleetError(f"{where}.allocation_ratio", f"must be 0 to {RATIO_MAX}: {whole.allocation_ratio}")
    return Inventory(
        total=whole.total,
        reserved=whole.reserved,
        min_unit=whole.min_unit,
        max_unit=max_unit,
        step_size=whole.step_size,
        allocation_ratio=whole.allocation_ratio,
    )


def _refuse_twins(planned: Iterable[PlannedProvider | PlannedConsumer], kind: str) -> None:
    names: dict[str, str] = {}
    uuids: dict[str, str] = {}
    for each in planned:
        for field, value, seen in (("name", each.name, names), ("uuid", each.uuid, uuids)):
            if value in seen:
                raise FleetError(each.where, f"the {kind} {field} '{value}' is taken already ({seen[value]})")
            seen[value] = each.where


def _refuse_oversold(providers: Iterable[PlannedProvider], consumers: Iterable[PlannedConsumer]) -> None:
    """Law 1, before anything is written: what consumers hold exists, is allowed, and fits."""
    by_name = {provider.name: provider for provider in providers}
    used: dict[tuple[str, str], int] = {}
    for consumer in consumers:
        for provider_name, resources in consumer.holds.items():
            where = f"{consumer.where}.holds.{provider_name}"
            provider = by_name.get(provider_name)
            if provider is None:
                raise FleetError(where, f"there is no provider '{provider_name}'{nearest(provider_name, by_name)}")
            for name, amount in resources.items():
                used[provider_name, name] = used.get((provider_name, name), 0) + amount
                _refuse_misfit(provider, name, amount, used[provider_name, name], f"{where}.{name}")


def _refuse_misfit(provider: PlannedProvider, resource_class: str, amount: int, used: int, where: str) -> None:
    inventory = provider.inventories.get(resource_class)
    if inventory is None:
        offered = ", ".join(provider.inventories) or "nothing"
        raise FleetError(where, f"'{provider.name}' does not offer it; it offers {offered}")
    if not inventory.admits_amount(amount):
        rule = f"{inventory.min_unit} to {inventory.max_unit} in steps of {inventory.step_size}"
        raise FleetError(where, f"{amount} is not allowed there; {rule} is")
    if used > inventory.capacity:
        raise FleetError(where, f"with this, {used} would be used of a capacity of {inventory.capacity}")
