"""The race: far more claims than units, from many threads. As a program it is one of several processes that race.

    python tests/racing.py URL PART PARTS

reads one-letter names of providers, a line each; for each it claims its part of the claims at once and prints the
numbers of those that were accepted.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ledger.scenes import claim, replace

from ullage.model.errors import AmountDoesNotFit
from ullage.storage.committer import Committer
from ullage.storage.unit import Store

CLAIMS, THREADS, UNITS = 24, 12, 5


def consumer(provider: str, number: int) -> str:
    """The short name of the consumer of one claim."""
    return f"{provider}{number:02}"


def race(committers: Sequence[Committer], provider: str, numbers: Sequence[int], threads: int) -> list[int]:
    """Claim one VCPU of a provider for each number; the numbers of the claims that were accepted.

    Any other refusal than that there is no room is raised.
    """
    start = threading.Barrier(threads)

    def claim_some(thread: int) -> list[int]:
        start.wait()
        won = []
        for number in numbers[thread::threads]:
            one_unit = replace(claim(consumer(provider, number), {provider: {"VCPU": 1}}, generation=None))
            try:
                committers[thread % len(committers)].run(one_unit)
            except AmountDoesNotFit:
                continue
            won.append(number)
        return won

    with ThreadPoolExecutor(threads) as pool:
        return [number for won in pool.map(claim_some, range(threads)) for number in won]


def main(url: str, part: str, parts: str) -> None:
    """One of several processes."""
    store = Store.open(url)
    committer = Committer(store)
    for line in sys.stdin:
        numbers = range(int(part), CLAIMS, int(parts))
        print(json.dumps(race([committer], line.strip(), numbers, THREADS // int(parts))), flush=True)
    committer.stop()
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
