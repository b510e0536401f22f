"""The run: epochs of random work on two services that start each epoch empty, every answer compared."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from random import Random
from typing import Protocol

from differential import claim_actions, provider_actions, searches
from differential.asks import Answer, Ask, Peer
from differential.breaking import broken
from differential.comparing import differences
from differential.known import Known, recognise
from differential.world import World

EPOCH_REQUESTS = 600
BUILDING_REQUESTS = 120
"""At the start of an epoch more things are made than asked for."""
BROKEN_SHARE = 0.2
UNKNOWN_MAX = 40
"""A run with so many differences ends early."""

BUILDING = {
    provider_actions.create_provider: 8,
    provider_actions.set_inventories: 8,
    provider_actions.set_traits: 4,
    provider_actions.set_aggregates: 4,
    provider_actions.change_class: 3,
    provider_actions.change_trait: 3,
    claim_actions.put_allocations: 3,
}
LIVING = {
    provider_actions.create_provider: 2,
    provider_actions.update_provider: 3,
    provider_actions.delete_provider: 1,
    provider_actions.set_inventories: 3,
    provider_actions.add_inventory: 3,
    provider_actions.update_inventory: 3,
    provider_actions.delete_inventory: 2,
    provider_actions.set_traits: 4,
    provider_actions.delete_traits: 1,
    provider_actions.set_aggregates: 4,
    provider_actions.change_class: 3,
    provider_actions.change_trait: 3,
    provider_actions.read_something: 8,
    provider_actions.list_traits: 2,
    claim_actions.put_allocations: 8,
    claim_actions.post_allocations: 4,
    claim_actions.delete_allocations: 2,
    claim_actions.read_allocations: 2,
    claim_actions.read_usages: 3,
    claim_actions.reshape: 4,
    searches.list_providers: 10,
    searches.find_candidates: 24,
}


class Side(Protocol):
    """One of the two services."""

    def emptied(self) -> Peer:
        """A way to ask it, with nothing left in it of what was there before."""


class MendableSide(Side, Protocol):
    """The reference."""

    def mend(self) -> None:
        """Take away what it should not have kept."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One request with both answers; with the seed and the epoch it can be seen again."""

    epoch: int
    number: int
    ask: Ask
    theirs: Answer
    ours: Answer


@dataclass(frozen=True, slots=True)
class Difference:
    """A pair that differs, and in what."""

    pair: Pair
    found: tuple[str, ...]

    def __str__(self) -> str:
        pair = self.pair
        lines = [f"epoch {pair.epoch}, request {pair.number}: {pair.ask}", *(f"    {line}" for line in self.found)]
        for name, answer in (("reference", pair.theirs), ("Ullage", pair.ours)):
            lines.append(f"    {name} {answer.status}: {answer.body.decode(errors='backslashreplace')[:500]}")
        return "\n".join(lines)


@dataclass(slots=True)
class Report:
    """What a run found."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    """How often the reference answered with each status."""
    known: Counter[str] = field(default_factory=Counter)
    """How often each listed difference was met."""
    unknown: list[Difference] = field(default_factory=list)
    wordings: dict[tuple[str, str], Ask] = field(default_factory=dict)
    """Details of errors that only differ in their words: the reference's, ours, and one request for each pair."""


