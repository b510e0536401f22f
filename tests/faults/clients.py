"""Clients that claim and release over HTTP, and remember what they were answered."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from random import Random

import httpx
from serving import HEADERS

Held = dict[str, int]
"""Provider uuid -> units of VCPU that a consumer holds there."""

SECONDS_MAX = 15.0
"""How long a client waits for an answer; then it does not know."""


@dataclass(slots=True)
class Memory:
    """What one client was answered. Consumers in `unsure` may or may not be as the request said: (before, after)."""

    holds: dict[str, Held] = field(default_factory=dict)
    """What every consumer holds whose last request was answered; nothing once it was released."""
    unsure: dict[str, tuple[Held, Held]] = field(default_factory=dict)
    acknowledged: int = 0
    refused: int = 0
    unanswered: int = 0
    wrong: list[str] = field(default_factory=list)
    """Answers that nothing explains."""

    @property
    def answered(self) -> int:
        """Refusals are answers, too: what is unsure is held for good, so that there may be no room in the end."""
        return self.acknowledged + self.refused


class Client(threading.Thread):
    """Claims of one or two providers, changes and releases, one request after the other, until told to stop."""

    def __init__(self, url: str, providers: list[str], seed: int, stop: threading.Event) -> None:
        super().__init__(name=f"client-{seed}", daemon=True)
        self.memory = Memory()
        self._url = url
        self._providers = providers
        self._random = Random(seed)
        self._stopped = stop

    def run(self) -> None:
        with httpx.Client(base_url=self._url, headers=HEADERS, timeout=SECONDS_MAX) as client:
            while not self._stopped.is_set():
                if not self._step(client):
                    self._stopped.wait(0.05)  # the service is being started again

    def _step(self, client: httpx.Client) -> bool:
        """One request; whether it was answered."""
        known = [consumer for consumer, held in self.memory.holds.items() if held]
        if known and self._random.random() < 0.45:
            consumer = self._random.choice(known)
            before = self.memory.holds.pop(consumer)
            return self._ask(client, "DELETE", consumer, before, {})
        wanted = {
            provider: self._random.randint(1, 3)
            for provider in self._random.sample(self._providers, self._random.randint(1, 2))
        }
        return self._ask(client, "PUT", str(uuid.UUID(int=self._random.getrandbits(128), version=4)), {}, wanted)

    def _ask(self, client: httpx.Client, method: str, consumer: str, before: Held, after: Held) -> bool:
        body = {
            "allocations": {provider: {"resources": {"VCPU": amount}} for provider, amount in after.items()},
            "consumer_generation": None,
            "project_id": "project",
            "user_id": "user",
            "consumer_type": "INSTANCE",
        }
        memory = self.memory
        try:
            answer = client.request(method, f"/allocations/{consumer}", json=body if after else None)
        except httpx.HTTPError:
            memory.unanswered += 1
            memory.unsure[consumer] = before, after
            return False
        if answer.status_code == 204:
            memory.acknowledged += 1
            memory.holds[consumer] = after
        elif answer.status_code == 409:
            memory.refused += 1
            memory.holds[consumer] = before
        else:
            memory.unanswered += 1
            memory.unsure[consumer] = before, after
            if answer.status_code != 503:
                memory.wrong.append(f"{method}: {answer.status_code} {answer.text[:200]}")
        return answer.status_code < 500
