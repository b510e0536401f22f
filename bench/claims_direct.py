"""How many claims a second go through the committer, without HTTP.

    python bench/claims_direct.py [--database URL ...] [--threads N ...] [--processes N] [--seconds S] [--providers N]

Each thread claims one unit of three classes for a new consumer, from one provider after the other, and waits for the
answer before the next; every answer is durable. Without a url it runs on a SQLite file in a temporary folder; a url
must name a database that may be filled: it is given the schema and providers, and they stay. Prints claims a second,
the median and the 99th percentile of the time a claim took.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Sequence

from ullage.model.allocation import Claim
from ullage.model.commands import CreateProvider, ReplaceAllocations, SetInventories
from ullage.model.inventory import Inventory
from ullage.model.refusal import Refusal
from ullage.storage import check
from ullage.storage.committer import Committer
from ullage.storage.unit import Store

SWITCH_SECONDS = 0.0005
OFFERED = {
    "VCPU": Inventory(10_000_000),
    "MEMORY_MB": Inventory(2**31 - 1),
    "DISK_GB": Inventory(100_000_000),
}
WANTED = {"VCPU": 1, "MEMORY_MB": 256, "DISK_GB": 10}


def fill(url: str, count: int) -> list[str]:
    """The schema and new providers, each with three inventories; their uuids."""
    store = Store.open(url)
    store.upgrade()
    committer = Committer(store)
    uuids = [str(uuid.uuid4()) for _ in range(count)]
    begun = time.perf_counter()
    outcomes = committer.run_all([CreateProvider(each, each) for each in uuids])
    outcomes += committer.run_all([SetInventories(each, 0, OFFERED) for each in uuids])
    print(f"  set up at {len(outcomes) / (time.perf_counter() - begun):8,.0f} writes/s")
    if any(isinstance(each, Refusal) for each in outcomes):
        raise SystemExit("the providers could not be made")
    committer.stop()
    store.close()
    return uuids


def claims(url: str, uuids: Sequence[str], threads: int, seconds: float) -> list[float]:
    """Claim from many threads for some seconds; how long each claim took."""
    sys.setswitchinterval(SWITCH_SECONDS)
    committer = Committer(Store.open(url))
    taken: list[list[float]] = [[] for _ in range(threads)]
    until = time.perf_counter() + seconds

    def claim_on(thread: int) -> None:
        number = thread
        while (begun := time.perf_counter()) < until:
            number += threads
            held = {uuids[number % len(uuids)]: WANTED}
            claim = Claim(str(uuid.uuid4()), held, "project", "user", expected_generation=None)
            committer.run(ReplaceAllocations((claim,)))
            taken[thread].append(time.perf_counter() - begun)

    running = [threading.Thread(target=claim_on, args=(thread,)) for thread in range(threads)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    committer.stop()
    return [each for times in taken for each in times]


def many_processes(url: str, uuids: Sequence[str], threads: int, processes: int, seconds: float) -> list[float]:
    """The same from several processes that share the threads."""
    if processes == 1:
        return claims(url, uuids, threads, seconds)
    order = json.dumps([url, uuids, threads // processes, seconds])
    program = [sys.executable, __file__, "--part"]
    parts = [
        subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    for part in parts:
        if part.stdin is None:
            raise SystemExit("no pipe to a part")
        print(order, file=part.stdin)
        part.stdin.close()
    return [each for part in parts if part.stdout is not None for each in json.loads(part.stdout.read())]


def measure(url: str, options: argparse.Namespace) -> None:
    print(url)
    uuids = fill(url, options.providers)
    for threads in options.threads:
        times = sorted(many_processes(url, uuids, threads, options.processes, options.seconds))
        middle, slow = times[len(times) // 2], times[int(len(times) * 0.99)]
        print(
            f"  {threads:3} threads, {options.processes} processes: {len(times) / options.seconds:8,.0f} claims/s, "
            f"median {middle * 1000:6.1f} ms, 99% within {slow * 1000:6.1f} ms"
        )
    store = Store.open(url)
    with store.reading() as connection:
        for breach in check.breaches(connection):
            raise SystemExit(breach)
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Claims a second through the committer.")
    parser.add_argument("--database", nargs="*", default=[])
    parser.add_argument("--threads", nargs="*", type=int, default=[1, 16, 64])
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--providers", type=int, default=1_000)
    parser.add_argument("--part", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(claims(*json.loads(sys.stdin.readline()))))
        return
    with tempfile.TemporaryDirectory() as folder:
        for url in options.database or [f"sqlite:///{folder}/claims.db"]:
            measure(url, options)


if __name__ == "__main__":
    main()
