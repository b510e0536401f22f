"""Make a service say what a fleet says: compare, write what differs, stop at the first refusal and tell what was done.

The same plan goes two ways, straight into a database or over HTTP: a `Target` takes the ledger's commands and answers
what is there. What the fleet does not mention is left alone, so a second load writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from operator import attrgetter
from typing import Protocol, TypeVar

from ullage.cli.expand import Plan, PlannedConsumer, PlannedProvider
from ullage.cli.fleet import FleetError, nearest
from ullage.cli.trouble import Trouble
from ullage.model.allocation import Claim, ConsumerAllocations
from ullage.model.commands import (
    AggregatesNow,
    Command,
    CreateProvider,
    EnsureResourceClass,
    EnsureTrait,
    InventoriesNow,
    ReplaceAllocations,
    Result,
    SetInventories,
    SetProviderAggregates,
    SetProviderTraits,
    TraitsNow,
    UpdateProvider,
)
from ullage.model.inventory import Inventory
from ullage.model.names import is_custom_name
from ullage.model.provider import Provider
from ullage.model.refusal import Refusal

CHUNK = 1_000
"""Commands handed over at a time: enough to share commits, few enough for the bar to move."""

Planned = TypeVar("Planned", PlannedProvider, PlannedConsumer)
Change = tuple[str, Command]
"""Where in the file it comes from, and what to do."""


class Target(Protocol):
    """What a fleet can be loaded into. Reads may raise Refusal; `run_all` returns refusals in their places.

    What is read of several providers is given by provider uuid, and may leave out those of which there is nothing.
    """

    def run_all(self, commands: Sequence[Command]) -> list[Result | Refusal]: ...

    def resource_classes(self) -> frozenset[str]: ...

    def traits(self) -> frozenset[str]: ...

    def providers(self) -> Iterable[Provider]: ...

    def inventories(self, provider_uuids: Sequence[str]) -> Mapping[str, Mapping[str, Inventory]]: ...

    def provider_traits(self, provider_uuids: Sequence[str]) -> Mapping[str, frozenset[str]]: ...

    def provider_aggregates(self, provider_uuids: Sequence[str]) -> Mapping[str, frozenset[str]]: ...

    def consumer(self, consumer_uuid: str) -> ConsumerAllocations | None: ...


class Progress(Protocol):
    """Told how a load goes: a stage begins with so many things to do, then some more of them are done."""

    def begin(self, stage: str, total: int) -> None: ...

    def advance(self, count: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Tally:
    """What a load did, by kind of thing."""

    written: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)


@dataclass(eq=False)
class LoadError(Trouble):
    """A load that stopped: where in the file, why, and what had been written by then."""

    path: str
    problem: str
    tally: Tally

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


def load(plan: Plan, target: Target, progress: Progress) -> Tally:
    """Load everything; raises LoadError at the first refusal, with what was written before it."""
    loader = _Loader(target, progress)
    try:
        loader.load(plan)
    except Refusal as refusal:
        raise LoadError("reading what is there", str(refusal), loader.tally) from None
    except FleetError as error:
        raise LoadError(error.path, error.problem, loader.tally) from None
    return loader.tally


class _Loader:
    def __init__(self, target: Target, progress: Progress) -> None:
        self._target = target
        self._progress = progress
        self._uuids: dict[str, str] = {}
        """By provider name: a provider that is there under another uuid than a made one keeps its own."""
        self._generations: dict[str, int] = {}
        """Of the providers that were there already, by uuid; new ones get all that they have when they are made."""
        self.tally = Tally()

    def load(self, plan: Plan) -> None:
        self._labels(plan)
        self._providers(plan.providers)
        there = [each for each in plan.providers if self._uuids[each.name] in self._generations]
        self._stage("inventories", there, self._inventories)
        self._stage("traits", there, self._traits)
        self._stage("aggregates", there, self._aggregates)
        self._stage("consumers", plan.consumers, self._consumers)

    def _labels(self, plan: Plan) -> None:
        changes: list[Change] = []
        for kind, known, used, command in (
            ("resource class", self._target.resource_classes(), _classes_used(plan), EnsureResourceClass),
            ("trait", self._target.traits(), _traits_used(plan), EnsureTrait),
        ):
            for name, where in used.items():
                if name not in known and not is_custom_name(name):
                    raise FleetError(
                        where,
                        f"there is no {kind} '{name}'{nearest(name, known)}; a name of your own begins with CUSTOM_",
                    )
                if name not in known:
                    changes.append((where, command(name)))
        self._progress.begin("custom names", len(changes))
        self._write("custom names", changes)

    def _providers(self, planned: Sequence[PlannedProvider]) -> None:
        there = list(self._target.providers())
        by_name = {provider.name: provider for provider in there}
        by_uuid = {provider.uuid: provider for provider in there}
        self._progress.begin("providers", len(planned))
        for _, level in groupby(planned, attrgetter("depth")):  # parents are made before their children
            found = ((each, by_name.get(each.name) or by_uuid.get(each.uuid)) for each in level)
            commands = ((each.where, self._provider(each, at)) for each, at in found)
            self._write("providers", ((where, command) for where, command in commands if command is not None))
        self._unchanged("providers", len(planned) - self.tally.written["providers"])

    def _provider(self, planned: PlannedProvider, found: Provider | None) -> Command | None:
        if found and planned.uuid_is_stated and found.uuid != planned.uuid:
            raise FleetError(planned.where, f"'{planned.name}' is there already, with the uuid {found.uuid}")
        uuid = found.uuid if found else planned.uuid
        self._uuids[planned.name] = uuid
        parent_uuid = self._uuids[planned.parent_name] if planned.parent_name is not None else None
        if found is None:
            whole = planned.inventories, planned.traits, planned.aggregates
            return CreateProvider(uuid, planned.name, parent_uuid, *whole)
        self._generations[uuid] = found.generation
        if (found.name, found.parent_uuid) == (planned.name, parent_uuid):
            return None
        return UpdateProvider(uuid, planned.name, parent_uuid)

    def _inventories(self, planned: Sequence[PlannedProvider]) -> Iterator[Change]:
        there = self._target.inventories([self._uuids[each.name] for each in planned])
        for each in planned:
            uuid = self._uuids[each.name]
            if there.get(uuid, {}) != each.inventories:
                yield each.where, SetInventories(uuid, self._generations[uuid], each.inventories)

    def _traits(self, planned: Sequence[PlannedProvider]) -> Iterator[Change]:
        there = self._target.provider_traits([self._uuids[each.name] for each in planned])
        for each in planned:
            uuid = self._uuids[each.name]
            if there.get(uuid, frozenset()) != each.traits:
                yield each.where, SetProviderTraits(uuid, self._generations[uuid], each.traits)

    def _aggregates(self, planned: Sequence[PlannedProvider]) -> Iterator[Change]:
        there = self._target.provider_aggregates([self._uuids[each.name] for each in planned])
        for each in planned:
            uuid = self._uuids[each.name]
            if there.get(uuid, frozenset()) != each.aggregates:
                yield each.where, SetProviderAggregates(uuid, self._generations[uuid], each.aggregates)

    def _consumers(self, planned: Sequence[PlannedConsumer]) -> Iterator[Change]:
        for each in planned:
            command = self._consumer(each)
            if command is not None:
                yield each.where, command

    def _consumer(self, planned: PlannedConsumer) -> Command | None:
        holds = {self._uuids[name]: resources for name, resources in planned.holds.items()}
        there = self._target.consumer(planned.uuid)
        if there is not None:
            owner = (there.consumer.project, there.consumer.user, there.consumer.consumer_type)
            held = {uuid: dict(each.resources) for uuid, each in there.allocations.items()}
            if held == holds and owner == (planned.project, planned.user, planned.consumer_type):
                return None
        claim = Claim(
            consumer_uuid=planned.uuid,
            allocations=holds,
            project=planned.project,
            user=planned.user,
            consumer_type=planned.consumer_type,
            expected_generation=None if there is None else there.consumer.generation,
        )
        return ReplaceAllocations((claim,))

    def _stage(
        self, stage: str, planned: Sequence[Planned], changes: Callable[[Sequence[Planned]], Iterator[Change]]
    ) -> None:
        self._progress.begin(stage, len(planned))
        for start in range(0, len(planned), CHUNK):
            some = planned[start : start + CHUNK]
            self._unchanged(stage, len(some) - self._write(stage, changes(some)))

    def _unchanged(self, stage: str, count: int) -> None:
        self.tally.unchanged[stage] += count
        self._progress.advance(count)

    def _write(self, stage: str, changes: Iterable[Change]) -> int:
        """How many changes there were; all have been made."""
        waiting, count = iter(changes), 0
        while chunk := list(islice(waiting, CHUNK)):
            count += len(chunk)
            outcomes = self._target.run_all([command for _, command in chunk])
            refused: list[FleetError] = []
            for (where, command), outcome in zip(chunk, outcomes, strict=True):
                if isinstance(outcome, Refusal):
                    refused.append(FleetError(where, str(outcome)))
                else:
                    self._count(stage, command, outcome)
            self._progress.advance(len(chunk) - len(refused))
            if refused:
                raise refused[0]
        return count

    def _count(self, stage: str, command: Command, outcome: Result) -> None:
        """Note what was written, and the generations that writes to come will ask for."""
        self.tally.written[stage] += 1
        if isinstance(command, CreateProvider):
            self.tally.written["inventories"] += bool(command.inventories)
            self.tally.written["traits"] += bool(command.traits)
            self.tally.written["aggregates"] += bool(command.aggregates)
        elif isinstance(outcome, InventoriesNow | TraitsNow | AggregatesNow) and isinstance(
            command, SetInventories | SetProviderTraits | SetProviderAggregates
        ):
            self._generations[command.provider_uuid] = outcome.generation


def _classes_used(plan: Plan) -> dict[str, str]:
    return {name: each.where for each in plan.providers for name in sorted(each.inventories)}


def _traits_used(plan: Plan) -> dict[str, str]:
    return {name: each.where for each in plan.providers for name in sorted(each.traits)}
