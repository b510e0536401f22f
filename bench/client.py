"""One question after the other on one connection that is kept open: the same client for every service."""

from __future__ import annotations

import http.client
import json
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

HEADERS = {"x-auth-token": "admin", "openstack-api-version": "placement 1.39", "accept": "application/json"}


class Answer(NamedTuple):
    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """A connection; `seconds` is how long an answer may keep silent, then TimeoutError."""

    def __init__(self, url: str, seconds: float) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=seconds)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        """Send a request, take the whole answer in; an answer of HTTP that is none is an OSError."""
        content = None if body is None else json.dumps(body).encode()
        headers = HEADERS if content is None else HEADERS | {"content-type": "application/json"}
        try:
            self._connection.request(method, path, content, headers)
            response = self._connection.getresponse()
            return Answer(response.status, response.read())
        except http.client.HTTPException as error:
            self._connection.close()
            raise OSError(f"no answer to {method} {path[:80]}: {error!r}") from None


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds that answers took, and how many there were."""

    median: float
    p99: float
    samples: int
    refused: int
    last: Answer

    @classmethod
    def of(cls, taken: Sequence[float], refused: int, last: Answer) -> Timing:
        """From milliseconds, one for each answer, in order. The first answer warms up, unless it is the only one."""
        counted = taken[1:] or taken
        return cls(statistics.median(counted), percentile(counted, 0.99), len(counted), refused, last)

    def figures(self) -> dict[str, Any]:
        """As a result keeps it."""
        return {"value": self.median, "median": self.median, "p99": self.p99, "samples": self.samples}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def timed(ask: Callable[[], Answer], seconds: float, samples_max: int) -> Timing:
    """Ask again and again until the time is up. The first answer warms up, unless it took most of the time."""
    until = time.perf_counter() + seconds
    taken: list[float] = []
    refused = 0
    while True:
        began = time.perf_counter()
        answer = ask()
        ended = time.perf_counter()
        taken.append((ended - began) * 1000)
        refused += not 200 <= answer.status < 300
        if ended >= until or len(taken) > samples_max:
            break
    return Timing.of(taken, refused, answer)
