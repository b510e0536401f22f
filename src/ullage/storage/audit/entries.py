"""The entries of the trail: who asked, for what, and the values that changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from ullage.ledger.book import Draft, Holdings, InventoryRow
from ullage.model.allocation import Consumer
from ullage.model.commands import Command, ReleaseConsumer, ReplaceAllocations
from ullage.model.origin import NOBODY, Origin

Head = tuple[int, int, str]
"""Writer, sequence and hash of a row of some chain."""


PRUNE = "PruneTrail"
"""The command that cuts off the beginnings of chains; each of its changes tells where one was cut."""


class Change(msgspec.Struct, frozen=True, gc=False):
    """One thing as it was (None: not there) and as it is (None: gone); of a provider, only what changed."""

    kind: str
    name: str
    before: Any
    after: Any


class Entry(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One accepted command. `heads`: where chains of other writers stood, as far as this writer saw them."""

    command: str
    changes: list[Change]
    user: str = ""
    project: str | None = None
    roles: list[str] = []
    remote: str = ""
    request: str = ""
    heads: list[Head] = []


class Holder(msgspec.Struct, frozen=True, gc=False):
    """A consumer with all that it holds: provider uuid -> class -> amount."""

    project: str
    user: str
    consumer_type: str | None
    generation: int
    allocations: dict[str, dict[str, int]]


def entry(command: Command, origin: Origin, changes: list[Change]) -> Entry:
    """The entry of a command that changed this."""
    user, project, roles, remote, request = origin
    return Entry(type(command).__name__, changes, user, project, sorted(roles), remote, request)


def own_entry(command: str, changes: list[Change], heads: list[Head], origin: Origin = NOBODY) -> Entry:
    """The entry of what is no command of the ledger."""
    return Entry(command, changes, origin.user, remote=origin.remote, heads=heads)


def changes_of(draft: Draft, command: Command) -> list[Change]:
    """What a command is about to change.

    That a claim raises the generation of providers and their use is not told: it follows from what consumers hold.
    """
    changes = list(_consumers(draft))
    if type(command) is not ReplaceAllocations and type(command) is not ReleaseConsumer:
        changes += _providers(draft)
        changes += _labels(draft)
    return changes


def _consumers(draft: Draft) -> Iterator[Change]:
    for uuid, before, after in draft.consumers.written():
        was = _holder(before, draft.book.holdings.get(uuid) if before else None)
        now = _holder(after, draft.holdings.get(uuid) if after else None)
        if was != now:
            yield Change("consumer", uuid, was, now)


def _holder(consumer: Consumer | None, holdings: Holdings | None) -> Holder | None:
    if consumer is None:
        return None
    held: dict[str, dict[str, int]] = {}
    for (provider, name), amount in (holdings or {}).items():
        held.setdefault(provider, {})[name] = amount
    return Holder(consumer.project, consumer.user, consumer.consumer_type, consumer.generation, held)


def _providers(draft: Draft) -> Iterator[Change]:
    before: dict[str, dict[str, Any]] = {}
    after: dict[str, dict[str, Any]] = {}

    def note(uuid: str, what: str, was: Any, now: Any) -> None:
        if was != now:
            before.setdefault(uuid, {})[what] = was
            after.setdefault(uuid, {})[what] = now

    born: set[str] = set()
    gone: set[str] = set()
    for uuid, row, new in draft.providers.written():
        (born if row is None else gone if new is None else set()).add(uuid)
        for what in ("name", "generation", "parent_uuid", "root_uuid"):
            note(uuid, what, getattr(row, what, None), getattr(new, what, None))
    for uuid, offers, offered in draft.inventories.written():
        was, now = _offered(offers or {}), _offered(offered or {})
        for name in sorted(was.keys() | now.keys()):
            note(uuid, name, was.get(name), now.get(name))
    for what, table in (("traits", draft.provider_traits), ("aggregates", draft.provider_aggregates)):
        for uuid, names, named in table.written():
            note(uuid, what, sorted(names or ()), sorted(named or ()))
    for uuid in sorted(before):
        yield Change("provider", uuid, None if uuid in born else before[uuid], None if uuid in gone else after[uuid])


def _offered(rows: Mapping[str, InventoryRow]) -> dict[str, Any]:
    return {name: row.inventory for name, row in rows.items()}


def _labels(draft: Draft) -> Iterator[Change]:
    for kind, table in (("resource_class", draft.resource_classes), ("trait", draft.traits)):
        for name, before, after in table.written():
            if before != after:
                yield Change(kind, name, _label(before), _label(after))


def _label(row: Any) -> dict[str, bool] | None:
    return None if row is None else {"standard": row.standard}


def encoded(entries: Iterable[Entry]) -> bytes:
    """The entries as they are kept, hashed and logged."""
    return _ENCODER.encode(list(entries))


def decoded(text: str) -> list[dict[str, Any]]:
    """The entries of a row, as plain values; raises ValueError if they are none."""
    return _DECODER.decode(text)


class Touched(msgspec.Struct, frozen=True, gc=False):
    """What a Change is of."""

    kind: str
    name: str


class Outline(Entry, frozen=True, gc=False, omit_defaults=True):
    """An Entry without values."""

    changes: list[Touched]  # type: ignore[assignment]  # it is read in the place of the other


def without_values(entries: str) -> str:
    """The entries of a row as the log may have them, which is read by more people than the trail itself."""
    return _ENCODER.encode(_OUTLINES.decode(entries)).decode()


_ENCODER = msgspec.json.Encoder()
_OUTLINES = msgspec.json.Decoder(list[Outline])
_DECODER = msgspec.json.Decoder(list[dict[str, Any]])
