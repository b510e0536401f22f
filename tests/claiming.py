"""A process that claims until it is killed, and says after each claim that it was answered.

python tests/claiming.py URL PROVIDER PART
"""

from __future__ import annotations

import itertools
import os
import sys
from concurrent.futures import ThreadPoolExecutor

from ledger.scenes import uuid_of

from ullage.model.allocation import Claim
from ullage.model.commands import ReplaceAllocations
from ullage.storage.committer import Committer
from ullage.storage.unit import Store

THREADS = 4


def main(url: str, provider: str, part: str) -> None:
    """Claim one VCPU after the other, for consumers whose numbers begin with this process's part."""
    committer = Committer(Store.open(url))

    def claim_on(thread: int) -> None:
        for number in itertools.count():
            consumer = f"{part:0>8}-0000-4000-8000-{thread:04}{number:08}"
            held = {uuid_of(provider): {"VCPU": 1}}
            committer.run(ReplaceAllocations((Claim(consumer, held, "project", "user", expected_generation=None),)))
            os.write(1, f"{consumer}\n".encode())  # whole lines, whichever thread writes

    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(claim_on, range(THREADS)):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
