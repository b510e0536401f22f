"""What a run knows of the world it makes: enough to ask for things that exist, and to be right about generations."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from differential.asks import Answer, Ask
from differential.vocabulary import AGGREGATES, CLASSES, TRAITS

T = TypeVar("T")
Action = Generator[Ask, Answer, None]
LATEST = 39
CONSUMERS = 8


@dataclass(slots=True)
class KnownProvider:
    """One provider; a generation of None has to be asked for."""

    uuid: str
    name: str
    generation: int | None = 0
    parent: str | None = None
    classes: set[str] = field(default_factory=set)


class World:
    """A seeded source of chance, and the names of what was made so far."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.providers: dict[str, KnownProvider] = {}
        self.consumers = [self.new_uuid() for _ in range(CONSUMERS)]
        self._names = 0

    # chance

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def pick(self, values: Sequence[T]) -> T:
        return self.random.choice(values)

    def some(self, values: Sequence[T], least: int, most: int) -> list[T]:
        """Some different values, in any order."""
        return self.random.sample(values, min(len(values), self.random.randint(least, most)))

    def new_uuid(self) -> str:
        digits = f"{self.random.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"

    def new_name(self) -> str:
        self._names += 1
        return f"host-{self._names}"

    def minor(self, least: int = 0) -> int:
        """A microversion that mostly has what the asker needs."""
        roll = self.random.random()
        if roll < 0.5:
            return LATEST
        return self.random.randint(least if roll < 0.9 else 0, LATEST)

    # what there is

    def provider_uuid(self) -> str:
        """A provider: mostly one that exists."""
        if self.providers and not self.chance(0.04):
            return self.pick(list(self.providers))
        return self.new_uuid()

    def stocked_uuid(self) -> str:
        """A provider, mostly one that offers something."""
        stocked = [uuid for uuid, provider in self.providers.items() if provider.classes]
        return self.pick(stocked) if stocked and not self.chance(0.08) else self.provider_uuid()

    def consumer_uuid(self) -> str:
        return self.new_uuid() if self.chance(0.04) else self.pick(self.consumers)

    def class_name(self) -> str:
        return self.pick(CLASSES)

    def trait_name(self) -> str:
        return self.pick(TRAITS)

    def aggregate(self) -> str:
        return self.pick(AGGREGATES)

    def forget_generations(self) -> None:
        """After a write that may have changed any of them."""
        for provider in self.providers.values():
            provider.generation = None

    def generation(self, uuid: str) -> Generator[Ask, Answer, int]:
        """The generation to send for a provider: nearly always the right one, asked for if it is not known."""
        provider = self.providers.get(uuid)
        if provider is not None and provider.generation is None:
            answer = yield make_ask("GET", f"/resource_providers/{uuid}", LATEST)
            document = answer.json()
            found = document.get("generation") if isinstance(document, dict) else None
            provider.generation = found if isinstance(found, int) else 0
        generation = provider.generation if provider is not None else None
        if generation is None or self.chance(0.05):
            return self.random.randint(0, 3)
        return generation


def make_ask(method: str, target: str, minor: int | None, body: Any = None, *, has_body: bool = False) -> Ask:
    """An ordinary request of an administrator; `has_body` sends a body of null."""
    headers = [("x-auth-token", "admin"), ("accept", "application/json")]
    if minor is not None:
        headers.append(("openstack-api-version", f"placement 1.{minor}"))
    if body is None and not has_body:
        return Ask(method, target, tuple(headers))
    headers.append(("content-type", "application/json"))
    return Ask(method, target, tuple(headers), json.dumps(body).encode())