class Run:
    """A seeded run. The same seed asks the same, as long as the answers are the same."""

    def __init__(self, reference: MendableSide, ullage: Side, seed: int) -> None:
        self._reference = reference
        self._ullage = ullage
        self._seed = seed
        self.report = Report()

    def run(self, requests: int, epoch: int = 0) -> Report:
        """Ask `requests` times (or a few more), beginning with an epoch."""
        with ThreadPoolExecutor(1) as beside:
            while self.report.requests < requests and len(self.report.unknown) < UNKNOWN_MAX:
                self._epoch(epoch, min(EPOCH_REQUESTS, requests - self.report.requests), beside)
                epoch += 1
        return self.report

    def _epoch(self, epoch: int, requests: int, beside: ThreadPoolExecutor) -> None:
        random = Random(f"{self._seed}/{epoch}")
        theirs, ours = self._reference.emptied(), self._ullage.emptied()
        began = time.time()
        try:
            for number, ask, step in _asks(World(random), random, requests):
                if _would_hide_a_leak(ask):
                    self._reference.mend()
                waiting = beside.submit(theirs.send, ask)
                our_answer = ours.send(ask)
                pair = Pair(epoch, number, ask, waiting.result(), our_answer)
                pair, is_together = self._judged(pair, theirs, began)
                if not is_together:
                    return
                _drop_unnamed(ask, ((theirs, pair.theirs), (ours, pair.ours)))
                step.answer = pair.theirs
        finally:
            theirs.close()
            ours.close()

    def _judged(self, pair: Pair, reference: Peer, began: float) -> tuple[Pair, bool]:
        """Take note of a pair. Gives it as it is after mending, and whether both services still hold the same."""
        report = self.report
        report.requests += 1
        report.statuses[pair.theirs.status] += 1
        found = _found(pair, began)
        known: Known | None = recognise(pair.ask, pair.theirs, pair.ours) if found else None
        if known is not None and known.mends:
            self._reference.mend()
            pair = replace(pair, theirs=reference.send(pair.ask))
            found = _found(pair, began)
            report.known[known.slug] += 1
            known = recognise(pair.ask, pair.theirs, pair.ours) if found else None
        if not found:
            if pair.theirs.detail != pair.ours.detail:
                report.wordings.setdefault((pair.theirs.detail, pair.ours.detail), pair.ask)
            return pair, True
        if known is not None:
            report.known[known.slug] += 1
            return pair, pair.ask.method == "GET" or not known.parts_ways
        report.unknown.append(Difference(pair, tuple(found)))
        return pair, pair.ask.method == "GET" or pair.theirs.status // 100 == pair.ours.status // 100 == 4


def _would_hide_a_leak(ask: Ask) -> bool:
    """Whether an old client writes claims: it would take over a leaked consumer with the type that this has."""
    return ask.method in ("PUT", "POST") and ask.path.startswith("/allocations") and (ask.minor or 0) < 38


def _found(pair: Pair, began: float) -> list[str]:
    theirs, ours = _same_unnamed(pair.ask, pair.theirs, pair.ours)
    return differences(pair.ask, theirs, ours, began)


@dataclass(slots=True)
class _Step:
    """Where the driver leaves the answer for the action that asked."""

    answer: Answer | None = None


def _asks(world: World, random: Random, requests: int) -> Iterator[tuple[int, Ask, _Step]]:
    """Requests one after the other; each must be answered before the next is taken."""
    number = 0
    while number < requests:
        weights = BUILDING if number < BUILDING_REQUESTS else LIVING
        kind = random.choices(list(weights), list(weights.values()))[0] if number else provider_actions.make_names
        action = kind(world)
        ask = next(action)
        while True:
            step = _Step()
            yield number, broken(ask, random) if random.random() < BROKEN_SHARE else ask, step
            number += 1
            if step.answer is None:
                raise RuntimeError("a request was left without an answer")
            try:
                ask = action.send(step.answer)
            except StopIteration:
                break


def _unnamed(ask: Ask, answer: Answer) -> str | None:
    """The uuid that a service itself chose for a new provider."""
    body = ask.json()
    made = ask.method == "POST" and ask.path == "/resource_providers" and answer.status in (200, 201)
    if not made or not isinstance(body, dict) or "uuid" in body:
        return None
    return answer.headers.get("location", "").rpartition("/")[2]


def _same_unnamed(ask: Ask, *answers: Answer) -> list[Answer]:
    """The answers with such a uuid written the same in each."""
    same = []
    for answer in answers:
        uuid = _unnamed(ask, answer)
        if uuid:
            headers = {name: value.replace(uuid, "NEW") for name, value in answer.headers.items()}
            answer = replace(answer, headers=headers, body=answer.body.replace(uuid.encode(), b"NEW"))
        same.append(answer)
    return same


def _drop_unnamed(ask: Ask, sides: tuple[tuple[Peer, Answer], ...]) -> None:
    """Delete a provider that has a different uuid on each side: no later request could be the same for both."""
    for peer, answer in sides:
        uuid = _unnamed(ask, answer)
        if uuid:
            peer.send(Ask("DELETE", f"/resource_providers/{uuid}", (("x-auth-token", "admin"),)))
