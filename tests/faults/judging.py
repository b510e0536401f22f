"""What became of everything that clients were answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select

from faults.clients import Held, Memory
from ullage.storage import check, tables
from ullage.storage.audit import verify
from ullage.storage.unit import Store


@dataclass(slots=True)
class Verdict:
    """`lost`: consumers that do not hold what the answer said. `overcommitted`: providers used beyond capacity.
    `trouble`: whatever else must not be, each in a sentence."""

    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    overcommitted: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        """Make this the sum of both."""
        self.acknowledged += other.acknowledged
        self.lost += other.lost
        self.overcommitted += other.overcommitted
        self.trouble += other.trouble


def judge(memories: Iterable[Memory], stored: Mapping[str, Held], capacity: int) -> Verdict:
    """Hold what clients remember against what is stored, by consumer."""
    verdict = Verdict()
    explained: set[str] = set()
    for memory in memories:
        verdict.acknowledged += memory.acknowledged
        verdict.trouble += memory.wrong
        for consumer, held in memory.holds.items():
            explained.add(consumer)
            if stored.get(consumer, {}) != held:
                verdict.lost.append(f"{consumer} should hold {held} and holds {stored.get(consumer, {})}")
        for consumer, (before, after) in memory.unsure.items():
            explained.add(consumer)
            if stored.get(consumer, {}) not in (before, after):
                verdict.trouble.append(f"{consumer} holds {stored.get(consumer)}: neither {before} nor {after}")
    verdict.trouble += [f"nobody asked for what {consumer} holds" for consumer in stored.keys() - explained]
    used: dict[str, int] = defaultdict(int)
    for held in stored.values():
        for provider, amount in held.items():
            used[provider] += amount
    verdict.overcommitted += [provider for provider, amount in used.items() if amount > capacity]
    return verdict


def stored_holdings(url: str) -> tuple[dict[str, Held], list[str]]:
    """What every consumer holds, and what breaks a law or the audit trail, in the database itself."""
    store = Store.open(url)
    rows = (
        select(tables.consumers.c.uuid, tables.providers.c.uuid.label("provider"), tables.allocations.c.used)
        .join_from(tables.allocations, tables.consumers)
        .join(tables.providers, tables.providers.c.id == tables.allocations.c.provider_id)
    )
    holdings: dict[str, Held] = defaultdict(dict)
    with store.reading() as connection:
        for consumer, provider, used in connection.execute(rows):
            holdings[consumer][provider] = used
        breaches = check.breaches(connection) + verify.faults(connection)
    store.close()
    return holdings, breaches
